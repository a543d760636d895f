/* LMTP and SMTP, with the real postfach-carry. */
#include "unit/fetch/fakemta.h"
#include "unit/fetch/placerig.h"

#include "fetch/carry_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char mail[] = "Subject: a\r\n\r\n.one\r\n..\r\nend\r\n";

static char heard[8192];

static const char *hear(struct placerig *r)
{
    int fd = open(placerig_at(r, "log"), O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, heard, sizeof heard - 1) : 0;

    heard[len > 0 ? len : 0] = 0;
    if (fd >= 0)
        close(fd);
    return heard;
}

static void without_names(char *text)
{
    char *at = text, *end;

    while ((at = strstr(at, "LO ")) && (end = strchr(at, '\r'))) {
        memmove(at + 3, end, strlen(end) + 1);
        at += 3;
    }
}

/* Starts the server, and opens the place for it. */
static pid_t begin(struct placerig *r, const struct fakemta *m, bool lmtp)
{
    static char to[256];
    const char *path = placerig_at(r, "sock");
    pid_t pid = fakemta_start(m, path, placerig_at(r, "log"), NULL);

    snprintf(to, sizeof to, "unix:%s", path);
    r->account.maildir = NULL;
    r->account.lmtp = lmtp ? to : NULL;
    r->account.smtp = lmtp ? NULL : to;
    r->account.recipient = "joe@example.org";
    r->carrier = PF_TEST_CARRIER;
    assert_true(placerig_open(r));
    return pid;
}

static void end(struct placerig *r, pid_t pid)
{
    placerig_close(r);
    fakemta_stop(pid);
    assert_int_equal(placerig_count(r, "spool"), 0);
    hear(r);
    without_names(heard);
}

static void two_messages_go_over_one_connection(void **state)
{
    static const struct fakemta m = {0};
    struct placerig *r = placerig_of(state);

    for (int lmtp = 0; lmtp < 2; lmtp++) {
        char expected[2048];
        pid_t pid = begin(r, &m, lmtp);

        assert_int_equal(placerig_deliver(r, 10 + lmtp, mail, NULL), PF_OK);
        assert_int_equal(placerig_deliver(r, 20 + lmtp, "x", NULL), PF_OK);
        assert_int_equal(placerig_state(r, 20 + lmtp), PF_LEDGER_DONE);
        end(r, pid);
        snprintf(expected, sizeof expected,
                 "[connect]\n%s \r\nMAIL FROM:<> SIZE=29 BODY=8BITMIME\r\nRCPT "
                 "TO:<joe@example.org>\r\nDATA\r\n"
                 "Subject: a\r\n\r\n..one\r\n...\r\nend\r\n.\r\n"
                 "MAIL FROM:<> SIZE=3 BODY=8BITMIME\r\nRCPT TO:<joe@example.org>\r\nDATA\r\nx\r\n.\r\n"
                 "QUIT\r\n[closed]\n",
                 lmtp ? "LHLO" : "EHLO");
        assert_string_equal(heard, expected);
    }
}

static void a_server_that_can_little_gets_mail_too(void **state)
{
    static const struct fakemta m = {.greeting = "220-hello\r\n220-you\r\n220 there",
                                     .hello = "502 what"};
    struct placerig *r = placerig_of(state);
    pid_t pid;

    r->account.sender = "ann@example.org";
    pid = begin(r, &m, false);
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_OK);
    end(r, pid);
    assert_non_null(strstr(heard, "EHLO \r\nHELO \r\nMAIL FROM:<ann@example.org>\r\nRCPT"));
    r->account.sender = NULL;
}

static void a_server_has_a_port(void **state)
{
    static const struct fakemta m = {0};
    struct placerig *r = placerig_of(state);
    char to[64];
    unsigned port = 0;
    pid_t pid = fakemta_start(&m, NULL, placerig_at(r, "log"), &port);

    r->account.maildir = NULL;
    r->account.smtp = to;
    r->account.recipient = "joe@example.org";
    r->carrier = PF_TEST_CARRIER;
    for (long i = 0; i < 2; i++) {
        snprintf(to, sizeof to, i ? "[127.0.0.1]:%u" : "127.0.0.1:%u", port);
        assert_true(placerig_open(r));
        assert_int_equal(placerig_deliver(r, i, mail, NULL), PF_OK);
        placerig_close(r);
    }
    fakemta_stop(pid);
}

/* What is said to a text is that message's. */
static void a_reply_to_a_text_counts_for_one_message(void **state)
{
    static const struct fakemta m = {
        .end = {"451 4.3.0 later", "550-5.7.1 no\r\n550 5.7.1 spam", NULL, "552 5.3.4 large"},
        .data = {[4] = "554 no", [5] = "450 later"},
    };
    static const enum pf_code codes[] = {PF_TEMP, PF_PERM, PF_OK, PF_PERM, PF_PERM, PF_TEMP, PF_OK};
    struct placerig *r = placerig_of(state);

    for (int lmtp = 0; lmtp < 2; lmtp++) {
        pid_t pid = begin(r, &m, lmtp);

        for (long i = 0; i < 7; i++) {
            long of = i + 10 * lmtp;

            assert_int_equal(placerig_deliver(r, of, mail, NULL), codes[i]);
            assert_int_equal(placerig_state(r, of), codes[i] == PF_OK     ? PF_LEDGER_DONE
                                                    : codes[i] == PF_PERM ? PF_LEDGER_REFUSED
                                                                          : PF_LEDGER_GONE);
        }
        assert_non_null(strstr(r->told[0].err.log, "451 4.3.0 later"));
        assert_non_null(strstr(r->told[1].err.log, "550 5.7.1 spam"));
        end(r, pid);
        assert_null(strstr(strstr(heard, "[closed]"), "[connect]")); /* one conversation */
        assert_non_null(strstr(heard, "end\r\n.\r\nRSET\r\nMAIL"));
        placerig_open(r);
        assert_int_equal(placerig_state(r, 1 + 10 * lmtp), PF_LEDGER_REFUSED);
        placerig_close(r);
    }
}

/* What is said before the text ends the run, and nothing is refused for good. */
static void a_refusal_of_names_counts_for_all(void **state)
{
    static const struct {
        struct fakemta m;
        enum pf_code code;
        const char *says;
    } cases[] = {
        {{.greeting = "554 5.7.1 go away"}, PF_CONFIG, "go away"},
        {{.greeting = "421 4.3.2 later"}, PF_AGAIN, "later"},
        {{.greeting = "* OK IMAP"}, PF_SYNTAX, "IMAP"},
        {{.greeting = ""}, PF_AGAIN, "ended the conversation"},
        {{.hello = "550 5.7.1 no", .helo = "550 5.7.1 no"}, PF_CONFIG, "5.7.1 no"},
        {{.mail = {"553 5.1.8 sender"}}, PF_CONFIG, "5.1.8 sender"},
        {{.mail = {"452 4.3.1 space"}}, PF_AGAIN, "4.3.1 space"},
        {{.rcpt = {"550 5.1.1 who"}}, PF_CONFIG, "5.1.1 who"},
        {{.rcpt = {"450 4.2.0 grey"}}, PF_AGAIN, "4.2.0 grey"},
        {{.rcpt = {"550 5.1.1 who"}, .data = {"503 5.5.1 nobody"}}, PF_CONFIG, "5.1.1 who"},
        {{.rcpt = {"550 5.1.1 who"}, .hello = "250 fake"}, PF_CONFIG, "5.1.1 who"},
        {{.end = {""}}, PF_AGAIN, "ended the conversation"},
        {{.end = {"421 4.3.2 down"}}, PF_AGAIN, "4.3.2 down"},
        {{.end = {"250"}}, PF_OK, ""},
        {{.end = {"25"}}, PF_SYNTAX, "does not speak"},
    };
    struct placerig *r = placerig_of(state);

    for (long i = 0; i < (long)(sizeof cases / sizeof cases[0]); i++) {
        pid_t pid = begin(r, &cases[i].m, false);
        struct pf_err err = {0};

        assert_int_equal(placerig_deliver(r, i, mail, NULL), cases[i].code);
        assert_non_null(strstr(r->told[0].err.log, cases[i].says));
        assert_int_equal(placerig_state(r, i), cases[i].code ? PF_LEDGER_GONE : PF_LEDGER_DONE);
        if (cases[i].code) {
            assert_null(placerig_write(r, 100, mail, 0, &err));
            assert_int_equal(err.code, cases[i].code);
        }
        end(r, pid);
    }
}

/* RFC 1870: too large is about the message. */
static void too_large_counts_for_one_message(void **state)
{
    static const struct fakemta m = {.mail = {"552 5.3.4 too large"}};
    struct placerig *r = placerig_of(state);
    pid_t pid = begin(r, &m, true);

    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_PERM);
    assert_int_equal(placerig_deliver(r, 2, mail, NULL), PF_OK);
    end(r, pid);
}

static void a_server_that_was_bored_is_called_again(void **state)
{
    static const struct fakemta m = {.mail = {NULL, "", NULL, "421 4.4.2 bored"}};
    struct placerig *r = placerig_of(state);
    pid_t pid = begin(r, &m, false);

    for (long i = 0; i < 4; i++)
        assert_int_equal(placerig_deliver(r, i, mail, NULL), PF_OK);
    end(r, pid);
    assert_non_null(strstr(strstr(heard, "[closed]"), "[connect]"));
}

static void a_server_that_ends_within_a_text_may_say_why(void **state)
{
    static const struct fakemta m = {.text_most = 4000, .end = {"552 5.2.3 too much", ""}};
    struct placerig *r = placerig_of(state);
    enum { LINES = 200000 };
    static char text[LINES * 14 + 64];
    char *at = text + snprintf(text, sizeof text, "Subject: a\r\n\r\n");
    pid_t pid = begin(r, &m, false);
    enum pf_code code;

    for (int i = 0; i < LINES; i++, at += 14)
        memcpy(at, "twelve octets\n", 15);
    code = placerig_deliver(r, 1, text, NULL);
    /* The reply is heard unless the system threw it away with the connection. */
    assert_true(code == PF_PERM || code == PF_AGAIN);
    if (code == PF_PERM)
        assert_int_equal(placerig_deliver(r, 2, text, NULL), PF_AGAIN);
    end(r, pid);
}

static void a_server_that_is_not_there_ends_the_run(void **state)
{
    static const char *const nowhere[] = {
        "127.0.0.1:1",   "unix:/nonexistent/sock", "nocolon", "127.0.0.1:", ":25", "::1:25",
        "unix:relative", "127.0.0.1:nosuchservice"};
    struct placerig *r = placerig_of(state);

    r->account.maildir = NULL;
    r->account.recipient = "joe@example.org";
    r->carrier = PF_TEST_CARRIER;
    for (long i = 0; i < (long)(sizeof nowhere / sizeof nowhere[0]); i++) {
        r->account.lmtp = nowhere[i];
        assert_true(placerig_open(r));
        assert_int_equal(placerig_deliver(r, i, mail, NULL), i < 2 ? PF_AGAIN : PF_CONFIG);
        assert_non_null(strstr(r->told[0].err.log, nowhere[i]));
        assert_int_equal(placerig_state(r, i), PF_LEDGER_GONE);
        placerig_close(r);
    }
}

static void an_address_cannot_be_a_command(void **state)
{
    static const char *const bad[] = {"a b@example.org", "a>\r\nDATA", "<joe@example.org>"};
    struct placerig *r = placerig_of(state);

    r->account.maildir = NULL;
    r->account.lmtp = "unix:/nonexistent/sock";
    r->carrier = PF_TEST_CARRIER;
    for (long i = 0; i < 3; i++) {
        r->account.recipient = bad[i];
        assert_true(placerig_open(r));
        assert_int_equal(placerig_deliver(r, i, mail, NULL), PF_CONFIG);
        assert_non_null(strstr(r->told[0].err.log, "addresses without blanks"));
        placerig_close(r);
    }
}

int main(void)
{
#define TT(name) cmocka_unit_test_setup_teardown(name, placerig_begin, placerig_end)
    const struct CMUnitTest tests[] = {
        TT(two_messages_go_over_one_connection),
        TT(a_server_that_can_little_gets_mail_too),
        TT(a_server_has_a_port),
        TT(a_reply_to_a_text_counts_for_one_message),
        TT(a_refusal_of_names_counts_for_all),
        TT(too_large_counts_for_one_message),
        TT(a_server_that_was_bored_is_called_again),
        TT(a_server_that_ends_within_a_text_may_say_why),
        TT(a_server_that_is_not_there_ends_the_run),
        TT(an_address_cannot_be_a_command),
    };

    return RUN(tests);
}
