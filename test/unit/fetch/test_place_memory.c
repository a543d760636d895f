/* Memory that lacks at every place once: nothing is lost, nothing leaks, and the next run is whole. */
#include "unit/fetch/placerig.h"
#include "unit/scarce.h"

#include <unistd.h>

int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd)
{
    return fd < 0 ? -1 : 0; /* no power is cut here */
}

int __wrap_fdatasync(int fd)
{
    return fd < 0 ? -1 : 0;
}

enum { LETTERS = 3, ENOUGH = 400 };

static unsigned long next;

static void arm(void)
{
    failed = false;
    countdown = next;
}

static void deliver_all(struct placerig *r)
{
    unsigned ended = 0;

    for (long i = 0; i < LETTERS; i++) {
        struct pf_err err;
        struct pf_letter *l;

        if (placerig_state(r, i) != PF_LEDGER_GONE)
            continue;
        l = placerig_write(r, i, "Subject: a\r\n\r\n", 0, &err);
        if (!l)
            continue;
        placerig_end_letter(r, l, i == 1 ? "Lists" : NULL);
        ended++;
    }
    placerig_wait(r, ended);
}

static void memory_lacks_anywhere(void **state)
{
    (void)state;
    failed = true;
    for (next = 1; failed && next < ENOUGH; next++) {
        struct placerig *r;
        void *rig;
        char room[32];
        struct pf_ledger_note old = placerig_note(9, PF_LEDGER_WILL, "01234567//1.2.3", room);

        placerig_begin(&rig);
        r = rig;
        assert_true(placerig_open(r));
        assert_int_equal(pf_ledger_write(r->ledger, &old, 1, true, NULL), PF_OK);
        placerig_close(r);
        r->before = arm;
        if (placerig_open(r))
            deliver_all(r);
        countdown = 0;
        r->before = NULL;
        placerig_close(r);
        assert_true(placerig_open(r));
        assert_int_equal(r->settled.code, PF_OK);
        deliver_all(r);
        placerig_close(r);
        assert_int_equal(placerig_count(r, "Mail/new"), 2);
        assert_int_equal(placerig_count(r, "Mail/.Lists/new"), 1);
        placerig_end(&rig);
    }
    assert_in_range(next, 10, ENOUGH - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(memory_lacks_anywhere),
    };

    return RUN(tests);
}
