#include "unit/cm.h"

#include <stdlib.h>
#include <time.h>

#include <postfach/dot.h>

enum { TEXT_MAX = 500, WIRE_MAX = 2 * TEXT_MAX + 8 };

static uint64_t dice;

/* PF_SEED repeats a run that failed. */
static void seed(void)
{
    const char *given = getenv("PF_SEED");
    uint64_t from = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

    print_message("# PF_SEED=%llu\n", (unsigned long long)from);
    dice = from * 2 + 1;
}

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return (uint32_t)(dice >> 33) % sides;
}

/* Undoes `in` in pieces of input and output of at most `cut` octets; returns octets taken. */
static size_t undo(struct pf_undot *u, struct pf_bytes in, struct pf_span *whole, uint32_t cut)
{
    size_t all = 0;

    pf_undot_init(u);
    while (all < in.len && !u->done) {
        unsigned char room[WIRE_MAX + 1];
        struct pf_span out = {room, 0, 1 + roll(cut)};
        struct pf_bytes some = pf_bytes_head(pf_bytes_skip(in, all), 1 + roll(cut));
        size_t taken;

        memset(room, 0xee, sizeof room);
        taken = pf_undot(u, some, &out);
        assert_true(taken > 0 || out.len > 0);
        assert_int_equal(room[out.cap], 0xee);
        assert_true(pf_span_put(whole, pf_span_bytes(&out)));
        all += taken;
    }
    return all;
}

/* `wire` becomes `text`; `rest` octets stay behind the end, or none was seen when it is -1. */
static void check(struct pf_bytes wire, struct pf_bytes text, int rest)
{
    dice = 88172645463325252u;
    for (uint32_t cut = 1; cut <= WIRE_MAX; cut += cut < 8 ? 1 : 199) {
        unsigned char room[WIRE_MAX];
        struct pf_span out = {room, 0, sizeof room};
        struct pf_undot u;
        size_t taken = undo(&u, wire, &out, cut);

        assert_int_equal(u.done, rest >= 0);
        assert_int_equal(taken, rest >= 0 ? wire.len - (size_t)rest : wire.len);
        assert_int_equal(out.len, text.len);
        assert_memory_equal(room, text.at, text.len);
    }
}

#define CHECK(wire, text, rest) check(PF_LIT(wire), PF_LIT(text), rest)

static void w_027_one_dot_goes_and_a_dot_alone_ends(void **state)
{
    (void)state;
    CHECK("a\r\n.\r\n", "a\r\n", 0);
    CHECK(".\r\n", "", 0);
    CHECK("..\r\n...\r\n.a\r\n.\r\n", ".\r\n..\r\na\r\n", 0);
    CHECK("a.\r\n.\r\n+OK next\r\n", "a.\r\n", 10);
    CHECK("a\r\n", "a\r\n", -1);
}

/* The end in two pieces: check() cuts between any two octets. */
static void w_028_only_line_starts_can_end(void **state)
{
    (void)state;
    CHECK("a.\r\nb.\r\n.\r\n", "a.\r\nb.\r\n", 0);
    CHECK("\r\n.\r", "\r\n", -1);
    CHECK("\r\n.\rx\r\n.\r\n", "\r\n\rx\r\n", 0);
    CHECK(".\r\r\n.\r\n", "\r\r\n", 0);
}

/* RFC 5321 section 4.1.1.4: CRLF only; anything laxer lets a stranger write the next command. */
static void s_007_nothing_but_crlf_dot_crlf_ends(void **state)
{
    (void)state;
    CHECK("a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", 0);
    CHECK("a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", 0);
    CHECK("a\r.\r\nb\r\n.\r\n", "a\r.\r\nb\r\n", 0);
    CHECK("a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", 0);
    CHECK("a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", 0);
}

static void nothing_is_taken_behind_the_end(void **state)
{
    unsigned char room[4];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_undot u;

    (void)state;
    pf_undot_init(&u);
    assert_int_equal(pf_undot(&u, PF_LIT(".\r\nx"), &out), 3);
    assert_true(u.done);
    assert_int_equal(pf_undot(&u, PF_LIT("x"), &out), 0);
    assert_int_equal(out.len, 0);
}

/* What the encoder should make of a text, written a third time and naively. */
static size_t as_crlf(const unsigned char *text, size_t len, unsigned char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            to[n++] = '\r';
        to[n++] = text[i];
    }
    if (len && text[len - 1] != '\n')
        to[n++] = '\r', to[n++] = '\n';
    return n;
}

static void what_was_encoded_comes_back(void **state)
{
    (void)state;
    seed();
    for (int turn = 0; turn < 5000; turn++) {
        unsigned char text[TEXT_MAX], wire[WIRE_MAX], want[WIRE_MAX], got[WIRE_MAX];
        struct pf_span out = {wire, 0, sizeof wire}, back = {got, 0, sizeof got};
        size_t len = roll(TEXT_MAX + 1), wanted;
        uint32_t rare = 1 + roll(90);
        struct pf_dot d;
        struct pf_undot u;

        for (size_t i = 0; i < len; i++)
            text[i] = roll(rare) ? 'x' : (unsigned char)"\r\n.\n\0\r."[roll(7)];
        pf_dot_init(&d);
        assert_int_equal(pf_dot_encode(&d, pf_bytes_from(text, len), &out), len);
        assert_true(pf_dot_finish(&d, &out));
        assert_true(pf_span_put(&out, PF_LIT(".\r\n")));
        wanted = as_crlf(text, len, want);
        assert_int_equal(d.octets, wanted);
        assert_int_equal(undo(&u, pf_span_bytes(&out), &back, 1 + roll(WIRE_MAX)), out.len);
        assert_true(u.done);
        assert_int_equal(back.len, wanted);
        assert_memory_equal(got, want, wanted);
    }
}

/* The way back, written with sight of the whole wire. Returns octets up to the end's end. */
static size_t naive(struct pf_bytes wire, struct pf_span *out, bool *done)
{
    size_t i = 0;

    for (*done = false; i < wire.len && !*done; i++) {
        bool starts = i == 0 || (i > 1 && wire.at[i - 1] == '\n' && wire.at[i - 2] == '\r');

        if (starts && wire.at[i] == '.') {
            *done = wire.len - i >= 3 && wire.at[i + 1] == '\r' && wire.at[i + 2] == '\n';
            i += *done ? 2 : 0;
        } else {
            assert_true(pf_span_put(out, pf_bytes_from(wire.at + i, 1)));
        }
    }
    return i;
}

/* Any octets as a wire, with the end anywhere or nowhere. */
static void s_009_any_wire_is_read_as_the_naive_way_does(void **state)
{
    (void)state;
    seed();
    for (int turn = 0; turn < 20000; turn++) {
        unsigned char wire[TEXT_MAX], want[TEXT_MAX], got[TEXT_MAX];
        struct pf_span out = {want, 0, sizeof want}, whole = {got, 0, sizeof got};
        size_t len = roll(TEXT_MAX - 3), taken;
        uint32_t rare = 1 + roll(90), kinds = 1 + roll(7);
        struct pf_undot u;
        bool done;

        for (size_t i = 0; i < len; i++)
            if (roll(rare))
                wire[i] = 'x';
            else if (i + 4 < len && roll(2))
                memcpy(wire + i, "\r\n..", 4), i += 2 + roll(2);
            else
                wire[i] = (unsigned char)"\r\n.\n\r.\0"[roll(kinds)];
        memcpy(wire + len, "\r.x", 3); /* no CR that waits for its LF ends the wire */
        taken = naive(pf_bytes_from(wire, len + 3), &out, &done);
        assert_int_equal(undo(&u, pf_bytes_from(wire, len + 3), &whole, 1 + roll(WIRE_MAX)), taken);
        assert_int_equal(u.done, done);
        assert_int_equal(whole.len, out.len);
        assert_memory_equal(got, want, out.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_027_one_dot_goes_and_a_dot_alone_ends), T(w_028_only_line_starts_can_end),
        T(s_007_nothing_but_crlf_dot_crlf_ends),    T(nothing_is_taken_behind_the_end),
        T(what_was_encoded_comes_back),             T(s_009_any_wire_is_read_as_the_naive_way_does),
    };
    return RUN(tests);
}
