#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)

enum place { A0_PLAIN, A0_TLS, A1, S, T_, PLACES };

static void three(struct world *w)
{
    world_init(w);
    w->messages[0].stored = "12345678\n";
    w->messages[1].stored = "a\n\n3456789012345\n";
    w->messages[2].stored = "1234567890123456789012345678\n";
    w->challenges = 3;
}

static void go_to(struct world *w, enum place place)
{
    three(w);
    w->tls = place != A0_PLAIN;
    w->settings.stls = true;
    world_start(w);
    if (place == A1)
        world_say(w, "USER alice\r\n");
    if (place == S)
        world_say(w, "AUTH PLAIN\r\n");
    if (place == T_)
        world_login(w);
    world_heard(w);
    world_asked(w);
}

static bool one_line(const char *heard)
{
    const char *end = strstr(heard, "\r\n");

    return end && end[2] == 0;
}

/* A cell of the matrix: "ok" a good answer, "err" exactly one -ERR line, "cont" a challenge, "close"
 * a good answer and the end. Afterwards the session must still be where it was, unless it moved. */
static void cell(enum place place, const char *input, const char *expected)
{
    struct world w;
    char line[128];
    const char *heard;

    go_to(&w, place);
    snprintf(line, sizeof line, "%s\r\n", input);
    heard = world_chat(&w, line);
    if (strcmp(expected, "err") == 0) {
        assert_true(one_line(heard));
        assert_memory_equal(heard, "-ERR ", 5);
        assert_false(w.closed);
        assert_memory_equal(world_chat(&w, "STAT\r\n"), place == T_ ? "+OK " : "-ERR", 4);
        assert_memory_equal(world_chat(&w, "QUIT\r\n"), "+OK ", 4);
    } else if (strcmp(expected, "cont") == 0) {
        assert_true(one_line(heard));
        assert_memory_equal(heard, "+ ", 2);
    } else {
        assert_memory_equal(heard, "+OK ", 4);
        assert_int_equal(w.closed, strcmp(expected, "close") == 0);
    }
    world_end(&w);
}

static void mx_001_every_cell_of_the_matrix(void **state)
{
    static const struct {
        const char *input;
        const char *answers[PLACES];
    } rows[] = {
        {"USER x", {"err", "ok", "ok", "err", "err"}},
        {"PASS x", {"err", "err", "err", "err", "err"}},
        {"APOP x y", {"err", "err", "err", "err", "err"}},
        {"AUTH", {"ok", "ok", "ok", "cont", "err"}}, /* AUTH is base64 of three octets */
        {"AUTH NONE", {"err", "err", "err", "err", "err"}},
        {"AUTH PLAIN", {"err", "cont", "cont", "err", "err"}},
        {"AUTH SCRAM-SHA-256", {"cont", "cont", "cont", "err", "err"}},
        {"*", {"err", "err", "err", "err", "err"}},
        {"CAPA", {"ok", "ok", "ok", "cont", "ok"}},
        {"STLS", {"ok", "err", "err", "cont", "err"}},
        {"UTF8", {"err", "err", "err", "cont", "err"}},
        {"LANG", {"err", "err", "err", "cont", "err"}},
        {"NOOP", {"err", "err", "err", "cont", "ok"}},
        {"STAT", {"err", "err", "err", "cont", "ok"}},
        {"LIST", {"err", "err", "err", "cont", "ok"}},
        {"LIST 1", {"err", "err", "err", "err", "ok"}},
        {"UIDL", {"err", "err", "err", "cont", "ok"}},
        {"RETR 1", {"err", "err", "err", "err", "ok"}},
        {"DELE 1", {"err", "err", "err", "err", "ok"}},
        {"TOP 1 0", {"err", "err", "err", "err", "ok"}},
        {"RSET", {"err", "err", "err", "cont", "ok"}},
        {"LAST", {"err", "err", "err", "cont", "ok"}},
        {"QUIT", {"close", "close", "close", "cont", "close"}},
        {"", {"err", "err", "err", "cont", "err"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (enum place p = A0_PLAIN; p < PLACES; p++)
            cell(p, rows[i].input, rows[i].answers[p]);
}

/* Four letters are base64: they reach the mechanism, fail there, and are not carried out. */
static void mx_001_words_inside_an_exchange_are_responses(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    w.challenges = 0;
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "AUTH PLAIN\r\n", "+ \r\n");
    CHAT(&w, "QUIT\r\n", "-ERR [AUTH] name or password is wrong\r\n");
    assert_false(w.closed);
    CHAT(&w, "QUIT\r\n", "+OK bye\r\n");
    assert_string_equal(world_asked(&w), "SASL SASL CLOSE");
    world_end(&w);
}

static void w_019_w_020_unknown_and_misplaced_commands_are_errors(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    CHAT(&w, "XYZZY\r\n", "-ERR command not understood\r\n");
    CHAT(&w, "USER alice\r\n", "-ERR command is not valid now\r\n");
    CHAT(&w, "STAT 1\r\n", "-ERR command not understood\r\n");
    CHAT(&w, "STAT\r\n", "+OK 3 60\r\n");
    world_end(&w);
}

static void old_008_old_018_old_022_private_commands_are_refused(void **state)
{
    static const char *const refused[] = {"RPOP alice",   "XTND BBOARDS", "XTND XMIT", "XTND XLST Message-Id",
                                          "XSENDER 1",    "GURL",         "UTF8",      "LANG",
                                          "APOP a b",     "LANG de"};
    struct world w;

    (void)state;
    three(&w);
    w.settings.bad_after_login = 0;
    world_begin(&w);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        world_say(&w, refused[i]);
        CHAT(&w, "\r\n", "-ERR command is not offered here\r\n");
    }
    CHAT(&w, "NOOP\r\n", "+OK still here\r\n");
    world_end(&w);
}

static void p3_021_p3_022_stat_is_two_numbers_and_nothing_more(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    CHAT(&w, "STAT\r\n", "+OK 3 60\r\n");
    CHAT(&w, "DELE 2\r\n", "+OK marked for removal\r\n");
    CHAT(&w, "STAT\r\n", "+OK 2 40\r\n");
    world_end(&w);
}

static void p3_017_stat_is_64_bit(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    w.messages[0].octets = UINT64_MAX - 59;
    world_begin(&w);
    CHAT(&w, "STAT\r\n", "+OK 3 18446744073709551606\r\n");
    CHAT(&w, "LIST 1\r\n", "+OK 1 18446744073709551556\r\n");
    CHAT(&w, "LIST\r\n",
         "+OK 3 messages (18446744073709551606 octets)\r\n1 18446744073709551556\r\n2 20\r\n3 30\r\n.\r\n");
    world_end(&w);
}

static void p3_024_p3_025_list(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    CHAT(&w, "LIST\r\n", "+OK 3 messages (60 octets)\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n");
    CHAT(&w, "LIST 2\r\n", "+OK 2 20\r\n");
    CHAT(&w, "LIST 4\r\n", "-ERR no such message\r\n");
    CHAT(&w, "LIST 0\r\n", "-ERR no such message\r\n");
    CHAT(&w, "LIST x\r\n", "-ERR command not understood\r\n");
    CHAT(&w, "LIST -1\r\n", "-ERR command not understood\r\n");
    world_end(&w);
}

static void p3_024_an_empty_maildrop_lists_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_begin(&w);
    CHAT(&w, "STAT\r\n", "+OK 0 0\r\n");
    CHAT(&w, "LIST\r\n", "+OK 0 messages (0 octets)\r\n.\r\n");
    CHAT(&w, "UIDL\r\n", "+OK unique-id listing follows\r\n.\r\n");
    CHAT(&w, "LAST\r\n", "+OK 0\r\n");
    CHAT(&w, "RETR 1\r\n", "-ERR no such message\r\n");
    CHAT(&w, "QUIT\r\n", "+OK bye\r\n");
    world_end(&w);
}

static void p3_049_p3_051_p3_056_uidl(void **state)
{
    char longest[PF_UIDL_MAX + 1], expected[256];
    struct world w;

    (void)state;
    three(&w);
    memset(longest, '~', PF_UIDL_MAX);
    longest[PF_UIDL_MAX] = 0;
    w.messages[0].uidl = ".";
    w.messages[1].uidl = "[<>]!\"";
    w.messages[2].uidl = longest;
    world_begin(&w);
    snprintf(expected, sizeof expected, "+OK unique-id listing follows\r\n1 .\r\n2 [<>]!\"\r\n3 %s\r\n.\r\n",
             longest);
    CHAT(&w, "UIDL\r\n", expected);
    CHAT(&w, "UIDL 2\r\n", "+OK 2 [<>]!\"\r\n");
    snprintf(expected, sizeof expected, "+OK 3 %s\r\n", longest);
    CHAT(&w, "UIDL 3\r\n", expected);
    CHAT(&w, "UIDL 4\r\n", "-ERR no such message\r\n");
    world_end(&w);
}

static void p3_029_p3_030_a_deleted_message_can_be_named_no_more(void **state)
{
    static const char *const named[] = {"DELE 2\r\n", "RETR 2\r\n", "TOP 2 0\r\n", "LIST 2\r\n", "UIDL 2\r\n"};
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    CHAT(&w, "DELE 2\r\n", "+OK marked for removal\r\n");
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        CHAT(&w, named[i], "-ERR no such message\r\n");
    CHAT(&w, "LIST\r\n", "+OK 2 messages (40 octets)\r\n1 10\r\n3 30\r\n.\r\n");
    CHAT(&w, "UIDL\r\n", "+OK unique-id listing follows\r\n1 uid1\r\n3 uid3\r\n.\r\n");
    world_end(&w);
}

static void p3_032_rset_unmarks_and_stays(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    CHAT(&w, "DELE 1\r\nDELE 3\r\n", "+OK marked for removal\r\n+OK marked for removal\r\n");
    assert_int_equal(pf_pop3_server_stats(w.engine)->marked, 2);
    CHAT(&w, "RSET\r\n", "+OK nothing is marked for removal\r\n");
    CHAT(&w, "STAT\r\n", "+OK 3 60\r\n");
    world_say(&w, "QUIT\r\n");
    assert_string_equal(world_asked(&w), "COMMIT(0) CLOSE");
    world_end(&w);
}

static void p3_031_noop_is_for_transaction(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_start(&w);
    world_heard(&w);
    CHAT(&w, "NOOP\r\n", "-ERR command is not valid now\r\n");
    world_login(&w);
    CHAT(&w, "NOOP\r\n", "+OK still here\r\n");
    world_end(&w);
}

static void old_003_last(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    w.messages[1].seen = true;
    world_begin(&w);
    CHAT(&w, "LAST\r\n", "+OK 2\r\n");
    world_chat(&w, "TOP 3 0\r\n");
    CHAT(&w, "LAST\r\n", "+OK 2\r\n");
    world_chat(&w, "RETR 3\r\n");
    CHAT(&w, "LAST\r\n", "+OK 3\r\n");
    world_chat(&w, "RSET\r\n");
    CHAT(&w, "LAST\r\n", "+OK 0\r\n");
    world_end(&w);
    three(&w);
    w.settings.last = false;
    world_begin(&w);
    CHAT(&w, "LAST\r\n", "-ERR command is not offered here\r\n");
    world_end(&w);
}

static void p3_016_numbers_are_sent_without_leading_zeros(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    CHAT(&w, "LIST 0002\r\nUIDL 003\r\n", "+OK 2 20\r\n+OK 3 uid3\r\n");
    world_end(&w);
}

static void p3_035_commit_names_the_marked_messages_and_no_others(void **state)
{
    struct world w;

    (void)state;
    three(&w);
    world_begin(&w);
    w.mute = true;
    world_say(&w, "DELE 1\r\nRSET\r\nDELE 3\r\nDELE 2\r\nDELE 4\r\nRSET\r\nDELE 3\r\nQUIT\r\n");
    assert_int_equal(w.open_ask.kind, PF_ASK_COMMIT);
    assert_int_equal(w.open_ask.remove_count, 1);
    assert_int_equal(w.open_ask.remove->count, 3);
    assert_int_equal(w.open_ask.remove->words[0], 4);
    world_end(&w);
}

static void a_login_that_may_not_delete_removes_nothing(void **state)
{
    static const char no[] = "-ERR [SYS/PERM] this login may not delete messages\r\n";
    struct world w;

    (void)state;
    three(&w);
    w.no_delete = true;
    w.expire_days = 0; /* fetched is not removed either */
    w.settings.bad_after_login = 3;
    world_begin(&w);
    assert_non_null(strstr(world_chat(&w, "CAPA\r\n"), "\r\nEXPIRE NEVER\r\n"));
    for (int i = 0; i < 10; i++) /* no mistake of the client's: he deletes as ever */
        CHAT(&w, "DELE 1\r\n", no);
    CHAT(&w, "DELE 4\r\n", "-ERR no such message\r\n");
    CHAT(&w, "STAT\r\n", "+OK 3 60\r\n");
    CHAT(&w, "LAST\r\n", "+OK 0\r\n");
    assert_memory_equal(world_chat(&w, "RETR 2\r\n"), "+OK ", 4);
    CHAT(&w, "LAST\r\n", "+OK 2\r\n");
    CHAT(&w, "RSET\r\n", "+OK nothing is marked for removal\r\n");
    world_asked(&w);
    w.mute = true;
    CHAT(&w, "QUIT\r\n", "");
    assert_int_equal(w.open_ask.kind, PF_ASK_COMMIT);
    assert_int_equal(w.open_ask.remove_count, 0);
    assert_int_equal(w.open_ask.remove->words[0], 0);
    w.mute = false;
    world_pump(&w);
    assert_string_equal(world_heard(&w), "+OK bye\r\n");
    assert_int_equal(pf_pop3_server_stats(w.engine)->marked, 0);
    world_end(&w);
}

/* Who sends and does not read is not served further, and nothing is lost (RFC 2449 section 6.6). */
static void cap_023_cap_026_commands_wait_while_the_output_is_full(void **state)
{
    static char burst[6 * 3000 + 1];
    struct world w;
    size_t taken;

    (void)state;
    for (size_t i = 0; i < 3000; i++)
        memcpy(burst + 6 * i, "STAT\r\n", 6);
    three(&w);
    w.lent = PF_POP3_OUT_MIN;
    world_begin(&w);
    w.deaf = true;
    taken = pf_pop3_server_feed(w.engine, pf_bytes_of(burst), w.now);
    assert_in_range(taken, 6 * 100, 6 * 1000);
    assert_int_equal(pf_pop3_server_feed(w.engine, pf_bytes_of(burst + taken), w.now), 0);
    w.deaf = false;
    world_pump(&w);
    assert_int_equal(world_say(&w, burst + taken), sizeof burst - 1 - taken);
    assert_int_equal(strlen(world_heard(&w)), 3000 * strlen("+OK 3 60\r\n"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(mx_001_every_cell_of_the_matrix), T(mx_001_words_inside_an_exchange_are_responses),
        T(w_019_w_020_unknown_and_misplaced_commands_are_errors),
        T(old_008_old_018_old_022_private_commands_are_refused),
        T(p3_021_p3_022_stat_is_two_numbers_and_nothing_more), T(p3_017_stat_is_64_bit),
        T(p3_024_p3_025_list), T(p3_024_an_empty_maildrop_lists_nothing),
        T(p3_049_p3_051_p3_056_uidl), T(p3_029_p3_030_a_deleted_message_can_be_named_no_more),
        T(p3_032_rset_unmarks_and_stays), T(p3_031_noop_is_for_transaction), T(old_003_last),
        T(p3_016_numbers_are_sent_without_leading_zeros),
        T(p3_035_commit_names_the_marked_messages_and_no_others),
        T(a_login_that_may_not_delete_removes_nothing),
        T(cap_023_cap_026_commands_wait_while_the_output_is_full),
    };

    return RUN(tests);
}
