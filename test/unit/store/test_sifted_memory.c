/* Every allocation of a view's life fails once: the answer is PF_NO_MEMORY, nothing leaks, nothing is lost. */
#include "unit/cm.h"

#include "store/drive.h"
#include "store/memory.h"
#include "store/sifted.h"
#include "unit/scarce.h"

enum { MAIL = 140 }; /* more than two words of marks */

static struct drive d;

/* Every second message is anna's. */
static void set_up(void)
{
    struct pf_store *memory;

    d.loop = pf_loop_new(NULL);
    memory = pf_memory_new(d.loop);
    for (int i = 0; i < MAIL; i++)
        assert_int_equal(pf_memory_add(memory, "/thor",
                                       i % 2 ? PF_LIT("Delivered-To: anna@thor\n\n")
                                             : PF_LIT("Delivered-To: bert@thor\n\n"), NULL, NULL), PF_OK);
    d.store = pf_sifted_new(memory);
    assert_non_null(d.store);
}

static void tear_down(void)
{
    pf_store_free(d.store);
    pf_loop_free(d.loop);
}

/* Opens anna's view, marks as seen and removes all of it. What is left of the maildrop then, if all went well. */
static uint32_t live(enum pf_code *out_open, enum pf_code *out_expunge)
{
    struct pf_box_open o = {.where = drive_where("/thor")};
    uint64_t words[MAIL / 2 / 64 + 1] = {~(uint64_t)0, ~(uint64_t)0};
    struct pf_marks marks = {words, MAIL / 2};
    struct pf_box_expunge e = {.remove = &marks, .seen = &marks};

    o.where.recipient = "anna@thor";
    drive_ready(&o.op);
    pf_box_open(d.store, &o);
    *out_open = drive_wait(&d, &o.op);
    if (*out_open != PF_OK)
        return MAIL;
    assert_int_equal(o.listing.count, MAIL / 2);
    drive_ready(&e.op);
    pf_box_expunge(o.box, &e);
    *out_expunge = drive_wait(&d, &e.op);
    assert_int_equal(e.removed + e.failed, MAIL / 2);
    drive_close(&d, o.box);
    return MAIL - e.removed;
}

static void every_allocation_of_a_view_fails_once(void **state)
{
    unsigned long number = 0;
    unsigned spared = 0;

    (void)state;
    do {
        enum pf_code open = PF_OK, expunge = PF_OK;
        uint32_t left;

        set_up();
        failed = false;
        countdown = ++number;
        left = live(&open, &expunge);
        countdown = 0;
        assert_true(open == PF_OK || open == PF_NO_MEMORY);
        assert_true(expunge == PF_OK || expunge == PF_NO_MEMORY);
        assert_int_equal(left, open == PF_OK && expunge == PF_OK ? MAIL / 2 : MAIL);
        spared += failed && open == PF_OK && expunge == PF_OK; /* marking as seen is done without */
        assert_int_equal(drive_count(&d, "/thor"), left);
        tear_down();
    } while (failed);
    assert_true(number > 8);
    assert_int_equal(spared, 1);
}

static void a_store_that_cannot_be_made_leaves_nothing(void **state)
{
    struct pf_store *inner;

    (void)state;
    d.loop = pf_loop_new(NULL);
    inner = pf_memory_new(d.loop);
    countdown = 1;
    assert_null(pf_sifted_new(inner));
    pf_loop_free(d.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_allocation_of_a_view_fails_once),
        T(a_store_that_cannot_be_made_leaves_nothing),
    };

    return RUN(tests);
}
