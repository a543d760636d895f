/* The client's words: their order, their arguments, and what is answered. */
#include "unit/cm.h"

#include "unit/proto/lmtp_talk.h"

#define HELLO "LHLO c\r\n"
#define MAIL HELLO "MAIL FROM:<a@b>\r\n"
#define UP0 "220|250|"
#define UP UP0 "250 2.1.0|"

static void s_001_command_lines_up_to_the_limit(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    static char said[9000];

    (void)state;
    assert_true(set.line_max >= 512 + 26 + 16 + 10);
    memset(said, 'x', 4093);
    memcpy(said, "NOOP ", 5);
    memcpy(said + 4094, "\r\nNOOP\r\n", 8);
    said[4093] = 'x';
    assert_string_equal(talk(NULL, pf_bytes_from(said, 4094 + 8))->codes, "220|250 2.0.0|250 2.0.0|");
    memcpy(said + 4095, "\r\nNOOP\r\n", 8);
    said[4094] = 'x';
    assert_string_equal(talk(NULL, pf_bytes_from(said, 4095 + 8))->codes, "220|500 5.5.2|250 2.0.0|");
    /* The octets behind a lost BDAT are no commands. */
    memcpy(said, "bdat ", 5);
    assert_string_equal(talk(NULL, pf_bytes_from(said, 4095 + 8))->log, "close bad|");
}

static void s_002_lengths_of_addresses_and_replies(void **state)
{
    static char said[2048];
    const struct talk *t;

    (void)state;
    /* 64 octets before the @ and 255 behind it are a must; longer local parts are accepted. */
    snprintf(said, sizeof said,
             MAIL "RCPT TO:<%0256d@%063d.%063d.%063d.%063d>\r\nRCPT TO:<%0257d@x>\r\nDATA\r\n.\r\n", 1, 2, 3, 4, 5, 6);
    t = talk(NULL, pf_bytes_of(said));
    assert_string_equal(t->codes, UP "250 2.1.5|553 5.1.3|354|250 2.0.0|");
    snprintf(said, sizeof said, HELLO "MAIL FROM:<a@%063d.%063d.%063d.%064d>\r\n", 2, 3, 4, 5);
    assert_string_equal(talk(NULL, pf_bytes_of(said))->codes, UP0 "553 5.1.7|");
}

static void s_012_an_empty_reverse_path_is_handed_on(void **state)
{
    (void)state;
    assert_string_equal(TALK(HELLO "MAIL FROM:<>\r\nRCPT TO:<p@x>\r\nDATA\r\n.\r\n")->log,
                        "rcpt p@x|begin c <> 1|seal |");
}

static void s_014_postmaster_without_domain(void **state)
{
    const struct talk *t = TALK(MAIL "RCPT TO:<Postmaster>\r\nRCPT TO:<POSTMASTER>\r\nRCPT TO:<other>\r\n"
                                     "RCPT TO:<PostMaster@x>\r\nRCPT TO:<>\r\n");

    (void)state;
    assert_string_equal(t->codes, UP "250 2.1.5|250 2.1.5|501 5.1.3|250 2.1.5|501 5.1.3|");
    assert_string_equal(t->log, "rcpt postmaster|rcpt postmaster|rcpt PostMaster@x|");
}

static void s_015_s_042_case_and_subaddress_are_handed_on_as_they_are(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL "RCPT TO:<User+Detail@Dom.Example>\r\n")->log, "rcpt User+Detail@Dom.Example|");
}

static void s_016_source_routes_are_ignored(void **state)
{
    const struct talk *t = TALK(HELLO "MAIL FROM:<@r:a@b>\r\nRCPT TO:<@a.example,@b:user@c>\r\nRCPT TO:<@a,user@c>\r\n"
                                      "DATA\r\n.\r\n");

    (void)state;
    assert_string_equal(t->codes, UP "250 2.1.5|501 5.1.3|354|250 2.0.0|");
    assert_string_equal(t->log, "rcpt user@c|begin c <a@b> 1|seal |");
}

static void s_017_one_space_behind_the_colon_is_accepted(void **state)
{
    (void)state;
    assert_string_equal(TALK(HELLO "mail from: <a@b>\r\nrcpt to: <p@x>\r\nRCPT TO:  <p@x>\r\n")->codes,
                        UP "250 2.1.5|501 5.1.3|");
}

static void s_018_quoted_local_parts(void **state)
{
    (void)state;
    assert_string_equal(TALK(MAIL "RCPT TO:<\"a b\"@x>\r\nRCPT TO:<\"ab\"@x>\r\nRCPT TO:<\"a\\b\"@x>\r\n")->log,
                        "rcpt \"a b\"@x|rcpt ab@x|rcpt ab@x|");
}

static void s_019_second_mail_is_503_and_the_first_stays(void **state)
{
    const struct talk *t = TALK(MAIL "MAIL FROM:<c@d>\r\nRCPT TO:<p@x>\r\nMAIL FROM:<e@f>\r\nDATA\r\n.\r\n");

    (void)state;
    assert_string_equal(t->codes, UP "503 5.5.1|250 2.1.5|503 5.5.1|354|250 2.0.0|");
    assert_non_null(strstr(t->log, "begin c <a@b> 1"));
}

static void s_020_codes_for_mistakes(void **state)
{
    (void)state;
    assert_string_equal(TALK("MAIL FROM:<>\r\nXYZZY\r\n\r\nEXPN all\r\nTURN\r\nSTARTTLS\r\n")->codes,
                        "220|503 5.5.1|500 5.5.2|500 5.5.2|502 5.5.1|502 5.5.1|502 5.5.1|");
    assert_string_equal(TALK(HELLO "MAIL\r\nMAIL TO:<a@b>\r\nMAIL FROM:a@b\r\nMAIL FROM:<a@b\r\nMAIL FROM:<a b@c>\r\n"
                                   "MAIL FROM:<a@b>x\r\nMAIL FROM:<a@b> RET=FULL\r\nMAIL FROM:<a@b> =1\r\n"
                                   "RSET x\r\nQUIT now\r\nNOOP \x01\r\n")->codes,
                        UP0 "501 5.5.4|501 5.5.4|501 5.1.7|501 5.1.7|501 5.1.7|501 5.5.4|555 5.5.4|501 5.5.4|"
                            "501 5.5.4|501 5.5.4|501 5.5.2|");
    assert_string_equal(TALK(MAIL "RCPT\r\nRCPT FROM:<p@x>\r\nRCPT TO:<p@x> NOTIFY=NEVER\r\nDATA x\r\n"
                                  "RCPT TO:<p@x>\r\nDATA x\r\n")->codes,
                        UP "501 5.5.4|501 5.5.4|555 5.5.4|503 5.5.1|250 2.1.5|501 5.5.4|");
}

static void s_021_words_that_are_always_there(void **state)
{
    const struct talk *t = TALK("RSET\r\nNOOP x\r\nVRFY a\r\nVRFY\r\nHELP\r\n" MAIL "RCPT TO:<p@x>\r\nNOOP\r\n"
                                "VRFY p\r\nHELP x\r\nDATA\r\n.\r\nQUIT\r\nNOOP\r\n");

    (void)state;
    assert_string_equal(t->codes, "220|250 2.0.0|250 2.0.0|252 2.5.0|501 5.5.4|214 2.0.0|250|250 2.1.0|250 2.1.5|"
                                  "250 2.0.0|252 2.5.0|214 2.0.0|354|250 2.0.0|221 2.0.0|");
    assert_string_equal(TALK(MAIL "RCPT TO:<p@x>\r\nRSET\r\nRCPT TO:<p@x>\r\n")->log, "rcpt p@x|drop|");
}

static void s_022_s_023_status_has_the_class_of_the_code(void **state)
{
    static const char said[] = MAIL "RCPT TO:<p@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<full@x>\r\nRCPT TO:<late@x>\r\n"
                                    "XY\r\nDATA\r\n.\r\nVRFY a\r\nHELP\r\nBDAT 1\r\nxDATA\r\nEXPN\r\nQUIT\r\n";
    const struct talk *t = talk(NULL, pf_bytes_of(said));
    const char *line = strchr(t->out, '\n') + 1; /* the greeting has none, the answer to LHLO neither */
    unsigned count = 0;

    (void)state;
    line = strchr(strstr(line, "250 SIZE"), '\n') + 1;
    for (; *line; line = strchr(line, '\n') + 1, count++) {
        if (line[0] == '3') {
            assert_true(line[5] != '.');
            continue;
        }
        assert_true(line[3] == ' ' && line[4] == line[0] && line[5] == '.' && line[7] == '.' && line[9] == ' ');
    }
    assert_int_equal(count, 15);
}

static void s_026_s_027_size(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();

    (void)state;
    set.size_max = 1000;
    assert_string_equal(TALK_SET(&set, HELLO "MAIL FROM:<> SIZE=1001\r\nMAIL FROM:<> SIZE=99999999999999999999\r\n"
                                             "MAIL FROM:<> SIZE=999999999999999999999\r\nMAIL FROM:<> SIZE=\r\n"
                                             "MAIL FROM:<> SIZE\r\nMAIL FROM:<> SIZE=-1\r\n"
                                             "MAIL FROM:<> SIZE=1 SIZE=1\r\n"
                                             "MAIL FROM:<> size=1000\r\n")->codes,
                        UP0 "552 5.3.4|552 5.3.4|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|250 2.1.0|");
    assert_non_null(strstr(TALK_SET(&set, HELLO)->out, "250 SIZE 1000\r\n"));
    set.size_max = 0;
    assert_non_null(strstr(TALK_SET(&set, HELLO)->out, "250 SIZE 0\r\n"));
    assert_string_equal(TALK_SET(&set, HELLO "MAIL FROM:<> SIZE=18446744073709551614\r\n")->codes, UP);
}

static void s_029_rcpt_tells_the_size_that_was_declared(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    struct pf_lmtp_server *e = pf_lmtp_server_new(&set, false, 1000);
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_ask ask;

    (void)state;
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    pf_lmtp_server_feed(e, PF_LIT(HELLO "MAIL FROM:<a@b> SIZE=4711\r\nRCPT TO:<p@x>\r\n"), 1000);
    assert_true(pf_lmtp_server_ask(e, &ask));
    assert_int_equal(ask.kind, PF_LMTP_ASK_RCPT);
    assert_int_equal(ask.size, 4711);
    assert_true(pf_bytes_equal(ask.sender, PF_LIT("a@b")));
    pf_lmtp_server_free(e);
}

static void s_030_body(void **state)
{
    (void)state;
    assert_string_equal(TALK(HELLO "MAIL FROM:<> BODY=7BIT\r\nRSET\r\nMAIL FROM:<>  body=8bitmime\r\nRSET\r\n"
                                   "MAIL FROM:<> BODY=9BIT\r\nMAIL FROM:<> BODY\r\n"
                                   "MAIL FROM:<> BODY=7BIT BODY=7BIT\r\n")->codes,
                        UP "250 2.0.0|250 2.1.0|250 2.0.0|504 5.5.4|501 5.5.4|501 5.5.4|");
}

static void s_031_smtputf8_has_no_value(void **state)
{
    (void)state;
    assert_string_equal(TALK(HELLO "MAIL FROM:<> SMTPUTF8=1\r\nMAIL FROM:<> SMTPUTF8 SMTPUTF8\r\n"
                                   "MAIL FROM:<> smtputf8 SIZE=1 BODY=8BITMIME\r\nVRFY p SMTPUTF8\r\n")->codes,
                        UP0 "501 5.5.4|501 5.5.4|250 2.1.0|252 2.5.0|");
}

static void s_032_non_ascii_addresses_need_smtputf8(void **state)
{
    (void)state;
    assert_string_equal(TALK(HELLO "MAIL FROM:<\xc3\xa4@b>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<p@\xc3\xa4.x>\r\n")->codes,
                        UP0 "553 5.6.7|250 2.1.0|553 5.6.7|");
    assert_string_equal(TALK(HELLO "MAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\nRCPT TO:<\"\xc3\xa4\"@\xe4\xb8\xad.x>\r\n")->log,
                        "rcpt \xc3\xa4@\xe4\xb8\xad.x|");
    assert_string_equal(TALK(HELLO "MAIL FROM:<\xc3@b> SMTPUTF8\r\nMAIL FROM:<\xff@b>\r\n")->codes,
                        UP0 "501 5.1.7|501 5.1.7|");
}

static void s_033_replies_are_ascii_without_smtputf8(void **state)
{
    const struct talk *t = TALK(HELLO "MAIL FROM:<\xc3\xa4@b>\r\nXY\xc3\xa4\r\nNOOP \xc3\xa4\r\nMAIL FROM:<>\r\n"
                                      "RCPT TO:<\xc3\xa4@b>\r\n");

    (void)state;
    for (const char *c = t->out; *c; c++)
        assert_true(*c > 0);
    t = TALK(HELLO "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@b>\r\n");
    assert_non_null(strstr(t->out, "250 2.1.5 <\xc3\xa4@b> ok\r\n"));
}

static void control_octets_are_refused(void **state)
{
    (void)state;
    assert_string_equal(TALK(HELLO "MAIL FROM:<a\0@b>\r\nMAIL FROM:<a\r@b>\r\nMAIL FROM:<\"a\tb\"@c>\r\n"
                                   "MAIL FROM:<a\x7f@b>\r\nMAIL\tFROM:<>\r\n")->codes,
                        UP0 "501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|500 5.5.2|");
}

static void too_many_errors_end_the_session(void **state)
{
    struct pf_lmtp_server_settings set = talk_settings();
    const struct talk *t;

    (void)state;
    set.bad_max = 3;
    t = TALK_SET(&set, "X\r\nX\r\nNOOP\r\nX\r\nX\r\nX\r\nX\r\n");
    assert_string_equal(t->codes, "220|500 5.5.2|500 5.5.2|250 2.0.0|500 5.5.2|500 5.5.2|421 4.7.0|");
    assert_string_equal(t->log, "close bad|");
    assert_int_equal(t->left, 3);
    /* Commands without a reply count, too. */
    t = TALK_SET(&set, "BDAT 0 LAST\r\nBDAT 0 LAST\r\nBDAT 0 LAST\r\nNOOP\r\n");
    assert_string_equal(t->codes, "220|421 4.7.0|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(s_001_command_lines_up_to_the_limit),
        T(s_002_lengths_of_addresses_and_replies),
        T(s_012_an_empty_reverse_path_is_handed_on),
        T(s_014_postmaster_without_domain),
        T(s_015_s_042_case_and_subaddress_are_handed_on_as_they_are),
        T(s_016_source_routes_are_ignored),
        T(s_017_one_space_behind_the_colon_is_accepted),
        T(s_018_quoted_local_parts),
        T(s_019_second_mail_is_503_and_the_first_stays),
        T(s_020_codes_for_mistakes),
        T(s_021_words_that_are_always_there),
        T(s_022_s_023_status_has_the_class_of_the_code),
        T(s_026_s_027_size),
        T(s_029_rcpt_tells_the_size_that_was_declared),
        T(s_030_body),
        T(s_031_smtputf8_has_no_value),
        T(s_032_non_ascii_addresses_need_smtputf8),
        T(s_033_replies_are_ascii_without_smtputf8),
        T(control_octets_are_refused),
        T(too_many_errors_end_the_session),
    };

    return RUN(tests);
}
