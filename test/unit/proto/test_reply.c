#include "unit/cm.h"

#include "proto/reply.h"

static unsigned char room[2048];

static const char *text_of(struct pf_span *s)
{
    assert_true(s->len < sizeof room);
    room[s->len] = 0;
    s->len = 0;
    return (const char *)room;
}

static void w_013_a_space_follows_the_indicator_in_any_case(void **state)
{
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    pf_reply_ok(&s, PF_LIT(""));
    assert_string_equal(text_of(&s), "+OK \r\n");
    pf_reply_ok(&s, PF_LIT("2 40"));
    assert_string_equal(text_of(&s), "+OK 2 40\r\n");
    pf_reply_err(&s, PF_SYNTAX, PF_LIT(""));
    assert_string_equal(text_of(&s), "-ERR \r\n");
}

static void w_010_a_line_has_at_most_512_octets(void **state)
{
    struct pf_span s = {room, 0, sizeof room};
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    pf_reply_ok(&s, pf_bytes_from(text, sizeof text));
    assert_int_equal(s.len, 512);
    assert_memory_equal(room + 509, "x\r\n", 3);
    s.len = 0;
    pf_reply_err(&s, PF_LOGIN_DELAY, pf_bytes_from(text, sizeof text));
    assert_int_equal(s.len, 512);
    s.len = 0;
    pf_reply_greeting(&s, PF_LIT(""), pf_bytes_from(text, sizeof text), PF_LIT(""));
    assert_int_equal(s.len, 512);
    assert_memory_equal(room + 509, "x\r\n", 3);
}

static void w_014_text_never_looks_like_a_response_code(void **state)
{
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    pf_reply_err(&s, PF_SYNTAX, PF_LIT("[AUTH] ha"));
    assert_string_equal(text_of(&s), "-ERR (AUTH) ha\r\n");
    pf_reply_err(&s, PF_IN_USE, PF_LIT("[x] locked"));
    assert_string_equal(text_of(&s), "-ERR [IN-USE] (x) locked\r\n");
}

static void rc_002_text_is_printable(void **state)
{
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    pf_reply_err(&s, PF_IO, PF_LIT("a\r\n+OK b\x7f\xff\0c"));
    assert_string_equal(text_of(&s), "-ERR [SYS/TEMP] a??+OK b???c\r\n");
}

static void rc_001_each_verdict_has_the_code_of_its_row(void **state)
{
    static const struct {
        enum pf_code code;
        const char *begin;
    } rows[] = {{PF_AUTH, "-ERR [AUTH] "},           {PF_IN_USE, "-ERR [IN-USE] "},
                {PF_LOGIN_DELAY, "-ERR [LOGIN-DELAY] "}, {PF_TEMP, "-ERR [SYS/TEMP] "},
                {PF_PERM, "-ERR [SYS/PERM] "},       {PF_NO_MESSAGE, "-ERR no such"}};
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pf_reply_err(&s, rows[i].code, pf_bytes_of(pf_verdict(rows[i].code)->say));
        assert_memory_equal(text_of(&s), rows[i].begin, strlen(rows[i].begin));
    }
}

static void rc_013_rc_014_texts_of_verdicts_are_what_old_clients_look_for(void **state)
{
    (void)state;
    assert_non_null(strstr(pf_verdict(PF_IN_USE)->say, "lock"));
    assert_non_null(strstr(pf_verdict(PF_LOGIN_DELAY)->say, "wait"));
    for (int code = 0; code < PF_CODES; code++) {
        const char *say = pf_verdict((enum pf_code)code)->say;

        assert_true(say[0] != '[' && !strchr(say, ']'));
        for (; *say; say++)
            assert_true(*say >= 0x20 && *say < 0x7f);
    }
}

static void p3_004_p3_068_a_greeting_says_pop3_and_offers_no_apop(void **state)
{
    struct pf_span s = {room, 0, sizeof room};

    (void)state;
    pf_reply_greeting(&s, PF_LIT(""), PF_LIT("<1.2@example> ready"), PF_LIT(""));
    assert_string_equal(text_of(&s), "+OK POP3 (1.2@example) ready\r\n");
}

static void p3_005_p3_067_a_greeting_ends_with_the_whole_timestamp(void **state)
{
    struct pf_span s = {room, 0, sizeof room};
    char text[1000], stamp[255];

    (void)state;
    pf_reply_greeting(&s, PF_LIT(""), PF_LIT("<host> ready"), PF_LIT("<1.2@example>"));
    assert_string_equal(text_of(&s), "+OK POP3 (host) ready <1.2@example>\r\n");
    memset(text, 'x', sizeof text);
    memset(stamp, '7', sizeof stamp);
    s.len = 0;
    pf_reply_greeting(&s, PF_LIT(""), pf_bytes_from(text, sizeof text), pf_bytes_from(stamp, sizeof stamp));
    assert_int_equal(s.len, 512);
    assert_memory_equal(room + 512 - 2 - 255 - 2, "x 7", 3);
    assert_memory_equal(room + 509, "7\r\n", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_013_a_space_follows_the_indicator_in_any_case), T(w_010_a_line_has_at_most_512_octets),
        T(w_014_text_never_looks_like_a_response_code), T(rc_002_text_is_printable),
        T(rc_001_each_verdict_has_the_code_of_its_row),
        T(rc_013_rc_014_texts_of_verdicts_are_what_old_clients_look_for),
        T(p3_004_p3_068_a_greeting_says_pop3_and_offers_no_apop),
        T(p3_005_p3_067_a_greeting_ends_with_the_whole_timestamp),
    };

    return RUN(tests);
}
