#include "unit/store/farstore.h"

#include "unit/cm.h"

struct far_store far;

void far_answer(uint64_t id, uint16_t kind)
{
    static unsigned char room[PF_IPC_PAYLOAD_MAX];
    struct pf_span span = {room, 0, sizeof room};
    struct pf_ipc_frame frame = {.kind = kind, .fd_count = far.fd >= 0, .fds = {far.fd}};

    if (far.raw[kind])
        frame.payload = pf_bytes_from(far.raw[kind], far.raw_len[kind]);
    else {
        assert_true(pf_store_wire_put_say(&span, kind, &far.say[kind]));
        frame.payload = pf_span_bytes(&span);
    }
    pf_ipc_answer(far.ipc, id, &frame);
}

static void whole_messages(unsigned char *at)
{
    struct pf_store_say_read *r = &far.say[PF_STORE_READ].read;

    r->more = far.last.read.more;
    for (uint32_t i = 0; i <= r->more; i++) {
        if (i)
            r->further[i - 1].got = r->got;
        memset(at + (size_t)i * r->got, 'a' + (int)(far.last.read.index + i) % 26, r->got);
    }
}

static void look(uint16_t kind, struct pf_ipc_frame *frame)
{
    const struct pf_store_ask_expunge *e = &far.last.expunge;

    if (kind == PF_STORE_READ && far.last.read.arena) {
        assert_null(far.slots);
        far.slots = pf_slots_map(frame->fds[0], far.last.read.arena, NULL);
        assert_non_null(far.slots);
    }
    if (kind == PF_STORE_READ) {
        assert_true(pf_slot_receive(far.slots, far.last.read.slot));
        if (far.whole)
            whole_messages(pf_slot_at(far.slots, far.last.read.slot));
        else
            memset(pf_slot_at(far.slots, far.last.read.slot), 'a' + (int)(far.last.read.offset / 65536) % 26,
                   far.last.read.cap);
        pf_slot_lend(far.slots, far.last.read.slot);
    }
    for (size_t i = 0; kind == PF_STORE_EXPUNGE && i < e->remove.len; i++)
        far.bits += (unsigned)__builtin_popcount(e->remove.at[i]);
    far.pieces += kind == PF_STORE_EXPUNGE;
}

static void far_request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    (void)self;
    assert_true(pf_store_wire_get_ask(frame->payload, frame->kind, &far.last));
    far.asked[frame->kind]++;
    look(frame->kind, frame);
    if (far.mute) {
        assert_true(far.waiting < sizeof far.ids / sizeof far.ids[0]);
        far.ids[far.waiting++] = id;
    } else {
        far_answer(id, frame->kind);
    }
}

static void far_gone(void *self, const struct pf_err *err)
{
    (void)self;
    (void)err;
    far.gone = true;
}

void far_joins(struct drive *drive, uint32_t number)
{
    static const struct pf_ipc_calls calls = {.request = far_request, .gone = far_gone};
    int fds[2];

    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    far.ipc = pf_ipc_new(drive->loop, fds[0], &(struct pf_ipc_settings){.calls = &calls, .any_uid = true}, NULL);
    assert_non_null(far.ipc);
    assert_int_equal(pf_store_remote_join(drive->store, number, fds[1], NULL), PF_OK);
}
