/* Every n-th allocation fails once, on either side of the frames, for n = 1, 2, 3 until a whole life plays without
 * meeting the failure. */
#include "store/life.h"
#include "store/memory.h"
#include "unit/cm.h"
#include "sys/ipc.h"
#include "unit/scarce.h"

#include <unistd.h>

static bool make(struct world *w)
{
    return remote_make(w, pf_memory_new(w->drive.loop));
}

static bool fail_at(unsigned long number, struct life_sum *sum)
{
    static const struct rig rig = {.name = "remote", .make = make};
    struct world w;
    struct life life;
    bool met;

    assert_true(world_make(&w, &rig));
    life_prepare(&life, &w);
    failed = false;
    countdown = number;
    life_play(&life);
    met = failed;
    countdown = 0;
    if (!met)
        assert_int_equal(life.failures, 0);
    life_judge(&life, sum);
    life_end(&life);
    assert_true(world_break(&w));
    return met;
}

static void every_allocation_fails_once(void **state)
{
    struct life_sum sum = {0};
    unsigned long number = 1;

    (void)state;
    while (fail_at(number, &sum))
        number++;
    life_report("allocations", &sum);
    assert_true(number > 50);
}

/* Also while it is made; whatever was taken over is freed. */
static void what_cannot_be_made_leaves_nothing(void **state)
{
    bool made = false;

    (void)state;
    for (unsigned long number = 1; !made; number++) {
        struct pf_loop *loop = pf_loop_new(NULL);
        struct pf_purse *purse = pf_purse_new();
        struct pf_store *store;
        int fds[2];

        assert_true(loop && purse);
        assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
        countdown = number;
        store = pf_store_remote_new(loop, purse, NULL, NULL);
        if (store)
            made = pf_store_remote_join(store, 1, fds[0], NULL) == PF_OK;
        else
            close(fds[0]);
        countdown = 0;
        assert_int_equal(store ? pf_store_remote_stores(store) : 0, made);
        close(fds[1]);
        pf_store_free(store);
        remote_settle(loop);
        pf_purse_free(purse);
        pf_loop_free(loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_allocation_fails_once),
        T(what_cannot_be_made_leaves_nothing),
    };

    return RUN(tests);
}
