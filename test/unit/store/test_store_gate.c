/* What a gate is linked from: all of session, and of stores only the way to other processes. */
#include "unit/cm.h"

#include "session/serve_pop3.h"
#include "store/drive.h"
#include "store/store_remote.h"

/* Back ends, which must not be here. */
struct pf_twin *pf_maildir_new(const void *, struct pf_err *) __attribute__((weak));
struct pf_twin *pf_mbox_new(const void *, struct pf_err *) __attribute__((weak));
struct pf_twin *pf_kinds_new(const void *, struct pf_err *) __attribute__((weak));
struct pf_store *pf_lift_new(void) __attribute__((weak));
struct pf_store *pf_sifted_new(struct pf_store *) __attribute__((weak));
void *pf_store_serve_new(const void *, struct pf_err *) __attribute__((weak));

static void no_back_end_is_in_a_gate(void **state)
{
    (void)state;
    assert_null(pf_maildir_new);
    assert_null(pf_mbox_new);
    assert_null(pf_kinds_new);
    assert_null(pf_lift_new);
    assert_null(pf_sifted_new);
    assert_null(pf_store_serve_new);
}

static void and_a_store_can_be_asked_for(void **state)
{
    struct drive drive = {.loop = pf_loop_new(NULL)};
    struct pf_purse *purse = pf_purse_new();
    struct pf_box_open o;

    (void)state;
    drive.store = pf_store_remote_new(drive.loop, purse, NULL, NULL);
    assert_non_null(drive.store);
    assert_int_equal(drive_open(&drive, "/m/anna", &o), PF_TEMP);
    pf_store_free(drive.store);
    pf_purse_free(purse);
    pf_loop_turn(drive.loop, false);
    pf_loop_free(drive.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(no_back_end_is_in_a_gate), T(and_a_store_can_be_asked_for)};

    return RUN(tests);
}
