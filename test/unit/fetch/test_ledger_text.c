#include "ledger_scene.h"

#include <zlib.h>

static unsigned char line_room[PF_LEDGER_LINE_MAX], text_room[PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX];

/* The line of a note, read again and printed again. */
static void round_trip(const struct pf_ledger_note *n)
{
    static unsigned char again_room[PF_LEDGER_LINE_MAX];
    struct pf_span line = {line_room, 0, sizeof line_room}, again = {again_room, 0, sizeof again_room};
    struct pf_ledger_note seen;

    assert_true(pf_ledger_line(n, &line));
    assert_int_equal(line.at[line.len - 1], '\n');
    for (size_t i = 0; i + 1 < line.len; i++)
        assert_in_range(line.at[i], 0x20, 0x7e);
    assert_int_equal(pf_ledger_parse(pf_bytes_from(line.at, line.len - 1), text_room, &seen), PF_OK);
    assert_int_equal(seen.state, n->state);
    assert_true(seen.when == n->when && seen.octets == n->octets);
    assert_memory_equal(seen.head, n->head, sizeof seen.head);
    assert_true(pf_bytes_equal(seen.uid, n->uid));
    assert_true(pf_bytes_equal(seen.name, n->name));
    assert_true(pf_ledger_line(&seen, &again));
    assert_true(pf_bytes_equal(pf_span_bytes(&line), pf_span_bytes(&again)));
}

static void every_octet_comes_back(void **state)
{
    unsigned char all[256];
    struct pf_ledger_note n = note(PF_LEDGER_WILL, "x", "");

    (void)state;
    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
        n.uid = pf_bytes_from(all + i, 1);
        n.name = n.uid;
        round_trip(&n);
    }
    n.uid = pf_bytes_from(all, 256);
    n.name = pf_bytes_from(all, 255);
    round_trip(&n);
}

static void every_state_and_number_comes_back(void **state)
{
    static const int64_t whens[] = {0, 1, -1, 1732290000, INT64_MAX, INT64_MIN};
    static const uint64_t sizes[] = {0, 1, 10, UINT64_MAX - 1, PF_OCTETS_UNKNOWN};

    (void)state;
    for (int s = PF_LEDGER_GONE; s <= PF_LEDGER_REFUSED; s++) {
        struct pf_ledger_note n = note((enum pf_ledger_state)s, "-", "-");

        for (size_t w = 0; w < sizeof whens / sizeof *whens; w++) {
            for (size_t o = 0; o < sizeof sizes / sizeof *sizes; o++) {
                n.when = whens[w];
                n.octets = sizes[o];
                round_trip(&n);
            }
        }
        memset(n.head, 0, sizeof n.head);
        round_trip(&n);
        memset(n.head, 0xff, sizeof n.head);
        round_trip(&n);
    }
}

static void the_longest_note_fits_the_longest_line(void **state)
{
    unsigned char wild[PF_LEDGER_UID_MAX];
    struct pf_ledger_note n = note(PF_LEDGER_REFUSED, "", "");
    struct pf_span tight = {line_room, 0, 0};
    size_t len;

    (void)state;
    memset(wild, 0xff, sizeof wild);
    n.uid = pf_bytes_from(wild, PF_LEDGER_UID_MAX);
    n.name = pf_bytes_from(wild, PF_LEDGER_NAME_MAX);
    n.when = INT64_MIN;
    n.octets = UINT64_MAX - 1;
    round_trip(&n);
    tight.cap = PF_LEDGER_LINE_MAX;
    assert_true(pf_ledger_line(&n, &tight));
    len = tight.len;
    for (size_t cap = 0; cap < len; cap++) {
        tight = (struct pf_span){line_room, 0, cap};
        assert_false(pf_ledger_line(&n, &tight));
        assert_int_equal(tight.len, 0);
    }
}

static void what_cannot_be_said_is_not(void **state)
{
    unsigned char wild[PF_LEDGER_UID_MAX + 1] = {0};
    struct pf_span out = {line_room, 0, sizeof line_room};
    struct pf_ledger_note n = note(PF_LEDGER_DONE, "", "");

    (void)state;
    assert_false(pf_ledger_line(&n, &out));
    n.uid = pf_bytes_from(wild, sizeof wild);
    assert_false(pf_ledger_line(&n, &out));
    n.uid = PF_LIT("x");
    n.name = pf_bytes_from(wild, PF_LEDGER_NAME_MAX + 1);
    assert_false(pf_ledger_line(&n, &out));
    n.name = PF_LIT("");
    n.state = (enum pf_ledger_state)17;
    assert_false(pf_ledger_line(&n, &out));
    assert_int_equal(out.len, 0);
}

static enum pf_code parsed(const char *text)
{
    char line[512];
    struct pf_ledger_note n;

    snprintf(line, sizeof line, "%s *%08lx", text,
             crc32(0, (const unsigned char *)text, (unsigned)strlen(text)));
    return pf_ledger_parse(pf_bytes_of(line), text_room, &n);
}

/* One note has one line: what is said otherwise was not written by us. */
static void only_our_own_way_to_say_it_is_read(void **state)
{
#define DIGITS "0102ab00000000000000000000000000"
    static const char *const wrong[] = {
        "",
        "done",
        "done 1 2 " DIGITS " -",
        "done 1 2 " DIGITS " - -",
        "done 1 2 " DIGITS " - u ",
        "done 1 2 " DIGITS " - u v",
        "Done 1 2 " DIGITS " - u",
        "lost 1 2 " DIGITS " - u",
        "done 01 2 " DIGITS " - u",
        "done -0 2 " DIGITS " - u",
        "done - 2 " DIGITS " - u",
        "done +1 2 " DIGITS " - u",
        "done 9223372036854775808 2 " DIGITS " - u",
        "done 1 02 " DIGITS " - u",
        "done 1 18446744073709551615 " DIGITS " - u",
        "done 1 18446744073709551616 " DIGITS " - u",
        "done 1 -2 " DIGITS " - u",
        "done 1 2 0102AB00000000000000000000000000 - u",
        "done 1 2 00000000000000000000000000000000 - u",
        "done 1 2 0102ab0000000000000000000000000 - u",
        "done 1 2 0102ab0000000000000000000000000g - u",
        "done 1 2 " DIGITS "  u",
        "done 1 2 " DIGITS " - %",
        "done 1 2 " DIGITS " - %4",
        "done 1 2 " DIGITS " - %41",
        "done 1 2 " DIGITS " - %ff",
        "done 1 2 " DIGITS " - x%2D",
        "done 1 2 " DIGITS " - \x7f",
        "done 1 2 " DIGITS " - \xe4",
        "who joe",
        "settled",
    };

    (void)state;
    assert_int_equal(parsed("done 1 2 " DIGITS " - u"), PF_OK);
    assert_int_equal(parsed("done 1 - - %2D %FF*u"), PF_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (parsed(wrong[i]) != PF_SYNTAX)
            fail_msg("was read: %s", wrong[i]);
}

/* A CRC-32 finds every single octet that changed, and every cut. */
static void no_changed_line_is_read(void **state)
{
    struct pf_ledger_note n = note(PF_LEDGER_WILL, "u%1", "1732.M1.host"), seen;
    struct pf_span line = {line_room, 0, sizeof line_room};

    (void)state;
    assert_true(pf_ledger_line(&n, &line));
    for (size_t i = 0; i + 1 < line.len; i++) {
        unsigned char was = line.at[i];

        assert_int_equal(pf_ledger_parse(pf_bytes_from(line.at, i), text_room, &seen), PF_SYNTAX);
        for (unsigned bit = 0; bit < 8; bit++) {
            line.at[i] = (unsigned char)(was ^ 1U << bit);
            assert_int_equal(pf_ledger_parse(pf_bytes_from(line.at, line.len - 1), text_room, &seen),
                             PF_SYNTAX);
        }
        line.at[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_octet_comes_back),
        T(every_state_and_number_comes_back),
        T(the_longest_note_fits_the_longest_line),
        T(what_cannot_be_said_is_not),
        T(only_our_own_way_to_say_it_is_read),
        T(no_changed_line_is_read),
    };

    return RUN(tests);
}
