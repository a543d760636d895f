/* The engine as a client meets it: LMTP (RFC 2033). */
#include "unit/cm.h"

#include "unit/proto/lmtp_talk.h"

#define HELLO "LHLO client.example\r\n"
#define MAIL HELLO "MAIL FROM:<a@b.example>\r\n"
#define RCPT(name) "RCPT TO:<" name "@x.example>\r\n"
#define TEXT "Subject: x\r\n\r\nbody\r\n.\r\n"
#define UP "220|250|250 2.1.0|"

static void l_001_greeting_says_lmtp(void **state)
{
    const struct talk *t = TALK("QUIT\r\n");

    (void)state;
    assert_string_equal(t->out, "220 mx.example LMTP ready\r\n221 2.0.0 bye\r\n");
    assert_string_equal(t->log, "close quit|");
}

static void l_002_helo_and_ehlo_fail_with_500(void **state)
{
    (void)state;
    assert_string_equal(TALK("HELO a\r\nEHLO a\r\nehlo\r\nMAIL FROM:<>\r\n")->codes,
                        "220|500 5.5.1|500 5.5.1|500 5.5.1|503 5.5.1|");
}

static void l_003_lhlo_lists_extensions(void **state)
{
    (void)state;
    assert_non_null(strstr(TALK("LHLO a\r\n")->out, "\r\n250-mx.example\r\n250-PIPELINING\r\n"));
    assert_string_equal(TALK("LHLO\r\nLHLO \r\nLHLO a b\r\nLHLO (a\r\nLHLO \xc3\xa4\r\n")->codes,
                        "220|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|");
}

static void l_004_lhlo_again_is_rset(void **state)
{
    const struct talk *t = TALK(MAIL RCPT("p") "LHLO other\r\nDATA\r\nMAIL FROM:<c@d>\r\n"
                                RCPT("q") "DATA\r\nx\r\n.\r\n");

    (void)state;
    assert_string_equal(t->codes, UP "250 2.1.5|250|503 5.5.1|250 2.1.0|250 2.1.5|354|250 2.0.0|");
    assert_string_equal(t->log, "rcpt p@x.example|drop|rcpt q@x.example|begin other <c@d> 1|seal x\r\n|");
}

static void l_005_offers_what_rfc_2033_wants(void **state)
{
    const char *out = TALK("LHLO a\r\n")->out;

    (void)state;
    assert_non_null(strstr(out, "250-PIPELINING\r\n"));
    assert_non_null(strstr(out, "250-ENHANCEDSTATUSCODES\r\n"));
    assert_non_null(strstr(out, "250-8BITMIME\r\n"));
}

static void l_006_offers_size_smtputf8_chunking_and_no_binarymime(void **state)
{
    const char *out = TALK("LHLO a\r\n")->out;

    (void)state;
    assert_non_null(strstr(out, "250 SIZE 50000000\r\n"));
    assert_non_null(strstr(out, "250-SMTPUTF8\r\n"));
    assert_non_null(strstr(out, "250-CHUNKING\r\n"));
    assert_null(strstr(out, "BINARYMIME"));
    assert_null(strstr(out, "STARTTLS"));
}

static void l_007_data_without_recipients_is_503(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL "DATA\r\n" RCPT("nobody") "DATA\r\n")->codes,
                        UP "503 5.5.1|550 5.1.1|503 5.5.1|");
    assert_string_equal(TALK(HELLO "DATA\r\n")->codes, "220|250|503 5.5.1|");
}

static void l_008_one_reply_per_recipient_in_order(void **state)
{
    const struct talk *t = TALK(MAIL RCPT("p") RCPT("nobody") RCPT("late") RCPT("r") "DATA\r\n" TEXT "QUIT\r\n");

    (void)state;
    assert_string_equal(t->codes, UP "250 2.1.5|550 5.1.1|250 2.1.5|250 2.1.5|354|"
                                  "250 2.0.0|451 4.3.0|250 2.0.0|221 2.0.0|");
    assert_non_null(strstr(t->out, "\r\n250 2.0.0 <p@x.example> delivered\r\n451 4.3.0 <late@x.example> "));
    assert_string_equal(t->log, "rcpt p@x.example|rcpt nobody@x.example|rcpt late@x.example|rcpt r@x.example|"
                                "begin client.example <a@b.example> 3|seal Subject: x\r\n\r\nbody\r\n|close quit|");
}

static void l_009_same_recipient_twice_gets_two_replies(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL RCPT("p") RCPT("p") "DATA\r\n" TEXT)->codes,
                        UP "250 2.1.5|250 2.1.5|354|250 2.0.0|250 2.0.0|");
}

static void l_010_only_lhlo_has_more_than_one_line(void **state)
{
    const char *out = TALK(MAIL RCPT("p") "DATA\r\n" TEXT "HELP\r\n")->out;
    const char *size = strstr(out, "250 SIZE");

    (void)state;
    assert_non_null(size);
    for (const char *line = strchr(size, '\n') + 1; *line; line = strchr(line, '\n') + 1)
        assert_int_equal(line[3], ' ');
}

/* The world tells by hand: (address, code) in the order given. */
static void tell_sealed(struct pf_lmtp_server *e, unsigned recipient, enum pf_code code)
{
    struct pf_lmtp_tell t = {.kind = PF_LMTP_TELL_SEALED, .recipient = recipient, .err = {.code = code}};

    pf_lmtp_server_tell(e, &t, 1000);
}

static bool has_out(struct pf_lmtp_server *e, const char *text)
{
    struct pf_bytes out = pf_lmtp_server_out(e);

    return out.len && memmem(out.at, out.len, text, strlen(text));
}

/* An engine with three recipients, at the end of the text; SEAL is not shown yet. */
static struct pf_lmtp_server *with_text(unsigned char *buffer, size_t cap, const struct pf_lmtp_server_settings *set)
{
    struct pf_lmtp_server *e = pf_lmtp_server_new(set, false, 1000);
    struct pf_bytes said = PF_LIT(MAIL RCPT("p") RCPT("q") RCPT("r") "DATA\r\nx\r\n.\r\n");
    unsigned char text[64];
    struct pf_span into = {text, 0, sizeof text};
    struct pf_lmtp_tell t = {.kind = PF_LMTP_TELL_RCPT};
    struct pf_lmtp_ask ask;

    pf_lmtp_server_lend(e, buffer, cap);
    while (said.len) {
        said = pf_bytes_skip(said, pf_lmtp_server_feed_text(e, said, &into, 1000));
        if (said.len && pf_lmtp_server_ask(e, &ask)) {
            t.kind = ask.kind == PF_LMTP_ASK_RCPT ? PF_LMTP_TELL_RCPT : PF_LMTP_TELL_BEGUN;
            pf_lmtp_server_tell(e, &t, 1000);
        }
        pf_lmtp_server_sent(e, pf_lmtp_server_out(e).len, 1000);
    }
    assert_int_equal(into.len, 3);
    return e;
}

static void l_011_no_250_before_the_seal_is_told(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_server *e = with_text(buffer, sizeof buffer, &set);
    struct pf_lmtp_ask ask;

    (void)state;
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_SEAL);
    assert_int_equal(ask.recipients, 3);
    assert_int_equal(pf_lmtp_server_out(e).len, 0);
    assert_int_equal(pf_lmtp_server_feed(e, PF_LIT("NOOP\r\n"), 1000), 0);
    tell_sealed(e, 0, PF_IO);
    tell_sealed(e, 1, PF_OK);
    assert_true(has_out(e, "451 4.3.0 <p@x.example>"));
    assert_true(has_out(e, "250 2.0.0 <q@x.example>"));
    assert_false(has_out(e, "<r@x.example>"));
    pf_lmtp_server_free(e);
}

static void l_012_each_reply_as_soon_as_it_and_those_before_are_known(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_server *e = with_text(buffer, sizeof buffer, &set);
    struct pf_lmtp_ask ask;

    (void)state;
    assert_true(pf_lmtp_server_ask(e, &ask));
    tell_sealed(e, 1, PF_OK);
    assert_int_equal(pf_lmtp_server_out(e).len, 0);
    assert_false(pf_lmtp_server_unlend(e));
    tell_sealed(e, 0, PF_OK);
    assert_true(has_out(e, "<p@x.example>") && has_out(e, "<q@x.example>"));
    assert_false(has_out(e, "<r@x.example>"));
    tell_sealed(e, 2, PF_OVER_QUOTA);
    assert_true(has_out(e, "452 4.2.2 <r@x.example>"));
    assert_int_equal(pf_lmtp_server_feed(e, PF_LIT("NOOP\r\n"), 1000), 6);
    pf_lmtp_server_free(e);
}

static void l_015_an_error_of_the_whole_message_is_told_to_each(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    const struct talk *t;

    (void)state;
    set.size_max = 10;
    t = TALK_SET(&set, MAIL RCPT("p") RCPT("q") "DATA\r\n" TEXT "NOOP\r\n");
    assert_string_equal(t->codes, UP "250 2.1.5|250 2.1.5|354|552 5.3.4|552 5.3.4|250 2.0.0|");
    assert_non_null(strstr(t->log, "> 2|drop|"));
    t = TALK(MAIL RCPT("p") RCPT("tear") "DATA\r\n" TEXT "NOOP\r\n");
    assert_string_equal(t->codes, UP "250 2.1.5|250 2.1.5|354|451 4.3.0|451 4.3.0|250 2.0.0|");
    assert_null(strstr(t->log, "seal"));
}

static void l_018_recipients_fail_one_by_one(void **state)
{
    const struct talk *t = TALK(MAIL RCPT("full") RCPT("brim") RCPT("gone") RCPT("p") "DATA\r\n" TEXT);

    (void)state;
    assert_string_equal(t->codes, UP "452 4.2.2|250 2.1.5|250 2.1.5|250 2.1.5|354|452 4.2.2|550 5.2.0|250 2.0.0|");
    assert_non_null(strstr(t->out, "452 4.2.2 <brim@x.example> is full to the brim\r\n"));
}

static void l_019_the_world_learns_what_a_trace_line_needs(void **state)
{
    const struct talk *t = TALK(HELLO "MAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\n" RCPT("p") "DATA\r\n.\r\n");

    (void)state;
    assert_non_null(strstr(t->log, "begin client.example <\xc3\xa4@b> 1 utf8|seal |"));
}

static void l_020_end_of_input_in_the_middle_of_data_seals_nothing(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    struct pf_lmtp_server *e = pf_lmtp_server_new(&set, false, 1000);
    struct pf_bytes said = PF_LIT(MAIL RCPT("p") "BDAT 3\r\nabcBDAT 5 LAST\r\nab");
    unsigned char buffer[PF_LMTP_OUT_MIN], text[64];
    struct pf_span into = {text, 0, sizeof text};
    struct pf_lmtp_tell t = {.kind = PF_LMTP_TELL_RCPT};
    struct pf_lmtp_ask ask;

    (void)state;
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    while (said.len) {
        said = pf_bytes_skip(said, pf_lmtp_server_feed_text(e, said, &into, 1000));
        if (pf_lmtp_server_ask(e, &ask)) {
            t.kind = ask.kind == PF_LMTP_ASK_RCPT ? PF_LMTP_TELL_RCPT : PF_LMTP_TELL_BEGUN;
            pf_lmtp_server_tell(e, &t, 1000);
        }
    }
    pf_lmtp_server_eof(e, 1000);
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_DROP);
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_CLOSE);
    assert_string_equal(ask.close, "eof");
    assert_false(pf_lmtp_server_ask(e, &ask));
    pf_lmtp_server_free(e);
}

static void a_text_that_fails_before_the_seal_is_shown_is_not_sealed(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_server *e = with_text(buffer, sizeof buffer, &set);
    struct pf_err err = {.code = PF_NO_SPACE};
    struct pf_lmtp_ask ask;

    (void)state;
    pf_lmtp_server_text_failed(e, &err, 1000);
    assert_true(has_out(e, "452 4.3.1 <p@x.example>") && has_out(e, "452 4.3.1 <r@x.example>"));
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_DROP);
    assert_false(pf_lmtp_server_ask(e, &ask));
    pf_lmtp_server_free(e);
}

static void views_of_begin_live_until_drop_is_shown(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    struct pf_lmtp_server *e = pf_lmtp_server_new(&set, false, 1000);
    struct pf_bytes said = PF_LIT(MAIL RCPT("p") "BDAT 0\r\nLHLO other\r\n");
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_tell t = {.kind = PF_LMTP_TELL_RCPT};
    struct pf_lmtp_ask ask = {0}, begin = {0};

    (void)state;
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    while (said.len) {
        said = pf_bytes_skip(said, pf_lmtp_server_feed(e, said, 1000));
        if (said.len && pf_lmtp_server_ask(e, &ask)) {
            begin = ask;
            t.kind = ask.kind == PF_LMTP_ASK_RCPT ? PF_LMTP_TELL_RCPT : PF_LMTP_TELL_BEGUN;
            pf_lmtp_server_tell(e, &t, 1000);
        }
    }
    assert_int_equal(begin.kind, PF_LMTP_ASK_BEGIN);
    assert_true(pf_bytes_equal(begin.helo, PF_LIT("client.example")));
    assert_true(pf_bytes_equal(begin.sender, PF_LIT("a@b.example")));
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_DROP);
    pf_lmtp_server_free(e);
}

static void a_begin_that_fails_leaves_the_transaction_open(void **state)
{
    const struct talk *t = TALK(MAIL RCPT("nospace") "DATA\r\nDATA\r\nRSET\r\nDATA\r\n");

    (void)state;
    assert_string_equal(t->codes, UP "250 2.1.5|452 4.3.1|452 4.3.1|250 2.0.0|503 5.5.1|");
    assert_non_null(strstr(t->log, "> 1|begin client.example <a@b.example> 1|drop|"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(l_001_greeting_says_lmtp),
        T(l_002_helo_and_ehlo_fail_with_500),
        T(l_003_lhlo_lists_extensions),
        T(l_004_lhlo_again_is_rset),
        T(l_005_offers_what_rfc_2033_wants),
        T(l_006_offers_size_smtputf8_chunking_and_no_binarymime),
        T(l_007_data_without_recipients_is_503),
        T(l_008_one_reply_per_recipient_in_order),
        T(l_009_same_recipient_twice_gets_two_replies),
        T(l_010_only_lhlo_has_more_than_one_line),
        T(l_011_no_250_before_the_seal_is_told),
        T(l_012_each_reply_as_soon_as_it_and_those_before_are_known),
        T(l_015_an_error_of_the_whole_message_is_told_to_each),
        T(l_018_recipients_fail_one_by_one),
        T(l_019_the_world_learns_what_a_trace_line_needs),
        T(l_020_end_of_input_in_the_middle_of_data_seals_nothing),
        T(a_text_that_fails_before_the_seal_is_shown_is_not_sealed),
        T(views_of_begin_live_until_drop_is_shown),
        T(a_begin_that_fails_leaves_the_transaction_open),
    };

    return RUN(tests);
}
