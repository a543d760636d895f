/* Every n-th call of each kind fails once, for n = 1, 2, 3 until a whole scene
 * plays without meeting the fault. After each scene nothing is lost, nothing
 * is invented, and the store goes on as before. */
#include "store/faulty.h"
#include "store/maildir/maildir.h"
#include "store/memory.h"
#include "store/scene.h"
#include "store/twin.h"
#include "unit/cm.h"

/* False when the fault was not met. */
static bool play_with(const struct rig *rig, enum pf_fault_at at, unsigned number, enum pf_code code)
{
    struct pf_fault fault = {.at = at, .number = number, .index = -1, .code = code};
    struct world w;
    struct scene s;
    bool fired;

    assert_true(world_make(&w, rig));
    scene_prepare(&s, &w);
    pf_faulty_add(w.drive.store, &fault);
    scene_play(&s);
    fired = pf_faulty_fired(w.drive.store) > 0;
    assert_int_equal(s.failures, fired);
    pf_faulty_clear(w.drive.store);
    scene_expect(&s);
    assert_int_equal(s.failures, fired);
    assert_true(world_break(&w));
    return fired;
}

static bool make_memory(struct world *w)
{
    struct pf_store *inner = pf_memory_new(w->drive.loop);

    w->drive.store = inner ? pf_faulty_new(inner) : NULL;
    return w->drive.store != NULL;
}

static bool lift(struct world *w, struct pf_twin *twin)
{
    struct pf_store *inner = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;

    w->drive.store = inner ? pf_faulty_new(inner) : NULL;
    return w->drive.store != NULL;
}

static bool make_lifted(struct world *w)
{
    return lift(w, twin_new());
}

static bool make_maildir(struct world *w)
{
    const struct pf_maildir_settings settings = {
        .create = true, .cache = true, .keep = 1 << 20, .host = "test.example"};

    return lift(w, pf_maildir_new(&settings, NULL));
}

static void play_all(enum pf_fault_at at, enum pf_code code, unsigned least)
{
    static const struct rig rigs[] = {{.name = "faulty memory", .make = make_memory},
                                      {.name = "faulty lift", .make = make_lifted},
                                      {.name = "faulty maildir", .folder = true, .make = make_maildir}};

    for (unsigned r = 0; r < sizeof rigs / sizeof rigs[0]; r++) {
        unsigned number = 1;

        while (play_with(&rigs[r], at, number, code))
            number++;
        assert_true(number > least); /* a scene that meets no fault proves nothing */
    }
}

static void every_open_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_OPEN, PF_IN_USE, 2);
}

static void every_read_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_READ, PF_IO, 6);
    play_all(PF_FAULT_READ, PF_GONE, 6);
}

static void every_expunge_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_EXPUNGE, PF_IO, 1);
    play_all(PF_FAULT_EXPUNGE, PF_PARTIAL, 1);
}

static void every_begin_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_BEGIN, PF_OVER_QUOTA, 6);
}

static void every_write_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_WRITE, PF_NO_SPACE, 10);
}

static void every_seal_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_SEAL, PF_IO, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_open_fails_once),  T(every_read_fails_once),  T(every_expunge_fails_once),
        T(every_begin_fails_once), T(every_write_fails_once), T(every_seal_fails_once),
    };

    return RUN(tests);
}
