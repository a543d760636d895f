/* Memory runs out at every allocation of an open, a read, a removal and a delivery: nothing is lost, nothing is
 * left behind, and the next try succeeds. */
#include "unit/mbox/rig.h"

#include "unit/scarce.h"

#include <unistd.h>

enum { MOST = 200 }; /* allocations that an act may have; a loop that does not end is a fault */

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
    return fd >= 0 ? 0 : -1;
}

static char uidls[3][PF_UIDL_MAX + 1];

/* From here on the n-th request fails. */
static void run_out(unsigned n)
{
    failed = false;
    countdown = n;
}

/* Says whether it failed; when it did, the code has to say so. */
static bool ran_out(enum pf_code code)
{
    countdown = 0;
    assert_true(code == PF_OK || (failed && code == PF_NO_MEMORY));
    return failed;
}

static void list_three(struct rig *r)
{
    unlink(rig_beside(r, ".box.postfach-state"));
    rig_put(r, RIG_A RIG_B RIG_C, "w");
    rig_enter(r, 3);
    for (uint32_t i = 0; i < 3; i++)
        snprintf(uidls[i], sizeof uidls[i], "%s", rig_uidl(r, i));
    rig_leave(r);
}

static void same_three(struct rig *r, uint32_t count)
{
    rig_enter(r, count);
    for (uint32_t i = 0; i < 3; i++)
        assert_string_equal(rig_uidl(r, i), uidls[i]);
    rig_leave(r);
}

enum scene { FIRST, UNCHANGED, GROWN, REWRITTEN, SCENES };

static uint32_t set(struct rig *r, enum scene scene)
{
    list_three(r);
    if (scene == FIRST)
        unlink(rig_beside(r, ".box.postfach-state"));
    if (scene == GROWN)
        rig_put(r, RIG_A, "a");
    if (scene == REWRITTEN)
        rig_put(r, RIG_A RIG_B_READ RIG_C RIG_A, "w");
    return scene == GROWN || scene == REWRITTEN ? 4 : 3;
}

static void an_open_loses_no_uidl(void **state)
{
    struct rig *r = *state;

    for (enum scene scene = FIRST; scene < SCENES; scene++) {
        bool more = true;

        for (unsigned n = 1; more; n++) {
            uint32_t count = set(r, scene);
            enum pf_code code;

            assert_in_range(n, 1, MOST);
            run_out(n);
            code = rig_try(r);
            more = ran_out(code);
            if (code == PF_OK) {
                assert_int_equal(r->o.listing.count, count);
                rig_leave(r);
            }
            if (scene != FIRST)
                same_three(r, count);
            rig_enter(r, count);
            rig_leave(r);
        }
    }
}

static void a_read_can_be_done_again(void **state)
{
    struct rig *r = *state;
    char got[RIG_TEXT];
    bool more = true;

    for (unsigned n = 1; more; n++) {
        enum pf_code code;

        r->settings.mboxrd = true; /* needs memory of its own */
        rig_renew(r);
        list_three(r);
        rig_enter(r, 3);
        run_out(n);
        code = rig_fetch(r, 1, 7, got);
        more = ran_out(code);
        rig_reads(r, 1, "Subject: b\n\nbeta\n");
        rig_leave(r);
        assert_true(n > 1 || failed);
    }
}

static void a_removal_is_done_or_not(void **state)
{
    struct rig *r = *state;
    bool more = true;

    for (unsigned n = 1; more; n++) {
        struct pf_box_expunge op;
        enum pf_code code;

        assert_in_range(n, 1, MOST);
        list_three(r);
        rig_enter(r, 3);
        run_out(n);
        code = rig_expunge(r, 2, &op);
        more = ran_out(code);
        assert_int_equal(op.removed + op.failed, 1);
        assert_int_equal(op.removed, code == PF_OK);
        run_out(n); /* closing, too */
        rig_leave(r);
        countdown = 0;
        rig_holds(r, code == PF_OK ? RIG_A RIG_C : RIG_A RIG_B RIG_C);
        rig_enter(r, code == PF_OK ? 2 : 3);
        assert_string_equal(rig_uidl(r, 0), uidls[0]);
        assert_string_equal(rig_uidl(r, r->o.listing.count - 1), uidls[2]);
        rig_leave(r);
    }
}

static void a_delivery_is_done_or_not(void **state)
{
    struct rig *r = *state;
    bool more = true;

    for (unsigned n = 1; more; n++) {
        struct pf_parcel_seal seal;
        enum pf_code code;

        assert_in_range(n, 1, MOST);
        list_three(r);
        run_out(n);
        code = rig_deliver(r, "S: n\n\nnew\n", &seal);
        more = ran_out(code);
        if (code)
            rig_holds(r, RIG_A RIG_B RIG_C);
        same_three(r, code ? 3 : 4);
        rig_enter(r, code ? 3 : 4);
        if (!code)
            assert_string_equal(rig_uidl(r, 3), seal.uidl);
        rig_leave(r);
    }
}

static void a_store_is_made_or_not(void **state)
{
    struct rig *r = *state;
    struct pf_twin *twin = NULL;

    r->settings.state_folder = r->folder;
    for (unsigned n = 1; !twin; n++) {
        struct pf_err err = {0};

        assert_in_range(n, 1, MOST);
        run_out(n);
        twin = pf_mbox_new(&r->settings, &err);
        countdown = 0;
        assert_int_equal(twin == NULL, failed);
        assert_int_equal(err.code, twin ? PF_OK : PF_NO_MEMORY);
    }
    twin->kind->free(twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(an_open_loses_no_uidl),
        RIG(a_read_can_be_done_again),
        RIG(a_removal_is_done_or_not),
        RIG(a_delivery_is_done_or_not),
        RIG(a_store_is_made_or_not),
    };

    return RUN(tests);
}
