#include "unit/cm.h"

#include "role/crew.h"

#include <stdlib.h>

struct written {
    unsigned char at[PF_CREW_PAYLOAD_MAX];
    struct pf_ipc_frame frame;
};

static bool write_frame(struct written *w, const struct pf_crew *crew, unsigned descriptors)
{
    struct pf_span span = {w->at, 0, sizeof w->at};

    if (!pf_crew_write(&span, crew))
        return false;
    w->frame = (struct pf_ipc_frame){.kind = (uint16_t)crew->kind, .payload = pf_span_bytes(&span),
                                     .fd_count = descriptors};
    return true;
}

static const struct {
    struct pf_crew crew;
    unsigned descriptors;
} good[] = {
    {{.kind = PF_CREW_START, .secret = "0123456789abcdef0123456789abcde", .number = 1}, 1},
    {{.kind = PF_CREW_READY}, 0},
    {{.kind = PF_CREW_FAILED, .code = PF_CONFIG, .text = "there is no user \"x\""}, 0},
    {{.kind = PF_CREW_PEER, .role = PF_CREW_DESK, .number = UINT32_MAX}, 1},
    {{.kind = PF_CREW_OF_STORE, .number = 0}, 0},
    {{.kind = PF_CREW_OF_STORE, .number = 7}, 0},
    {{.kind = PF_CREW_LISTEN, .number = 63}, 1},
    {{.kind = PF_CREW_GO}, 0},
    {{.kind = PF_CREW_STORE_FOR, .text = "j\xc3\xb6rg@example.org"}, 0},
    {{.kind = PF_CREW_IDLE}, 0},
    {{.kind = PF_CREW_DRAIN, .grace = -1}, 0},
    {{.kind = PF_CREW_DRAIN, .grace = INT64_MAX}, 0},
    {{.kind = PF_CREW_SERVED, .count = UINT64_MAX}, 0},
    {{.kind = PF_CREW_CLOSE}, 0},
    {{.kind = PF_CREW_RELOAD}, 0},
    {{.kind = PF_CREW_LACKS}, 0},
    {{.kind = PF_CREW_TOLD, .text = "postfach.conf:1:1: what?"}, 0},
    {{.kind = PF_CREW_RELOADED, .number = 1}, 0},
    {{.kind = PF_CREW_PING, .number = 7}, 0},
    {{.kind = PF_CREW_PONG, .number = UINT32_MAX}, 0},
};

enum { GOOD = sizeof good / sizeof good[0] };

static void what_is_written_is_read_and_nothing_longer_or_shorter(void **state)
{
    struct written w;
    struct pf_crew read;

    (void)state;
    for (size_t i = 0; i < GOOD; i++) {
        assert_true(write_frame(&w, &good[i].crew, good[i].descriptors));
        memset(&read, 0, sizeof read);
        assert_true(pf_crew_read(&w.frame, &read));
        assert_memory_equal(&read, &good[i].crew, sizeof read);
        w.at[w.frame.payload.len++] = 0;
        w.frame.payload.at = w.at;
        assert_false(pf_crew_read(&w.frame, &read));
        w.frame.payload.len--;
        for (size_t len = 0; len < w.frame.payload.len; len++) {
            struct pf_ipc_frame cut = w.frame;

            cut.payload.len = len;
            /* A text that is cut is a text still. */
            assert_true(!pf_crew_read(&cut, &read) || good[i].crew.text[0]);
        }
    }
}

static void a_frame_has_the_descriptors_of_its_kind(void **state)
{
    struct written w;
    struct pf_crew read;

    (void)state;
    for (size_t i = 0; i < GOOD; i++) {
        assert_true(write_frame(&w, &good[i].crew, !good[i].descriptors));
        assert_false(pf_crew_read(&w.frame, &read));
        w.frame.fd_count = 2;
        assert_false(pf_crew_read(&w.frame, &read));
    }
}

static void unknown_kinds_are_none(void **state)
{
    static const uint16_t kinds[] = {0, PF_CREW_KINDS, PF_CREW_KINDS + 1, UINT16_MAX};
    struct pf_crew read;

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_false(pf_crew_read(&(struct pf_ipc_frame){.kind = kinds[i]}, &read));
}

static void what_breaks_a_rule_is_not_written(void **state)
{
    static const struct pf_crew bad[] = {
        {.kind = PF_CREW_PEER, .role = PF_CREW_KEEPER, .number = 1},
        {.kind = PF_CREW_PEER, .role = PF_CREW_ROLES, .number = 1},
        {.kind = PF_CREW_PEER, .role = PF_CREW_GATE, .number = 0},
        {.kind = PF_CREW_LISTEN, .number = UINT16_MAX + 1},
        {.kind = PF_CREW_DRAIN, .grace = -2},
        {.kind = PF_CREW_FAILED, .code = PF_OK, .text = "x"},
        {.kind = PF_CREW_FAILED, .code = PF_CODES, .text = "x"},
        {.kind = PF_CREW_FAILED, .code = PF_TEMP, .text = ""},
        {.kind = PF_CREW_STORE_FOR, .text = ""},
        {.kind = PF_CREW_STORE_FOR, .text = "a\nb"},
        {.kind = PF_CREW_TOLD, .text = "a\x7f"},
        {.kind = PF_CREW_RELOADED, .number = 2},
        {.kind = PF_CREW_START, .number = 2},
        {.kind = PF_CREW_KINDS},
    };
    struct written w;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(write_frame(&w, &bad[i], 0));
}

/* What a child in the hands of a stranger may send: whatever is read would have been written so. */
static void whatever_is_read_has_one_form(void **state)
{
    struct written w, again;
    struct pf_crew read;
    unsigned accepted = 0;

    (void)state;
    srandom(4711);
    for (unsigned round = 0; round < 200000; round++) {
        size_t from = (size_t)random() % GOOD;

        assert_true(write_frame(&w, &good[from].crew, good[from].descriptors));
        for (long changes = random() % 3; changes >= 0 && w.frame.payload.len; changes--)
            w.at[(size_t)random() % w.frame.payload.len] = (unsigned char)random();
        if (random() % 4 == 0)
            w.frame.kind = (uint16_t)(random() % (PF_CREW_KINDS + 2));
        if (!pf_crew_read(&w.frame, &read))
            continue;
        accepted++;
        assert_true(write_frame(&again, &read, w.frame.fd_count));
        assert_int_equal(again.frame.payload.len, w.frame.payload.len);
        assert_memory_equal(again.at, w.at, w.frame.payload.len);
    }
    assert_true(accepted > 1000);
}

static void versions_do_not_mix(void **state)
{
    struct written w;
    struct pf_crew read;

    (void)state;
    assert_true(write_frame(&w, &good[0].crew, 1));
    w.at[w.frame.payload.len - 1] ^= 1;
    assert_false(pf_crew_read(&w.frame, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_written_is_read_and_nothing_longer_or_shorter),
        T(a_frame_has_the_descriptors_of_its_kind),
        T(unknown_kinds_are_none),
        T(what_breaks_a_rule_is_not_written),
        T(whatever_is_read_has_one_form),
        T(versions_do_not_mix),
    };

    return RUN(tests);
}
