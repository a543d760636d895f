#include "unit/cm.h"

#include <stdlib.h>

#include "base/text.h"
#include "proto/pop3_client.h"
#include "unit/proto/client_desk.h"

static void p3_007_lines_of_all_verbs(void **state)
{
    static const struct {
        struct pf_pop3_command c;
        const char *line;
    } lines[] = {
        {{.verb = PF_VERB_STAT}, "STAT\r\n"},
        {{.verb = PF_VERB_NOOP, .number = 3}, "NOOP\r\n"},
        {{.verb = PF_VERB_LIST}, "LIST\r\n"},
        {{.verb = PF_VERB_LIST, .number = 7}, "LIST 7\r\n"},
        {{.verb = PF_VERB_UIDL, .number = UINT64_MAX}, "UIDL 18446744073709551615\r\n"},
        {{.verb = PF_VERB_RETR, .number = 1}, "RETR 1\r\n"},
        {{.verb = PF_VERB_TOP, .number = 2}, "TOP 2 0\r\n"},
        {{.verb = PF_VERB_TOP, .number = 2, .lines = 99999999}, "TOP 2 99999999\r\n"},
        {{.verb = PF_VERB_DELE, .number = 3}, "DELE 3\r\n"},
        {{.verb = PF_VERB_RSET}, "RSET\r\n"},
        {{.verb = PF_VERB_NOOP}, "NOOP\r\n"},
        {{.verb = PF_VERB_LAST}, "LAST\r\n"},
        {{.verb = PF_VERB_CAPA}, "CAPA\r\n"},
        {{.verb = PF_VERB_LANG}, "LANG\r\n"},
        {{.verb = PF_VERB_QUIT}, "QUIT\r\n"},
    };
    struct desk d;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        desk_init(&d);
        desk_login(&d);
        assert_int_equal(pf_pop3_client_say(d.engine, &lines[i].c, d.now), PF_OK);
        IS(desk_out(&d), lines[i].line);
        desk_end(&d);
    }
}

static void begun(struct desk *d, const char *capabilities)
{
    desk_start(d);
    HEAR(d, "+OK ready <1.2@h>\r\n");
    if (!capabilities)
        return;
    desk_say(d, PF_VERB_CAPA);
    desk_out(d);
    HEAR(d, "+OK\r\n");
    desk_hear(d, pf_bytes_of(capabilities));
    HEAR(d, ".\r\n");
    assert_int_equal(d->last.end, PF_END_WHOLE);
}

static void w_004_arguments_that_cannot_be_said(void **state)
{
    static const struct {
        enum pf_pop3_verb verb;
        const char *name, *secret;
        enum pf_code code;
    } said[] = {
        {PF_VERB_USER, "", NULL, PF_SYNTAX},
        {PF_VERB_USER, "a\r\nDELE 1", NULL, PF_SYNTAX},
        {PF_VERB_USER, "a\nb", NULL, PF_SYNTAX},
        {PF_VERB_USER, "a\tb", NULL, PF_SYNTAX},
        {PF_VERB_USER, "anna m\xc3\xbcller", NULL, PF_SYNTAX},
        {PF_VERB_USER, "anna mueller", NULL, PF_OK},
        {PF_VERB_PASS, NULL, "a\nb", PF_SYNTAX}, /* python/cpython 94019 */
        {PF_VERB_PASS, NULL, "a\rb", PF_SYNTAX},
        {PF_VERB_PASS, NULL, "gr\xfc\xdf", PF_SYNTAX},
        {PF_VERB_PASS, NULL, " two  spaces ", PF_OK},
        {PF_VERB_PASS, NULL, "", PF_OK},
        {PF_VERB_APOP, "anna", "c4c9334bac560ecc979e58001b3e22fb", PF_OK},
        {PF_VERB_APOP, "anna", "c4c9", PF_SYNTAX},
        {PF_VERB_APOP, "an na", "c4c9334bac560ecc979e58001b3e22fb", PF_SYNTAX},
        {PF_VERB_AUTH, "PLAIN BASE64", NULL, PF_SYNTAX},
        {PF_VERB_AUTH, "SCRAM-SHA-256-PLUS-AND-MORE", NULL, PF_SYNTAX},
        {PF_VERB_AUTH, "", "x", PF_SYNTAX},
        {PF_VERB_LANG, "de\r\n", NULL, PF_SYNTAX},
        {PF_VERB_RAW, "NOOP\r\nNOOP", NULL, PF_SYNTAX},
        {PF_VERB_RPOP, "anna", NULL, PF_SYNTAX},
        {PF_VERB_RETR, "", NULL, PF_SYNTAX},
        {PF_VERB_GREETING, "", NULL, PF_SYNTAX},
    };
    struct desk d;

    (void)state;
    desk_init(&d);
    begun(&d, NULL);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        assert_int_equal(desk_say_name(&d, said[i].verb, said[i].name, said[i].secret), said[i].code);
    assert_int_equal(
        pf_pop3_client_say(
            d.engine, &(struct pf_pop3_command){.verb = PF_VERB_PASS, .secret = PF_LIT("a\0b")}, d.now),
        PF_SYNTAX);
    desk_end(&d);
    desk_init(&d);
    begun(&d, "UTF8 USER\r\n"); /* U8-014 */
    assert_int_equal(desk_say_name(&d, PF_VERB_USER, "m\xc3\xbcller", NULL), PF_OK);
    desk_end(&d);
}

static void w_005_no_line_over_255_octets(void **state)
{
    char name[251] = "";
    struct desk d;

    (void)state;
    desk_init(&d);
    begun(&d, NULL);
    memset(name, 'a', 249);
    assert_int_equal(desk_say_name(&d, PF_VERB_USER, name, NULL), PF_TOO_LONG);
    assert_int_equal(pf_pop3_client_out(d.engine).len, 0);
    name[248] = 0;
    assert_int_equal(desk_say_name(&d, PF_VERB_USER, name, NULL), PF_OK);
    assert_int_equal(pf_pop3_client_out(d.engine).len, 255);
    desk_end(&d);
}

static void tls_039_nothing_secret_without_tls(void **state)
{
    static const struct {
        enum pf_plain_login login;
        enum pf_code user, apop, plain, hidden;
    } rows[] = {{PF_PLAIN_NEVER, PF_NEED_TLS, PF_NEED_TLS, PF_NEED_TLS, PF_NEED_TLS},
                {PF_PLAIN_HIDDEN, PF_NEED_TLS, PF_OK, PF_NEED_TLS, PF_OK},
                {PF_PLAIN_ANY, PF_OK, PF_OK, PF_OK, PF_OK}};
    struct pf_pop3_command hidden = {.verb = PF_VERB_AUTH, .name = PF_LIT("CRAM-MD5"), .hidden = true};
    struct desk d;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        desk_init(&d);
        d.tls = false;
        d.settings.plain_login = rows[i].login;
        begun(&d, NULL);
        assert_int_equal(desk_say_name(&d, PF_VERB_USER, "anna", NULL), rows[i].user);
        assert_int_equal(desk_say_name(&d, PF_VERB_PASS, NULL, "x"), rows[i].user);
        assert_int_equal(desk_say_name(&d, PF_VERB_APOP, "a", "c4c9334bac560ecc979e58001b3e22fb"),
                         rows[i].apop);
        assert_int_equal(desk_say_name(&d, PF_VERB_AUTH, "PLAIN", NULL), rows[i].plain);
        assert_int_equal(pf_pop3_client_say(d.engine, &hidden, d.now), rows[i].hidden);
        assert_int_equal(desk_say_name(&d, PF_VERB_AUTH, "", NULL), PF_OK); /* asks for the list */
        assert_int_equal(desk_say(&d, PF_VERB_CAPA), PF_OK);
        desk_end(&d);
    }
}

static void cap_028_pass_waits_for_a_good_user(void **state)
{
    struct desk d;

    (void)state;
    for (int good = 0; good < 2; good++) {
        desk_init(&d);
        begun(&d, "PIPELINING\r\n");
        desk_say_name(&d, PF_VERB_USER, "anna", NULL);
        desk_say_name(&d, PF_VERB_PASS, NULL, "secret");
        desk_say(&d, PF_VERB_STAT);
        IS(desk_out(&d), "USER anna\r\n");
        if (!good) {
            IS(HEAR(&d, "-ERR [AUTH] TLS required\r\n"),
               "END USER refused \"TLS required\" [AUTH] ~AUTH odd code\nEND PASS unsent ~STATE\nEND "
               "STAT unsent ~STATE\n");
            IS(desk_out(&d), "");
        } else {
            HEAR(&d, "+OK\r\n");
            IS(desk_out(&d), "PASS secret\r\n");
            IS(HEAR(&d, "-ERR wrong\r\n"), "END PASS refused \"wrong\" ~AUTH\nEND STAT unsent ~STATE\n");
        }
        desk_end(&d);
    }
}

static void cap_027_window(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    d.settings.window = 20;
    desk_login_pipelined(&d);
    for (uint64_t n = 1; n <= 4; n++)
        assert_int_equal(desk_say_number(&d, PF_VERB_RETR, n), PF_OK);
    desk_say(&d, PF_VERB_QUIT);
    IS(desk_out(&d), "RETR 1\r\nRETR 2\r\n"); /* 16 octets */
    assert_int_equal(pf_pop3_client_stats(d.engine)->flight, 2);
    HEAR(&d, "+OK\r\na\r\n.\r\n");
    IS(desk_out(&d), "RETR 3\r\n");
    HEAR(&d, "-ERR\r\n+OK\r\nb\r\n.\r\n");
    IS(desk_out(&d), "RETR 4\r\nQUIT\r\n");
    IS(HEAR(&d, "+OK\r\n.\r\n+OK\r\n"), "BEGIN RETR\nEND RETR whole 4 0\nEND QUIT whole\nLOST quit\n");
    desk_end(&d);
}

static void without_pipelining_one_by_one(void **state)
{
    struct desk d;

    (void)state;
    for (int announced = 0; announced < 2; announced++) {
        desk_init(&d);
        d.settings.pipelining = announced ? PF_PIPELINE_NEVER : PF_PIPELINE_IF_OFFERED;
        announced ? desk_login_pipelined(&d) : desk_login(&d);
        desk_say(&d, PF_VERB_STAT);
        desk_say(&d, PF_VERB_UIDL);
        IS(desk_out(&d), "STAT\r\n");
        IS(desk_out(&d), "");
        HEAR(&d, "+OK 0 0\r\n");
        IS(desk_out(&d), "UIDL\r\n");
        desk_end(&d);
    }
    desk_init(&d);
    d.settings.pipelining = PF_PIPELINE_ALWAYS;
    desk_login(&d);
    desk_say(&d, PF_VERB_STAT);
    desk_say(&d, PF_VERB_UIDL);
    IS(desk_out(&d), "STAT\r\nUIDL\r\n");
    desk_end(&d);
}

static void nothing_is_said_before_the_greeting(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_start(&d);
    assert_int_equal(desk_say(&d, PF_VERB_CAPA), PF_OK);
    IS(desk_out(&d), "");
    HEAR(&d, "+OK\r\n");
    IS(desk_out(&d), "CAPA\r\n");
    desk_end(&d);
}

/* The queue is a ring, the octets on their way are moved: a thousand commands through a small engine. */
static void many_commands_through_a_small_engine(void **state)
{
    struct desk d;
    uint64_t said = 0, heard = 0;

    (void)state;
    desk_init(&d);
    d.settings.queue = 7;
    d.settings.out = 520;
    desk_login_pipelined(&d);
    while (heard < 1000) {
        char text[64];

        while (said < 1000 && desk_say_number(&d, PF_VERB_DELE, said + 1) == PF_OK)
            said++;
        desk_out(&d);
        snprintf(text, sizeof text, "END DELE whole \"%llu\"\n", (unsigned long long)++heard);
        IS(desk_hear(
               &d, pf_bytes_of((snprintf(d.out, sizeof d.out, "+OK %llu\r\n", (unsigned long long)heard),
                                d.out))),
           text);
    }
    assert_int_equal(pf_pop3_client_stats(d.engine)->flight, 0);
    assert_int_equal(pf_pop3_client_stats(d.engine)->flight_most, 7);
    desk_end(&d);
}

static void secrets_are_wiped_as_they_are_sent(void **state)
{
    struct pf_pop3_command pass = {.verb = PF_VERB_PASS, .secret = PF_LIT("geheimnis")};
    struct desk d;
    size_t size;

    (void)state;
    desk_init(&d);
    size = pf_pop3_client_size(&d.settings);
    begun(&d, NULL);
    desk_say_name(&d, PF_VERB_USER, "anna", NULL);
    assert_int_equal(pf_pop3_client_say(d.engine, &pass, d.now), PF_OK);
    desk_say(&d, PF_VERB_STAT);
    assert_non_null(memmem(d.engine, size, "geheimnis", 9));
    desk_out(&d);
    HEAR(&d, "+OK\r\n");
    IS(desk_out(&d), "PASS geheimnis\r\n");
    assert_null(memmem(d.engine, size, "geheim", 6));
    assert_null(memmem(d.engine, size, "heimnis", 7));
    desk_end(&d);
    desk_init(&d); /* dropped unsent */
    begun(&d, NULL);
    desk_say_name(&d, PF_VERB_USER, "anna", NULL);
    pf_pop3_client_say(d.engine, &pass, d.now);
    desk_out(&d);
    HEAR(&d, "-ERR\r\n");
    assert_null(memmem(d.engine, size, "geheim", 6));
    desk_end(&d);
}

static void tls_015_no_stls_behind_utf8(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    d.tls = false;
    begun(&d, NULL);
    assert_int_equal(desk_say(&d, PF_VERB_UTF8), PF_OK);
    assert_int_equal(desk_say(&d, PF_VERB_STLS), PF_STATE);
    IS(desk_out(&d), "UTF8\r\n");
    IS(HEAR(&d, "+OK\r\n"), "END UTF8 whole\n");
    desk_end(&d);
}

static void raw_lines_for_probers(void **state)
{
    struct pf_pop3_command raw = {
        .verb = PF_VERB_RAW, .name = PF_LIT("XTND ARCHIVE"), .multi = true, .tag = 99};
    struct desk d;

    (void)state;
    desk_init(&d);
    begun(&d, NULL);
    assert_int_equal(pf_pop3_client_say(d.engine, &raw, d.now), PF_OK);
    IS(desk_out(&d), "XTND ARCHIVE\r\n");
    IS(HEAR(&d, "+OK yes\r\na b\r\n..\r\n.\r\n"),
       "BEGIN RAW \"yes\"\nITEM RAW {a b}\nITEM RAW {.}\nEND RAW whole 2\n");
    assert_int_equal(d.last.tag, 99);
    desk_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(p3_007_lines_of_all_verbs),
        T(w_004_arguments_that_cannot_be_said),
        T(w_005_no_line_over_255_octets),
        T(tls_039_nothing_secret_without_tls),
        T(cap_028_pass_waits_for_a_good_user),
        T(cap_027_window),
        T(without_pipelining_one_by_one),
        T(nothing_is_said_before_the_greeting),
        T(many_commands_through_a_small_engine),
        T(secrets_are_wiped_as_they_are_sent),
        T(tls_015_no_stls_behind_utf8),
        T(raw_lines_for_probers),
    };
    return RUN(tests);
}
