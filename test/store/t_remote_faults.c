/* A store behind frames: whatever fails at the store fails here the same way; and the way between the two breaks at
 * each frame in turn, before it is sent and after. */
#include "store/faulty.h"
#include "store/life.h"
#include "store/maildir/maildir.h"
#include "store/memory.h"
#include "store/scene.h"
#include "sys/ipc_private.h"
#include "unit/cm.h"

#include <sys/socket.h>

enum pf_ipc_took __real_pf_ipc_wire_send(int fd, const struct pf_ipc_head *, const struct pf_ipc_frame *, int *);
enum pf_ipc_took __wrap_pf_ipc_wire_send(int fd, const struct pf_ipc_head *, const struct pf_ipc_frame *, int *);

static unsigned countdown; /* frames until the way breaks; 0: it holds */
static bool after_it;      /* the frame still arrives */

enum pf_ipc_took __wrap_pf_ipc_wire_send(int fd, const struct pf_ipc_head *head, const struct pf_ipc_frame *frame,
                                         int *sys)
{
    bool breaks = countdown && --countdown == 0;
    enum pf_ipc_took took;

    if (breaks && !after_it)
        shutdown(fd, SHUT_RDWR);
    took = __real_pf_ipc_wire_send(fd, head, frame, sys);
    if (breaks && after_it)
        shutdown(fd, SHUT_RDWR);
    return took;
}

static bool make_memory(struct world *w)
{
    struct pf_store *memory = pf_memory_new(w->drive.loop);

    return remote_make(w, memory ? pf_faulty_new(memory) : NULL);
}

static bool make_maildir(struct world *w)
{
    const struct pf_maildir_settings settings = {
        .create = true, .cache = true, .keep = 1 << 20, .host = "test.example"};
    struct pf_twin *twin = pf_maildir_new(&settings, NULL);
    struct pf_store *lifted = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;

    return remote_make(w, lifted ? pf_faulty_new(lifted) : NULL);
}

static const struct rig rigs[] = {{.name = "memory", .make = make_memory},
                                  {.name = "maildir", .folder = true, .make = make_maildir}};

enum { RIGS = sizeof rigs / sizeof rigs[0] };

/* False when the way did not break. */
static bool break_at(const struct rig *rig, unsigned frame, struct life_sum *sum)
{
    struct world w;
    struct life life;
    bool broke;

    assert_true(world_make(&w, rig));
    life_prepare(&life, &w);
    countdown = frame;
    life_play(&life);
    broke = countdown == 0;
    countdown = 0;
    if (!broke)
        assert_int_equal(life.failures, 0);
    life_judge(&life, sum);
    assert_int_equal(remote_office(&w)->deaths, broke);
    life_end(&life);
    assert_true(world_break(&w));
    return broke;
}

static void break_at_each_frame(bool after)
{
    after_it = after;
    for (unsigned r = 0; r < RIGS; r++) {
        struct life_sum sum = {0};
        unsigned frame = 1;

        while (break_at(&rigs[r], frame, &sum))
            frame++;
        assert_true(frame > 60);
        life_report(rigs[r].name, &sum);
    }
}

static void the_way_breaks_before_each_frame(void **state)
{
    (void)state;
    break_at_each_frame(false);
}

static void the_way_breaks_behind_each_frame(void **state)
{
    (void)state;
    break_at_each_frame(true);
}

/* As t_faults.c, and the error is the one that the store gave. */
static bool fault_at(const struct rig *rig, const struct pf_fault *fault)
{
    struct world w;
    struct scene s;
    bool fired;

    assert_true(world_make(&w, rig));
    scene_prepare(&s, &w);
    pf_faulty_add(remote_office(&w)->real, fault);
    scene_play(&s);
    fired = pf_faulty_fired(remote_office(&w)->real) > 0;
    assert_int_equal(s.failures, fired);
    pf_faulty_clear(remote_office(&w)->real);
    scene_expect(&s);
    assert_int_equal(s.failures, fired);
    assert_int_equal(remote_office(&w)->deaths, 0);
    assert_true(world_break(&w));
    return fired;
}

static void every_call_of_the_store_fails_once(void **state)
{
    static const struct {
        enum pf_fault_at at;
        enum pf_code code;
    } faults[] = {{PF_FAULT_OPEN, PF_IN_USE},       {PF_FAULT_OPEN, PF_IO},    {PF_FAULT_READ, PF_GONE},
                  {PF_FAULT_EXPUNGE, PF_PARTIAL},   {PF_FAULT_EXPUNGE, PF_IO}, {PF_FAULT_BEGIN, PF_OVER_QUOTA},
                  {PF_FAULT_WRITE, PF_NO_SPACE},    {PF_FAULT_SEAL, PF_IO}};
    unsigned tried = 0;

    (void)state;
    for (unsigned r = 0; r < RIGS; r++)
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
            struct pf_fault fault = {.at = faults[i].at, .number = 1, .index = -1, .code = faults[i].code};

            for (; fault_at(&rigs[r], &fault); fault.number++)
                tried++;
            assert_true(fault.number > 1);
        }
    print_message("# faults of the store behind: %u tried\n", tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_call_of_the_store_fails_once),
        T(the_way_breaks_before_each_frame),
        T(the_way_breaks_behind_each_frame),
    };

    return RUN(tests);
}
