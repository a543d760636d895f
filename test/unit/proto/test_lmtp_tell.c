/* SMTP's words, STARTTLS, and the end of the session. */
#include "unit/cm.h"

#include "unit/proto/lmtp_talk.h"

#define MAIL "EHLO c\r\nMAIL FROM:<a@b>\r\n"
#define RCPT(name) "RCPT TO:<" name "@x>\r\n"
#define DATA "DATA\r\n.\r\n"
#define UP "220|250|250 2.1.0|"

static struct pf_lmtp_server_settings smtp(void)
{
    struct pf_lmtp_server_settings set = talk_settings();

    set.smtp = true;
    return set;
}

static void smtp_greets_as_smtp_and_has_no_lhlo(void **state)
{
    struct pf_lmtp_server_settings set = smtp();
    const struct talk *t = TALK_SET(&set, "LHLO a\r\nMAIL FROM:<>\r\nHELO a\r\nMAIL FROM:<>\r\n"
                                         "EHLO a\r\nMAIL FROM:<>\r\n");

    (void)state;
    assert_memory_equal(t->out, "220 mx.example ESMTP ready\r\n", 28);
    assert_string_equal(t->codes, "220|500 5.5.1|503 5.5.1|250|250 2.1.0|250|250 2.1.0|");
    assert_non_null(strstr(t->out, "\r\n250 mx.example\r\n"));
}

static void smtp_has_one_reply_behind_the_text(void **state)
{
    struct pf_lmtp_server_settings set = smtp();

    (void)state;
    assert_string_equal(TALK_SET(&set, MAIL RCPT("p") RCPT("q") DATA "NOOP\r\n")->codes,
                        UP "250 2.1.5|250 2.1.5|354|250 2.0.0|250 2.0.0|");
    assert_string_equal(TALK_SET(&set, MAIL RCPT("p") RCPT("gone") RCPT("r") DATA "NOOP\r\n")->codes,
                        UP "250 2.1.5|250 2.1.5|250 2.1.5|354|550 5.2.0|250 2.0.0|");
    /* Who may get it at the next try must not be lost to a bounce. */
    assert_string_equal(TALK_SET(&set, MAIL RCPT("gone") RCPT("brim") RCPT("gone") DATA)->codes,
                        UP "250 2.1.5|250 2.1.5|250 2.1.5|354|452 4.2.2|");
    assert_string_equal(TALK_SET(&set, MAIL RCPT("p") RCPT("q") "DATA\r\n\n\r\n.\r\n")->codes,
                        UP "250 2.1.5|250 2.1.5|354|550 5.5.2|");
}

static void smtp_answers_each_bdat(void **state)
{
    struct pf_lmtp_server_settings set = smtp();

    (void)state;
    assert_string_equal(TALK_SET(&set, MAIL RCPT("p") RCPT("q") "BDAT 1\r\naBDAT 1 LAST\r\nbBDAT 1 LAST\r\nx")->codes,
                        UP "250 2.1.5|250 2.1.5|250 2.0.0|250 2.0.0|503 5.5.1|");
}

static void starttls_forgets_what_was_said(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    struct pf_lmtp_server *e;
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_TLS};
    struct pf_lmtp_ask ask;

    (void)state;
    set.starttls = true;
    assert_non_null(strstr(TALK_SET(&set, "LHLO a\r\n")->out, "250-STARTTLS\r\n"));
    assert_string_equal(TALK_SET(&set, "STARTTLS x\r\nLHLO a\r\nMAIL FROM:<>\r\nSTARTTLS\r\n")->codes,
                        "220|501 5.5.4|250|250 2.1.0|503 5.5.1|");
    e = pf_lmtp_server_new(&set, false, 1000);
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    assert_int_equal(pf_lmtp_server_feed(e, PF_LIT("LHLO a\r\nSTARTTLS\r\n"), 1000), 18);
    pf_lmtp_server_sent(e, pf_lmtp_server_out(e).len, 1000);
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_TLS);
    assert_int_equal(pf_lmtp_server_feed(e, PF_LIT("NOOP\r\n"), 1000), 0);
    pf_lmtp_server_tell(e, &tell, 1000);
    pf_lmtp_server_feed(e, PF_LIT("MAIL FROM:<>\r\nSTARTTLS\r\nLHLO b\r\n"), 1000);
    assert_memory_equal(pf_lmtp_server_out(e).at, "503 5.5.1 say LHLO first\r\n503 ", 30);
    assert_null(memmem(pf_lmtp_server_out(e).at, pf_lmtp_server_out(e).len, "STARTTLS", 8));
    pf_lmtp_server_free(e);
}

static void input_behind_starttls_ends_the_session(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    struct pf_lmtp_server *e;
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_ask ask;

    (void)state;
    set.starttls = true;
    e = pf_lmtp_server_new(&set, false, 1000);
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    assert_int_equal(pf_lmtp_server_feed(e, PF_LIT("STARTTLS\r\nNOOP\r\n"), 1000), 10);
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_CLOSE);
    assert_string_equal(ask.close, "smuggle");
    assert_non_null(memmem(pf_lmtp_server_out(e).at, pf_lmtp_server_out(e).len, "\r\n554 5.5.1 ", 12));
    pf_lmtp_server_free(e);
}

static void a_handshake_that_fails_ends_the_session(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    struct pf_lmtp_server *e;
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_TLS, .err = {.code = PF_IO}};
    struct pf_lmtp_ask ask;

    (void)state;
    set.starttls = true;
    e = pf_lmtp_server_new(&set, false, 1000);
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    pf_lmtp_server_feed(e, PF_LIT("STARTTLS\r\n"), 1000);
    assert_true(pf_lmtp_server_ask(e, &ask));
    pf_lmtp_server_tell(e, &tell, 1000);
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_string_equal(ask.close, "tls");
    pf_lmtp_server_tell(e, &tell, 1000); /* comes too late, changes nothing */
    assert_false(pf_lmtp_server_ask(e, &ask));
    pf_lmtp_server_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(smtp_greets_as_smtp_and_has_no_lhlo),
        T(smtp_has_one_reply_behind_the_text),
        T(smtp_answers_each_bdat),
        T(starttls_forgets_what_was_said),
        T(input_behind_starttls_ends_the_session),
        T(a_handshake_that_fails_ends_the_session),
    };

    return RUN(tests);
}
