#include "unit/store/servegate.h"

#include "unit/cm.h"

#include <stdlib.h>
#include <unistd.h>

static void trouble(void *self, const struct pf_err *err)
{
    struct serverig *rig = self;

    rig->troubles++;
    snprintf(rig->trouble, sizeof rig->trouble, "%s", err->log);
}

static void idle(void *self)
{
    ((struct serverig *)self)->idles++;
}

void serverig_up(struct serverig *rig)
{
    static const unsigned char key[PF_SEAL_KEY] = {9};
    struct pf_store_serve_parts parts = {.number = SERVE_NUMBER, .trouble = trouble, .idle = idle, .self = rig};

    *rig = (struct serverig){.loop = pf_loop_new(NULL)};
    rig->memory = pf_memory_new(rig->loop);
    rig->store = pf_faulty_new(rig->memory);
    rig->seal = pf_seal_new(key, PF_SEAL_WINDOW, NULL);
    parts.loop = rig->loop;
    parts.store = rig->store;
    parts.seal = rig->seal;
    rig->serve = pf_store_serve_new(&parts, NULL);
    assert_non_null(rig->serve);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pf_memory_add(rig->memory, "/m/anna", PF_LIT("Subject: a\n\nbody\n"), NULL, NULL), PF_OK);
}

static void ended(void *self)
{
    ((struct serverig *)self)->ended = true;
}

void serverig_turn(struct serverig *rig)
{
    for (int i = 0; i < 16; i++)
        pf_loop_turn(rig->loop, false);
}

void serverig_down(struct serverig *rig)
{
    pf_store_serve_end(rig->serve, ended, rig);
    while (!rig->ended)
        pf_loop_turn(rig->loop, true);
    serverig_turn(rig);
    assert_int_equal(rig->store->held, 0);
    pf_store_free(rig->store);
    pf_seal_free(rig->seal);
    pf_loop_free(rig->loop);
}

static void answer_wanted(struct servegate *gate, uint64_t id)
{
    unsigned char room[512];
    struct pf_span span = {room, 0, sizeof room};
    const union pf_store_say say = {.wanted = gate->answer};

    assert_true(pf_store_wire_put_say(&span, PF_STORE_WANTED, &say));
    pf_ipc_answer(gate->ipc, id, &(struct pf_ipc_frame){.kind = PF_STORE_WANTED, .payload = pf_span_bytes(&span)});
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct servegate *gate = self;
    union pf_store_ask asked;

    assert_int_equal(frame->kind, PF_STORE_WANTED);
    assert_true(pf_store_wire_get_ask(frame->payload, frame->kind, &asked));
    assert_int_not_equal(asked.wanted.session, 0);
    gate->wanted++;
    gate->unanswered = id;
    if (!gate->mute)
        answer_wanted(gate, id);
}

static void gone(void *self, const struct pf_err *err)
{
    struct servegate *gate = self;

    (void)err;
    gate->gone = true;
}

void servegate_come(struct serverig *rig, struct servegate *gate, uint32_t number)
{
    static const struct pf_ipc_calls calls = {.request = request, .gone = gone};
    int fds[2];

    *gate = (struct servegate){.rig = rig, .number = number, .fd = -1};
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    assert_int_equal(pf_store_serve_gate(rig->serve, fds[0], number, NULL), PF_OK);
    gate->ipc = pf_ipc_new(rig->loop, fds[1],
                           &(struct pf_ipc_settings){.calls = &calls, .self = gate, .any_uid = true}, NULL);
    gate->slots = pf_slots_new(SERVE_SLOTS, NULL);
    assert_true(gate->ipc && gate->slots);
}

void servegate_leave(struct servegate *gate)
{
    pf_ipc_close(gate->ipc);
    pf_slots_free(gate->slots);
    if (gate->fd >= 0)
        close(gate->fd);
    serverig_turn(gate->rig);
}

struct question {
    struct pf_ipc_ask ask;
    struct servegate *gate;
    uint16_t kind;
    bool done;
};

static void answered(struct pf_ipc_ask *ask)
{
    struct question *q = (struct question *)(void *)((char *)ask - offsetof(struct question, ask));
    struct servegate *gate = q->gate;

    q->done = true;
    gate->verdict = ask->why ? PF_TEMP : PF_OK;
    if (ask->why)
        return;
    gate->answers++;
    if (gate->fd >= 0)
        close(gate->fd);
    gate->fd = ask->answer->fd_count ? ask->answer->fds[0] : -1;
    ask->answer->fds[0] = -1;
    memcpy(gate->room, ask->answer->payload.at, ask->answer->payload.len);
    gate->good = ask->answer->kind == q->kind &&
                 pf_store_wire_get_say(pf_bytes_from(gate->room, ask->answer->payload.len), q->kind, &gate->said);
}

bool servegate_raw(struct servegate *gate, uint16_t kind, struct pf_bytes payload, int fd)
{
    struct question q = {.ask.done = answered, .gate = gate, .kind = kind};
    const struct pf_ipc_frame frame = {.kind = kind, .payload = payload, .fd_count = fd >= 0, .fds = {fd}};

    assert_int_equal(pf_ipc_ask(gate->ipc, &q.ask, &frame), PF_OK);
    while (!q.done)
        assert_true(pf_loop_turn(gate->rig->loop, true));
    serverig_turn(gate->rig);
    assert_true(gate->verdict != PF_OK || gate->good);
    return gate->verdict == PF_OK;
}

bool servegate_ask_with(struct servegate *gate, enum pf_store_frame kind, const union pf_store_ask *ask, int fd)
{
    static unsigned char room[PF_IPC_PAYLOAD_MAX];
    struct pf_span span = {room, 0, sizeof room};

    assert_true(pf_store_wire_put_ask(&span, kind, ask));
    return servegate_raw(gate, (uint16_t)kind, pf_span_bytes(&span), fd);
}

bool servegate_ask(struct servegate *gate, enum pf_store_frame kind, const union pf_store_ask *ask)
{
    return servegate_ask_with(gate, kind, ask, -1);
}

static void nothing(struct pf_ipc_ask *ask)
{
    free(ask);
}

void servegate_send(struct servegate *gate, enum pf_store_frame kind, const union pf_store_ask *ask)
{
    unsigned char room[2048];
    struct pf_span span = {room, 0, sizeof room};
    struct pf_ipc_ask *question = calloc(1, sizeof *question);
    struct pf_ipc_frame frame = {.kind = (uint16_t)kind};

    assert_non_null(question);
    question->done = nothing;
    assert_true(pf_store_wire_put_ask(&span, kind, ask));
    frame.payload = pf_span_bytes(&span);
    assert_int_equal(pf_ipc_ask(gate->ipc, question, &frame), PF_OK);
}

struct pf_ticket servegate_ticket(const struct servegate *gate)
{
    return (struct pf_ticket){.user = "anna", .path = "/m/anna", .rights = PF_TICKET_RIGHTS, .expire_days = -1,
                              .gate = gate->number, .store = SERVE_NUMBER, .session = gate->number * 100u,
                              .expires = pf_loop_now_fresh(gate->rig->loop) + 30000};
}

struct pf_bytes servegate_seal(struct serverig *rig, struct pf_ticket *ticket)
{
    static unsigned char room[PF_SEAL_TICKET_MAX];
    struct pf_span span = {room, 0, sizeof room};

    assert_int_equal(pf_seal_put(rig->seal, ticket, &span, NULL), PF_OK);
    return pf_span_bytes(&span);
}

uint32_t servegate_open(struct servegate *gate, uint8_t rights)
{
    struct pf_ticket ticket = servegate_ticket(gate);
    union pf_store_ask ask = {0};

    ticket.rights = rights;
    ask.open.show.ticket = servegate_seal(gate->rig, &ticket);
    assert_true(servegate_ask(gate, PF_STORE_OPEN, &ask));
    assert_int_equal(gate->said.verdict.code, PF_OK);
    return gate->said.open.box;
}

uint32_t servegate_begin(struct servegate *gate)
{
    struct pf_ticket ticket = servegate_ticket(gate);
    union pf_store_ask ask = {0};

    ask.begin.show.ticket = servegate_seal(gate->rig, &ticket);
    assert_true(servegate_ask(gate, PF_STORE_BEGIN, &ask));
    assert_int_equal(gate->said.verdict.code, PF_OK);
    assert_int_not_equal(gate->said.begin.parcel, 0);
    return gate->said.begin.parcel;
}

bool servegate_number(struct servegate *gate, enum pf_store_frame kind, uint32_t number)
{
    const union pf_store_ask ask = {.number = {number}};

    return servegate_ask(gate, kind, &ask);
}

void servegate_close(struct servegate *gate, uint32_t box)
{
    assert_true(servegate_number(gate, PF_STORE_CLOSE, box));
    assert_int_equal(gate->said.verdict.code, PF_OK);
}

bool servegate_read(struct servegate *gate, uint32_t box, uint32_t index, uint64_t offset)
{
    bool first = pf_slots_room(gate->slots) == SERVE_SLOTS;
    union pf_store_ask ask = {.read = {.box = box, .index = index, .offset = offset, .cap = 5,
                                       .arena = first ? SERVE_SLOTS : 0}};

    if (first)
        assert_true(pf_slot_take(gate->slots, &ask.read.slot)); /* for good: the arena was sent with it */
    return servegate_ask_with(gate, PF_STORE_READ, &ask, first ? pf_slots_fd(gate->slots) : -1);
}

bool servegate_read_more(struct servegate *gate, uint32_t box, uint32_t index, uint32_t more, unsigned char at[256])
{
    bool first = pf_slots_room(gate->slots) == SERVE_SLOTS;
    union pf_store_ask ask = {.read = {.box = box, .index = index, .cap = 64, .more = more,
                                       .arena = first ? SERVE_SLOTS : 0}};

    assert_true(pf_slot_take(gate->slots, &ask.read.slot));
    pf_slot_lend(gate->slots, ask.read.slot);
    if (!servegate_ask_with(gate, PF_STORE_READ, &ask, first ? pf_slots_fd(gate->slots) : -1))
        return false;
    assert_true(pf_slot_receive(gate->slots, ask.read.slot));
    memcpy(at, pf_slot_at(gate->slots, ask.read.slot), 256);
    return true;
}

bool servegate_expunge(struct servegate *gate, uint32_t box, uint64_t remove, uint64_t seen)
{
    union pf_store_ask ask = {.expunge = {.box = box, .has_remove = remove, .has_seen = seen}};

    ask.expunge.remove = pf_bytes_from(&remove, remove ? sizeof remove : 0);
    ask.expunge.seen = pf_bytes_from(&seen, seen ? sizeof seen : 0);
    return servegate_ask(gate, PF_STORE_EXPUNGE, &ask);
}
