/* The text of a message: where it ends, what it may hold, and the replies behind it. */
#include "unit/cm.h"

#include <stdlib.h>

#include "base/text.h"
#include "unit/proto/lmtp_talk.h"

#define MAIL "LHLO c\r\nMAIL FROM:<a@b>\r\n"
#define RCPT(name) "RCPT TO:<" name "@x>\r\n"
#define ONE MAIL RCPT("p")
#define UP1 "220|250|250 2.1.0|250 2.1.5|"
#define LOG1 "rcpt p@x|begin c <a@b> 1|"

static void s_007_only_crlf_dot_crlf_ends_data(void **state)
{
    static const char *const no_ends[] = {"\n.\n",   "\n.\r\n", "\r.\r",     "\r\n.\n",   "\r\n.\r", "\r.\r\n",
                                          "\n\n.\r\n", "\r\n.\r\r\n", "\r\n. \r\n", "\r\r\n.\r\r\n"};
    struct pf_lmtp_server_settings set = talk_settings();

    (void)state;
    set.bare_ends = true;
    for (size_t i = 0; i < sizeof no_ends / sizeof no_ends[0]; i++) {
        char said[256];
        const struct talk *t;

        snprintf(said, sizeof said, ONE "DATA\r\nx%sQUIT\r\n.\r\nNOOP\r\n", no_ends[i]);
        t = talk(&set, pf_bytes_of(said));
        assert_string_equal(t->codes, UP1 "354|250 2.0.0|250 2.0.0|");
        assert_non_null(strstr(t->log, "QUIT\r\n|"));
    }
}

static void s_008_bare_lf_or_cr_is_refused(void **state)
{
    static const char *const bad[] = {"a\nb\r\n",       "a\rb\r\n",        "\n",      "\r\r\n",
                                      "x\r\n\ny\r\n", "a\r\n.\nb\r\n", "\r.\r\n"};
    struct pf_lmtp_server_settings set = talk_settings();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char said[256];
        const struct talk *t;

        set.bare_ends = false;
        snprintf(said, sizeof said, ONE "DATA\r\n%s\r\n.\r\nNOOP\r\n", bad[i]);
        t = talk(&set, pf_bytes_of(said));
        assert_string_equal(t->codes, UP1 "354|550 5.5.2|250 2.0.0|");
        assert_string_equal(t->log, LOG1 "drop|");
        set.bare_ends = true;
        assert_string_equal(talk(&set, pf_bytes_of(said))->codes, UP1 "354|250 2.0.0|250 2.0.0|");
    }
}

static void s_008_bare_ends_are_refused_in_bdat_too(void **state)
{
    (void)state;
    assert_string_equal(TALK(ONE "BDAT 4\r\na\r\n\rBDAT 2 LAST\r\n\nb")->codes, UP1 "250 2.0.0|250 2.0.0|");
    assert_string_equal(TALK(ONE "BDAT 4\r\na\r\n\rBDAT 2 LAST\r\nb\n")->codes, UP1 "250 2.0.0|550 5.5.2|");
    assert_string_equal(TALK(ONE "BDAT 2\r\na\nBDAT 2 LAST\r\n\r\n")->codes, UP1 "550 5.5.2|550 5.5.2|");
    assert_string_equal(TALK(ONE "BDAT 2 LAST\r\na\r")->codes, UP1 "550 5.5.2|");
}

static void s_009_one_leading_dot_is_removed(void **state)
{
    (void)state;
    assert_string_equal(TALK(ONE "DATA\r\n..\r\n...a\r\nb.\r\n.c\r\n.\r\n")->log, LOG1 "seal .\r\n..a\r\nb.\r\nc\r\n|");
    assert_string_equal(TALK(ONE "DATA\r\n.\r\nNOOP\r\n")->log, LOG1 "seal |");
}

static void s_003_long_lines_are_not_split(void **state)
{
    static char said[70000];
    const struct talk *t;
    size_t n = (size_t)snprintf(said, sizeof said, ONE "DATA\r\n");

    (void)state;
    memset(said + n, 'x', 20000);
    memcpy(said + n + 20000, "\r\n.\r\n", 6);
    t = talk(NULL, pf_bytes_of(said));
    assert_string_equal(t->codes, UP1 "354|250 2.0.0|");
    assert_int_equal(strlen(t->log), strlen(LOG1 "seal \r\n|") + 20000);
}

static void s_010_eight_bits_without_body_are_accepted(void **state)
{
    (void)state;
    assert_string_equal(TALK(ONE "DATA\r\n\xff\x80\0z\r\n.\r\n")->log, LOG1 "seal \xff\x80~z\r\n|");
}

static void s_025_data_after_failed_rcpts_is_503_and_what_follows_are_commands(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL RCPT("nobody") RCPT("full") "DATA\r\nSubject: x\r\nRSET\r\n.\r\n")->codes,
                        "220|250|250 2.1.0|550 5.1.1|452 4.2.2|503 5.5.1|500 5.5.2|250 2.0.0|500 5.5.2|");
}

static void s_024_input_stays_across_commands(void **state)
{
    const struct talk *t = TALK(ONE "DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\n" RCPT("q")
                                "DATA\r\n.y\r\n.\r\nQUIT\r\nNOOP\r\n");

    (void)state;
    assert_string_equal(t->codes, UP1 "354|250 2.0.0|250 2.1.0|250 2.1.5|354|250 2.0.0|221 2.0.0|");
    assert_string_equal(t->log, LOG1 "seal x\r\n|rcpt q@x|begin c <> 1|seal y\r\n|close quit|");
    assert_int_equal(t->left, 6);
}

static void s_028_size_counts_crlf_as_two_and_no_stuffed_dots(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();

    (void)state;
    set.size_max = 8;
    assert_string_equal(TALK_SET(&set, ONE "DATA\r\n..a\r\n..\r\n.\r\n")->codes, UP1 "354|250 2.0.0|");
    assert_string_equal(TALK_SET(&set, ONE "DATA\r\n..a\r\n..bc\r\n.\r\n")->codes, UP1 "354|552 5.3.4|");
    /* What was declared has no say in where the text ends. */
    assert_string_equal(TALK("LHLO c\r\nMAIL FROM:<a@b> SIZE=1\r\n" RCPT("p") "DATA\r\nabc\r\n.\r\n")->codes,
                        UP1 "354|250 2.0.0|");
}

static void s_035_bdat_takes_exactly_n_octets(void **state)
{
    const struct talk *t = TALK(ONE "BDAT 7\r\n.\r\n.\r\nxbdat 2\r\n\r\nBDAT 0 LAST\r\nNOOP\r\n");

    (void)state;
    assert_string_equal(t->codes, UP1 "250 2.0.0|250 2.0.0|250 2.0.0|250 2.0.0|");
    assert_string_equal(t->log, LOG1 "seal .\r\n.\r\nx\r\n|");
    assert_string_equal(TALK(ONE "BDAT 0 LAST\r\n")->log, LOG1 "seal |");
    assert_string_equal(TALK(ONE "BDAT 3 last\r\na\r\n")->log, LOG1 "seal a\r\n|");
}

static void s_036_no_dots_are_removed_from_bdat(void **state)
{
    (void)state;
    assert_string_equal(TALK(ONE "BDAT 7 LAST\r\n..a\r\n\r\n")->log, LOG1 "seal ..a\r\n\r\n|");
}

static void l_013_bdat_without_last_has_one_reply(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL RCPT("p") RCPT("q") "BDAT 1\r\naBDAT 0\r\n")->codes,
                        UP1 "250 2.1.5|250 2.0.0|250 2.0.0|");
}

static void l_014_bdat_last_has_one_reply_per_recipient(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL RCPT("p") RCPT("late") "BDAT 1 LAST\r\naNOOP\r\n")->codes,
                        UP1 "250 2.1.5|250 2.0.0|451 4.3.0|250 2.0.0|");
    /* Zero recipients, zero replies; and the transaction is over. */
    assert_string_equal(TALK(MAIL RCPT("nobody") "BDAT 4 LAST\r\nNOOPMAIL FROM:<>\r\n")->codes,
                        "220|250|250 2.1.0|550 5.1.1|250 2.1.0|");
}

static void s_037_refused_octets_are_still_read(void **state)
{
    const struct talk *t = TALK(ONE RCPT("nospace") "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");

    (void)state;
    assert_string_equal(t->codes, UP1 "250 2.1.5|452 4.3.1|452 4.3.1|452 4.3.1|250 2.0.0|");
    assert_null(strstr(t->log, "seal"));
    assert_null(strstr(t->log, "close"));
}

static void s_038_data_and_bdat_do_not_mix(void **state)
{
    const struct talk *t = TALK(ONE "BDAT 1\r\naDATA\r\nBDAT 1\r\nb" RCPT("q") "BDAT 1 LAST\r\ncRSET\r\n");

    (void)state;
    assert_string_equal(t->codes, UP1 "250 2.0.0|503 5.5.1|503 5.5.1|503 5.5.1|503 5.5.1|250 2.0.0|");
    assert_string_equal(t->log, LOG1 "drop|");
    assert_string_equal(TALK(ONE "BDAT 1\r\naDATA\r\nRSET\r\nMAIL FROM:<>\r\n" RCPT("q") "DATA\r\n.\r\n")->codes,
                        UP1 "250 2.0.0|503 5.5.1|250 2.0.0|250 2.1.0|250 2.1.5|354|250 2.0.0|");
    /* Behind LAST the message is over. */
    assert_string_equal(TALK(ONE "BDAT 1 LAST\r\naBDAT 4\r\nQUITNOOP\r\n")->codes,
                        UP1 "250 2.0.0|503 5.5.1|250 2.0.0|");
}

static void s_039_bdat_before_a_good_rcpt_is_503_behind_its_octets(void **state)
{
    (void)state;
    assert_string_equal(TALK("BDAT 6\r\nQUIT\r\nLHLO c\r\nBDAT 6\r\nQUIT\r\nMAIL FROM:<>\r\n" RCPT("p"))->codes,
                        "220|503 5.5.1|250|503 5.5.1|250 2.1.0|250 2.1.5|");
    /* A chunk that was thrown away must not be missing in a message that is delivered. */
    assert_string_equal(TALK(MAIL "BDAT 6\r\nQUIT\r\n" RCPT("p") "BDAT 1 LAST\r\nxNOOP\r\n")->codes,
                        "220|250|250 2.1.0|503 5.5.1|503 5.5.1|250 2.0.0|");
}

static void s_040_a_chunk_that_is_too_large_is_refused_unread(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    const struct talk *t;

    (void)state;
    set.size_max = 4;
    t = TALK_SET(&set, ONE "BDAT 3\r\nabcBDAT 2\r\ndeBDAT 1 LAST\r\nfNOOP\r\n");
    assert_string_equal(t->codes, UP1 "250 2.0.0|552 5.3.4|552 5.3.4|250 2.0.0|");
    assert_string_equal(t->log, LOG1 "drop|");
    t = TALK_SET(&set, ONE "BDAT 18446744073709551615 LAST\r\nNOOP\r\n");
    assert_string_equal(t->codes, UP1 "552 5.3.4|");
    assert_string_equal(t->log, "rcpt p@x|drop|close bad|");
    assert_string_equal(TALK_SET(&set, ONE "BDAT 18446744073709551616\r\nNOOP\r\n")->codes, UP1 "501 5.5.4|");
    set.size_max = 0;
    assert_string_equal(TALK_SET(&set, ONE "BDAT 18446744073709551615\r\nNOOP\r\n")->codes, UP1);
}

static void s_040_a_bdat_that_is_not_understood_ends_the_session(void **state)
{
    static const char *const bad[] = {"BDAT x", "BDAT", "BDAT -1", "BDAT 1 FIRST", "BDAT 1 LAST x",
                                      "BDAT 1\x01", "bdat 1,000"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char said[128];
        const struct talk *t;

        snprintf(said, sizeof said, ONE "%s\r\nQUIT\r\n", bad[i]);
        t = talk(NULL, pf_bytes_of(said));
        assert_string_equal(t->codes, UP1 "501 5.5.4|");
        assert_string_equal(t->log, "rcpt p@x|drop|close bad|");
    }
}

static void s_041_binarymime_is_not_offered(void **state)
{
    (void)state;
    assert_string_equal(TALK("LHLO c\r\nMAIL FROM:<> BODY=BINARYMIME\r\n")->codes, "220|250|504 5.5.4|");
}

/* 1000 recipients: replies fit no buffer, so they wait for room. */
static void s_004_a_thousand_recipients(void **state)
{
    static char said[100000];
    struct pf_span s = {(unsigned char *)said, 0, sizeof said};
    struct pf_lmtp_server_settings set = talk_settings();
    const struct talk *t;

    (void)state;
    set.recipients_max = 1000;
    pf_span_put(&s, PF_LIT(MAIL));
    for (int i = 0; i < 1002; i++)
        assert_true(pf_span_format(&s, "RCPT TO:<%s+%d@x>\r\n", i % 100 == 7 ? "late" : "p", i));
    assert_true(pf_span_put(&s, PF_LIT("DATA\r\nx\r\n.\r\nNOOP\r\n")));
    t = talk(&set, pf_span_bytes(&s));
    assert_non_null(strstr(t->codes, "250 2.1.5|452 4.5.3|452 4.5.3|354|250 2.0.0|"));
    assert_non_null(strstr(t->out, "\r\n250 2.0.0 <p+906@x> delivered\r\n451 4.3.0 <late+907@x> "));
    assert_non_null(strstr(t->out, "\r\n250 2.0.0 <p+999@x> delivered\r\n250 2.0.0 ok\r\n"));
}

static void s_004_the_least_limits_are_met_by_default(void **state)
{
    struct pf_lmtp_server_settings set;

    (void)state;
    pf_lmtp_server_settings_init(&set);
    assert_true(set.recipients_max >= 100 && set.size_max >= 65536 && set.idle_time >= 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(s_007_only_crlf_dot_crlf_ends_data),
        T(s_008_bare_lf_or_cr_is_refused),
        T(s_008_bare_ends_are_refused_in_bdat_too),
        T(s_009_one_leading_dot_is_removed),
        T(s_003_long_lines_are_not_split),
        T(s_010_eight_bits_without_body_are_accepted),
        T(s_025_data_after_failed_rcpts_is_503_and_what_follows_are_commands),
        T(s_024_input_stays_across_commands),
        T(s_028_size_counts_crlf_as_two_and_no_stuffed_dots),
        T(s_035_bdat_takes_exactly_n_octets),
        T(s_036_no_dots_are_removed_from_bdat),
        T(l_013_bdat_without_last_has_one_reply),
        T(l_014_bdat_last_has_one_reply_per_recipient),
        T(s_037_refused_octets_are_still_read),
        T(s_038_data_and_bdat_do_not_mix),
        T(s_039_bdat_before_a_good_rcpt_is_503_behind_its_octets),
        T(s_040_a_chunk_that_is_too_large_is_refused_unread),
        T(s_040_a_bdat_that_is_not_understood_ends_the_session),
        T(s_041_binarymime_is_not_offered),
        T(s_004_a_thousand_recipients),
        T(s_004_the_least_limits_are_met_by_default),
    };

    return RUN(tests);
}
