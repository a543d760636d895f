#include "unit/cm.h"

#include "sys/ipc.h"
#include "sys/slot.h"
#include "sys/slot_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 4 };

static void both(struct pf_slots **gate, struct pf_slots **store)
{
    *gate = pf_slots_new(SLOTS, NULL);
    assert_non_null(*gate);
    *store = pf_slots_map(pf_slots_fd(*gate), SLOTS, NULL);
    assert_non_null(*store);
}

static void a_slot_goes_there_and_back(void **state)
{
    struct pf_slots *gate, *store;
    uint32_t slot;

    (void)state;
    both(&gate, &store);
    assert_int_equal(pf_slots_room(gate), SLOTS);
    assert_int_equal(pf_slots_room(store), 0);
    assert_true(pf_slot_take(gate, &slot));
    pf_slot_lend(gate, slot);
    assert_true(pf_slot_receive(store, slot));
    memset(pf_slot_at(store, slot), 'x', PF_SLOT_OCTETS);
    pf_slot_lend(store, slot);
    assert_true(pf_slot_receive(gate, slot));
    assert_int_equal(pf_slot_at(gate, slot)[0], 'x');
    assert_int_equal(pf_slot_at(gate, slot)[PF_SLOT_OCTETS - 1], 'x');
    pf_slot_put(gate, slot);
    assert_int_equal(pf_slots_room(gate), SLOTS);
    pf_slots_free(gate);
    /* The memory is there as long as one of them has it. */
    assert_true(pf_slot_receive(store, slot));
    assert_int_equal(pf_slot_at(store, slot)[1], 'x');
    pf_slots_free(store);
    pf_slots_free(NULL);
}

static void there_are_so_many_and_all_different(void **state)
{
    struct pf_slots *gate, *store;
    uint32_t slot[SLOTS], more;

    (void)state;
    both(&gate, &store);
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_true(pf_slot_take(gate, &slot[i]));
        memset(pf_slot_at(gate, slot[i]), (int)i, PF_SLOT_OCTETS);
    }
    assert_false(pf_slot_take(gate, &more));
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_int_equal(pf_slot_at(gate, slot[i])[0], i);
        assert_int_equal(pf_slot_at(gate, slot[i])[PF_SLOT_OCTETS - 1], i);
    }
    pf_slot_put(gate, slot[2]);
    assert_true(pf_slot_take(gate, &more));
    assert_int_equal(more, slot[2]);
    pf_slots_free(gate);
    pf_slots_free(store);
}

static void what_a_peer_does_not_hold_it_cannot_give(void **state)
{
    struct pf_slots *gate, *store;
    uint32_t slot;

    (void)state;
    both(&gate, &store);
    assert_true(pf_slot_take(gate, &slot));
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_false(pf_slot_receive(gate, i)); /* free, or ours */
    assert_false(pf_slot_receive(gate, SLOTS));
    assert_false(pf_slot_receive(gate, UINT32_MAX));
    pf_slot_lend(gate, slot);
    assert_true(pf_slot_receive(gate, slot));
    assert_false(pf_slot_receive(gate, slot)); /* once */
    /* The store's side: a gate that lends what it has lent already. */
    assert_true(pf_slot_receive(store, 1));
    assert_false(pf_slot_receive(store, 1));
    pf_slots_free(gate);
    pf_slots_free(store);
}

static void its_length_is_for_ever(void **state)
{
    struct pf_slots *gate = pf_slots_new(SLOTS, NULL);
    int fd = pf_slots_fd(gate);
    struct stat info;

    (void)state;
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 2 * SLOTS * PF_SLOT_OCTETS), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, SLOTS * PF_SLOT_OCTETS);
    pf_slots_free(gate);
}

static void no_map(int fd, unsigned count)
{
    struct pf_err err;

    assert_null(pf_slots_map(fd, count, &err));
    assert_int_equal(err.code, PF_PERM);
}

static void only_sealed_memory_of_the_right_length_is_mapped(void **state)
{
    struct pf_slots *gate = pf_slots_new(SLOTS, NULL);
    int plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    no_map(pf_slots_fd(gate), SLOTS - 1);
    no_map(pf_slots_fd(gate), SLOTS + 1);
    no_map(pf_slots_fd(gate), 0);
    no_map(pf_slots_fd(gate), UINT32_MAX);
    assert_int_equal(ftruncate(plain, SLOTS * PF_SLOT_OCTETS), 0);
    no_map(plain, SLOTS);
    assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), 0);
    no_map(plain, SLOTS);
    assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    no_map(plain, SLOTS); /* its owner could still seal it against writing */
    assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_SEAL), 0);
    pf_slots_free(pf_slots_map(plain, SLOTS, NULL));
    no_map(file, SLOTS);
    no_map(-1, SLOTS);
    close(plain);
    close(file);
    pf_slots_free(gate);
}

static void trimmed_slots_cost_nothing(void **state)
{
    struct pf_slots *gate = pf_slots_new(SLOTS, NULL);
    uint32_t kept, gone;
    struct stat info;

    (void)state;
    assert_true(pf_slot_take(gate, &kept));
    assert_true(pf_slot_take(gate, &gone));
    memset(pf_slot_at(gate, kept), 'k', PF_SLOT_OCTETS);
    memset(pf_slot_at(gate, gone), 'g', PF_SLOT_OCTETS);
    fstat(pf_slots_fd(gate), &info);
    assert_int_equal(info.st_blocks * 512, 2 * PF_SLOT_OCTETS);
    pf_slot_put(gate, gone);
    pf_slots_trim(gate);
    fstat(pf_slots_fd(gate), &info);
    assert_int_equal(info.st_blocks * 512, PF_SLOT_OCTETS);
    assert_int_equal(pf_slot_at(gate, kept)[9], 'k');
    pf_slots_free(gate);
}

/* Two processes and the frames between them: the arena crosses as a descriptor, the slot as a number. */
struct side {
    struct pf_ipc *ipc;
    struct pf_slots *slots;
    unsigned gone, heard;
};

static struct pf_loop *loop;

static void store_request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct side *side = self;
    uint32_t slot;

    if (!side->slots)
        side->slots = pf_slots_map(frame->fds[0], SLOTS, NULL);
    memcpy(&slot, frame->payload.at, sizeof slot);
    if (!side->slots || !pf_slot_receive(side->slots, slot)) {
        pf_ipc_drop(side->ipc, "a slot that is not its own");
        return;
    }
    memset(pf_slot_at(side->slots, slot), 'm', PF_SLOT_OCTETS);
    pf_slot_lend(side->slots, slot);
    pf_ipc_answer(side->ipc, id, &(struct pf_ipc_frame){.kind = 2, .payload = frame->payload});
}

static void gone(void *self, const struct pf_err *err)
{
    struct side *side = self;

    (void)err;
    side->gone++;
}

static struct side *opened(int fd)
{
    static const struct pf_ipc_calls calls = {.request = store_request, .gone = gone};
    static struct side side;

    side = (struct side){0};
    loop = pf_loop_new(NULL);
    side.ipc = pf_ipc_new(loop, fd, &(struct pf_ipc_settings){&calls, &side, false, getuid()}, NULL);
    assert_non_null(side.ipc);
    return &side;
}

static void closed(struct side *side)
{
    pf_ipc_close(side->ipc);
    for (int i = 0; i < 4; i++)
        pf_loop_turn(loop, false);
    pf_loop_free(loop);
    pf_slots_free(side->slots);
}

static void serve(int fd)
{
    struct side *side = opened(fd);

    while (!side->gone)
        pf_loop_turn(loop, true);
    closed(side);
    _exit(0);
}

static struct side *asker;
static enum pf_code verdict;

static void filled(struct pf_ipc_ask *ask)
{
    uint32_t slot;

    asker->heard++;
    verdict = ask->why ? PF_TEMP : PF_OK;
    if (verdict != PF_OK)
        return;
    memcpy(&slot, ask->answer->payload.at, sizeof slot);
    assert_true(pf_slot_receive(asker->slots, slot));
    assert_int_equal(pf_slot_at(asker->slots, slot)[PF_SLOT_OCTETS - 1], 'm');
    pf_slot_put(asker->slots, slot);
}

static enum pf_code ask_for(uint32_t slot, bool send_arena)
{
    struct pf_ipc_ask ask = {.done = filled};
    struct pf_ipc_frame frame = {.kind = 1, .payload = pf_bytes_from(&slot, sizeof slot),
                                 .fd_count = send_arena, .fds = {pf_slots_fd(asker->slots)}};
    unsigned before = asker->heard;

    assert_int_equal(pf_ipc_ask(asker->ipc, &ask, &frame), PF_OK);
    while (asker->heard == before)
        pf_loop_turn(loop, true);
    return verdict;
}

static void slots_cross_between_processes(void **state)
{
    uint32_t slot;
    int fds[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        serve(fds[1]);
    }
    close(fds[1]);
    asker = opened(fds[0]);
    asker->slots = pf_slots_new(SLOTS, NULL);
    for (unsigned i = 0; i < 2 * SLOTS; i++) {
        assert_true(pf_slot_take(asker->slots, &slot));
        pf_slot_lend(asker->slots, slot);
        assert_int_equal(ask_for(slot, i == 0), PF_OK);
    }
    /* A claim that is no slot: the store drops us. */
    assert_int_equal(ask_for(SLOTS, false), PF_TEMP);
    closed(asker);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_slot_goes_there_and_back),     T(there_are_so_many_and_all_different),
        T(what_a_peer_does_not_hold_it_cannot_give), T(its_length_is_for_ever),
        T(only_sealed_memory_of_the_right_length_is_mapped), T(trimmed_slots_cost_nothing),
        T(slots_cross_between_processes),
    };

    return RUN(tests);
}
