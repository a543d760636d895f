#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/client_desk.h"

static const struct pf_pop3_command retr = {.verb = PF_VERB_RETR, .number = 1};

/* The answer to RETR 1, in every cutting, with pieces of any size. */
static void fetches(const struct pf_pop3_client_settings *settings, struct pf_bytes said,
                    const char *heard)
{
    for (size_t cut = 0; cut < 5; cut++) {
        struct desk d;

        desk_init(&d);
        if (settings)
            d.settings = *settings;
        d.cut = cut == 4 ? SIZE_MAX : cut;
        desk_login(&d);
        assert_int_equal(pf_pop3_client_say(d.engine, &retr, d.now), PF_OK);
        IS(desk_out(&d), "RETR 1\r\n");
        IS(desk_hear(&d, said), heard);
        desk_end(&d);
    }
}

#define FETCHES(said, heard) fetches(NULL, PF_LIT(said), heard)

static void w_026_w_027_dots_are_taken_off(void **state)
{
    (void)state;
    FETCHES("+OK 27 octets\r\nSubject: a\r\n\r\n..\r\n...x\r\nend\r\n.\r\n",
            "BEGIN RETR 1 27 \"27 octets\"\nPIECE {Subject: a\\r\\n\\r\\n.\\r\\n..x\\r\\nend\\r\\n}\n"
            "END RETR whole 1 27\n");
    FETCHES("+OK\r\n..first\r\n.\r\n", "BEGIN RETR\nPIECE {.first\\r\\n}\nEND RETR whole 1 8\n");
    FETCHES("+OK\r\n.\r\n", "BEGIN RETR\nEND RETR whole 1 0\n");
    FETCHES("+OK\r\n\r\n.\r\n", "BEGIN RETR\nPIECE {\\r\\n}\nEND RETR whole 1 2\n");
    FETCHES("+OK\r\n.x\r\n.\r\n", "BEGIN RETR\nPIECE {x\\r\\n}\nEND RETR whole 1 3\n");
}

static void w_028_only_crlf_begins_a_line(void **state)
{
    (void)state;
    FETCHES("+OK\r\na\n.\nb\n.\r\nc\r.\r\nd\r\n.\r\n",
            "BEGIN RETR\nPIECE {a\\n.\\nb\\n.\\r\\nc\\r.\\r\\nd\\r\\n}\nEND RETR whole 1 17\n");
}

static void nul_and_eight_bits_pass(void **state)
{
    (void)state;
    FETCHES("+OK\r\na\0b\xff\r\n.\r\n", "BEGIN RETR\nPIECE {a\\x00b\\xff\\r\\n}\nEND RETR whole 1 6\n");
}

static void tls_028_p3_028_qs_016_whole_only_with_the_dot(void **state)
{
    static const char said[] = "+OK 3 octets\r\na\r\n.\r\n";
    struct desk d;

    (void)state;
    for (size_t n = 0; n < sizeof said; n++) {
        desk_init(&d);
        desk_login(&d);
        desk_say_number(&d, PF_VERB_RETR, 1);
        desk_out(&d);
        desk_hear(&d, pf_bytes_from(said, n));
        assert_int_equal(d.last.kind == PF_HEARD_END && d.last.end == PF_END_WHOLE &&
                             d.last.verb == PF_VERB_RETR,
                         n == sizeof said - 1 || n == sizeof said);
        if (n + 1 < sizeof said) {
            pf_pop3_client_eof(d.engine, d.now);
            assert_non_null(strstr(desk_events(&d), "END RETR cut"));
            assert_non_null(strstr(d.log, "LOST eof"));
            assert_int_equal(pf_pop3_client_stats(d.engine)->messages, 0);
        }
        desk_end(&d);
    }
}

static void qs_004_unix_servers_end_with_a_dot_and_lf(void **state)
{
    struct pf_pop3_client_settings loose;

    (void)state;
    FETCHES("+OK\na\n..b\n.\n", "BEGIN RETR odd lf\nPIECE {a\\n.b\\n}\nEND RETR whole 1 5 odd lf\n");
    FETCHES("+OK\na\r\n.\r\n", "BEGIN RETR odd lf\nPIECE {a\\r\\n}\nEND RETR whole 1 3 odd lf\n");
    FETCHES("+OK\n.\rx\n.x\r\n.\r\n",
            "BEGIN RETR odd lf\nPIECE {\\rx\\nx\\r\\n}\nEND RETR whole 1 6 odd lf\n");
    FETCHES("+OK\n.\n", "BEGIN RETR odd lf\nEND RETR whole 1 0 odd lf\n");
    pf_pop3_client_settings_init(&loose);
    loose.loose_dot = true;
    fetches(&loose, PF_LIT("+OK\r\na\nb\n.\r\n"), "BEGIN RETR\nPIECE {a\\nb\\n}\nEND RETR whole 1 4\n");
}

static void qs_004_what_looks_ended_is_told(void **state)
{
    static const char *const said[] = {"+OK\r\na\n.\r\n", "+OK\r\na\n.\n", "+OK\r\na\n.x\n",
                                       "+OK\r\nabc"};
    struct desk d;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t cut = 0; cut < 3; cut++) {
            desk_init(&d);
            d.cut = cut;
            desk_login(&d);
            desk_say_number(&d, PF_VERB_RETR, 1);
            desk_out(&d);
            desk_hear(&d, pf_bytes_of(said[i]));
            d.now = pf_pop3_client_deadline(d.engine);
            assert_int_equal(pf_pop3_client_feed(d.engine, PF_LIT(""), d.now), 0);
            assert_non_null(strstr(desk_events(&d), "LOST time"));
            assert_int_equal(strstr(d.log, "loose") != NULL, i < 2);
            desk_end(&d);
        }
}

static void line_ends_become_lf_by_choice(void **state)
{
    struct pf_pop3_client_settings lf;

    (void)state;
    pf_pop3_client_settings_init(&lf);
    lf.lf = true;
    fetches(&lf, PF_LIT("+OK\r\na\r\n\r\n..b\rc\r\r\nd\n.\r\n\r\n.\r\n"),
            "BEGIN RETR\nPIECE {a\\n\\n.b\\rc\\r\\nd\\n.\\n\\n}\nEND RETR whole 1 19 14\n");
    fetches(&lf, PF_LIT("+OK\r\n.\r\n"), "BEGIN RETR\nEND RETR whole 1 0\n");
    fetches(&lf, PF_LIT("+OK\na\r\nb\n.\n"),
            "BEGIN RETR odd lf\nPIECE {a\\nb\\n}\nEND RETR whole 1 5 4 odd lf\n");
}

static void p3_020_qs_007_sizes_that_differ_are_odd_not_fatal(void **state)
{
    struct pf_pop3_command c = retr;
    struct desk d;

    (void)state;
    FETCHES("+OK 4 octets\r\na\r\n.\r\n",
            "BEGIN RETR 1 4 \"4 octets\"\nPIECE {a\\r\\n}\nEND RETR whole 1 3 odd size\n");
    desk_init(&d);
    desk_login(&d);
    c.expect = 3;
    for (int turn = 0; turn < 2; turn++, c.expect = 2) {
        assert_int_equal(pf_pop3_client_say(d.engine, &c, d.now), PF_OK);
        desk_out(&d);
        HEAR(&d, "+OK\r\na\r\n.\r\n");
        assert_int_equal(d.last.odd, turn ? PF_ODD_SIZE : 0);
    }
    desk_end(&d);
}

static void qs_010_a_second_ok_is_told(void **state)
{
    struct pf_pop3_command top = {.verb = PF_VERB_TOP, .number = 3, .lines = 0};
    struct desk d;

    (void)state;
    for (size_t cut = 0; cut < 3; cut++) {
        desk_init(&d);
        d.cut = cut;
        desk_login(&d);
        assert_int_equal(pf_pop3_client_say(d.engine, &top, d.now), PF_OK);
        IS(desk_out(&d), "TOP 3 0\r\n");
        IS(HEAR(&d, "+OK\r\n+OK\r\na\r\n.\r\n"),
           "BEGIN TOP\nPIECE {+OK\\r\\na\\r\\n}\nEND TOP whole 3 8 odd twice\n");
        desk_end(&d);
    }
}

static void a_message_over_the_callers_limit_ends_the_session(void **state)
{
    struct pf_pop3_command c = retr;
    struct desk d;

    (void)state;
    for (int over = 0; over < 2; over++) {
        desk_init(&d);
        desk_login(&d);
        c.octets_max = over ? 2 : 3;
        pf_pop3_client_say(d.engine, &c, d.now);
        desk_say(&d, PF_VERB_NOOP);
        desk_out(&d);
        IS(HEAR(&d, "+OK\r\na\r\n.\r\n"),
           over ? "BEGIN RETR\nEND RETR cut 1 3 0 ~LIMIT\nEND NOOP unsent ~LIMIT\nLOST octets\n"
                : "BEGIN RETR\nPIECE {a\\r\\n}\nEND RETR whole 1 3\n");
        desk_end(&d);
    }
}

/* A line of a mebibyte, and a body of 64: memory stays what it was. */
static void qs_022_lines_have_no_length(void **state)
{
    enum { LINE = 1 << 20, LINES = 64 };
    unsigned char *line = malloc(LINE);
    struct desk d;

    (void)state;
    assert_non_null(line);
    memset(line, 'x', LINE);
    line[LINE - 2] = '\r';
    line[LINE - 1] = '\n';
    desk_init(&d);
    desk_login(&d);
    d.quiet = true;
    pf_pop3_client_say(d.engine, &retr, d.now);
    desk_out(&d);
    HEAR(&d, "+OK\r\n");
    for (int i = 0; i < LINES; i++)
        desk_hear(&d, pf_bytes_from(line, LINE));
    assert_int_equal(d.lent, (uint64_t)LINE * LINES);
    HEAR(&d, ".\r\n");
    assert_int_equal(d.last.end, PF_END_WHOLE);
    assert_int_equal(d.last.octets, (uint64_t)LINE * LINES);
    desk_end(&d);
    free(line);
}

static void err_instead_of_a_message(void **state)
{
    (void)state;
    FETCHES("-ERR no such message\r\n", "END RETR refused \"no such message\" ~NO_MESSAGE\n");
    FETCHES("-ERR [SYS/TEMP] disk\r\n", "END RETR refused \"disk\" [SYS/TEMP] TEMP\n");
    FETCHES("-ERR [UTF8] need UTF8\r\n", "END RETR refused \"need UTF8\" [UTF8] STATE\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_026_w_027_dots_are_taken_off),
        T(w_028_only_crlf_begins_a_line),
        T(nul_and_eight_bits_pass),
        T(tls_028_p3_028_qs_016_whole_only_with_the_dot),
        T(qs_004_unix_servers_end_with_a_dot_and_lf),
        T(qs_004_what_looks_ended_is_told),
        T(line_ends_become_lf_by_choice),
        T(p3_020_qs_007_sizes_that_differ_are_odd_not_fatal),
        T(qs_010_a_second_ok_is_told),
        T(a_message_over_the_callers_limit_ends_the_session),
        T(qs_022_lines_have_no_length),
        T(err_instead_of_a_message),
    };
    return RUN(tests);
}
