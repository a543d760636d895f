/* Every n-th allocation fails once, for n = 1, 2, 3 until a whole scene plays
 * without meeting the failure. The answer is PF_NO_MEMORY and nothing worse. */
#include "store/faulty.h"
#include "store/maildir/maildir.h"
#include "store/memory.h"
#include "store/scene.h"
#include "store/traced.h"
#include "store/twin.h"
#include "unit/cm.h"
#include "unit/scarce.h"

static void say(void *self, const char *line)
{
    (void)self;
    (void)line;
}

static bool make_wrapped(struct world *w)
{
    struct pf_store *inner = pf_memory_new(w->drive.loop);

    inner = inner ? pf_faulty_new(inner) : NULL;
    w->drive.store = inner ? pf_traced_new(inner, say, NULL) : NULL;
    return w->drive.store != NULL;
}

static bool make_lifted(struct world *w)
{
    struct pf_twin *twin = twin_new();

    w->drive.store = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;
    return w->drive.store != NULL;
}

static bool make_maildir(struct world *w)
{
    const struct pf_maildir_settings settings = {
        .create = true, .cache = true, .keep = 1 << 20, .host = "test.example"};
    struct pf_twin *twin = pf_maildir_new(&settings, NULL);

    w->drive.store = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;
    return w->drive.store != NULL;
}

/* False when no allocation failed. `spare`: some allocations are for what a store can do without. */
static bool play_with(const struct rig *rig, unsigned number, bool spare)
{
    struct world w;
    struct scene s;
    bool met;

    assert_true(world_make(&w, rig));
    scene_prepare(&s, &w);
    countdown = number;
    scene_play(&s);
    met = countdown == 0;
    countdown = 0;
    assert_true(s.failures <= met);
    assert_true(spare || s.failures == met);
    scene_expect(&s);
    assert_true(world_break(&w));
    return met;
}

static void play_all(const struct rig *rig, unsigned least, bool spare)
{
    unsigned number = 1;

    while (play_with(rig, number, spare))
        number++;
    assert_true(number > least);
}

static void every_allocation_of_memory_and_its_wrappers_fails_once(void **state)
{
    static const struct rig rig = {.name = "wrapped", .make = make_wrapped};

    (void)state;
    play_all(&rig, 40, false);
}

static void every_allocation_of_a_lifted_store_fails_once(void **state)
{
    static const struct rig rig = {.name = "lifted", .make = make_lifted};

    (void)state;
    play_all(&rig, 20, true); /* what cannot be collected is written */
}

static void every_allocation_of_the_maildir_fails_once(void **state)
{
    static const struct rig rig = {.name = "maildir", .folder = true, .make = make_maildir};

    (void)state;
    play_all(&rig, 40, true);
}

/* What is taken over is freed also when there is no memory to take it. */
static void stores_that_cannot_be_made_leave_nothing(void **state)
{
    struct world w;
    struct pf_store *inner;
    struct pf_err err;

    (void)state;
    assert_true(world_make(&w, &(struct rig){.name = "wrapped", .make = make_wrapped}));
    countdown = 1;
    assert_null(pf_memory_new(w.drive.loop));
    inner = pf_memory_new(w.drive.loop);
    countdown = 1;
    assert_null(pf_faulty_new(inner));
    inner = pf_memory_new(w.drive.loop);
    countdown = 1;
    assert_null(pf_traced_new(inner, say, NULL));
    countdown = 2;
    assert_null(pf_lift_new(w.drive.loop, w.pool, twin_new(), &err));
    assert_int_equal(err.code, PF_NO_MEMORY);
    assert_true(world_break(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_allocation_of_memory_and_its_wrappers_fails_once),
        T(every_allocation_of_a_lifted_store_fails_once),
        T(every_allocation_of_the_maildir_fails_once),
        T(stores_that_cannot_be_made_leave_nothing),
    };

    return RUN(tests);
}
