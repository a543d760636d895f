#include "unit/cm.h"
#include "unit/proto/client_desk.h"

/* What the server answers to one command, in every cutting. */
static void answers(enum pf_pop3_verb verb, uint64_t number, const char *said, const char *heard)
{
    for (size_t cut = 0; cut < 4; cut++) {
        struct desk d;

        desk_init(&d);
        d.cut = cut == 3 ? SIZE_MAX : cut;
        desk_login(&d);
        desk_say_number(&d, verb, number);
        desk_out(&d);
        IS(desk_hear(&d, pf_bytes_of(said)), heard);
        desk_end(&d);
    }
}

static void p3_021_stat_tells_count_and_octets(void **state)
{
    (void)state;
    answers(PF_VERB_STAT, 0, "+OK 2 320\r\n", "END STAT whole 2 320 \"2 320\"\n");
    answers(PF_VERB_STAT, 0, "+OK 0 0\r\n", "END STAT whole 0 \"0 0\"\n");
    answers(PF_VERB_STAT, 0, "-ERR no\r\n", "END STAT refused \"no\" ~SYNTAX\n");
}

static void p3_017_counts_and_sizes_have_64_bits(void **state)
{
    (void)state;
    answers(PF_VERB_STAT, 0, "+OK 3 18446744073709551614\r\n",
            "END STAT whole 3 18446744073709551614 \"3 18446744073709551614\"\n");
    answers(PF_VERB_STAT, 0, "+OK 3 18446744073709551616\r\n",
            "END STAT whole \"3 18446744073709551616\" odd form\n");
    answers(PF_VERB_LIST, 0, "+OK\r\n1 18446744073709551615\r\n2 1\r\n.\r\n",
            "BEGIN LIST\nITEM LIST 1 ? {1 18446744073709551615}\nITEM LIST 2 1 {2 1} odd sum\n"
            "END LIST whole 2 ? odd sum\n");
}

static void p3_017_stat_in_32_bits_is_seen(void **state)
{
    struct desk d;

    (void)state;
    answers(PF_VERB_STAT, 0, "+OK 1 -2147483648\r\n",
            "END STAT whole 1 2147483648 \"1 -2147483648\" odd wrapped\n");
    answers(PF_VERB_STAT, 0, "+OK 1 -1\r\n", "END STAT whole 1 4294967295 \"1 -1\" odd wrapped\n");
    answers(PF_VERB_STAT, 0, "+OK 1 -2147483649\r\n", "END STAT whole \"1 -2147483649\" odd form\n");
    answers(PF_VERB_STAT, 0, "+OK -1 5\r\n", "END STAT whole \"-1 5\" odd form\n");
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_STAT);
    desk_out(&d);
    HEAR(&d, "+OK 2 705032704\r\n"); /* 5,000,000,000 - 2^32 */
    desk_say(&d, PF_VERB_LIST);
    desk_out(&d);
    IS(HEAR(&d, "+OK\r\n1 2500000000\r\n2 2500000000\r\n.\r\n"),
       "BEGIN LIST\nITEM LIST 1 2500000000 {1 2500000000}\nITEM LIST 2 2500000000 {2 2500000000}\n"
       "END LIST whole 2 5000000000 odd wrapped\n");
    desk_end(&d);
}

static void p3_023_text_behind_the_numbers_is_let_in(void **state)
{
    (void)state;
    answers(PF_VERB_STAT, 0, "+OK 2 320 messages\r\n",
            "END STAT whole 2 320 \"2 320 messages\" odd extra\n");
    answers(PF_VERB_STAT, 0, "+OK 2 320 \r\n", "END STAT whole 2 320 \"2 320 \" odd space\n");
    answers(PF_VERB_STAT, 0, "+OK  2  320\r\n", "END STAT whole 2 320 \" 2  320\" odd space\n");
    answers(PF_VERB_STAT, 0, "+OK\r\n", "END STAT whole odd form\n");
    answers(PF_VERB_STAT, 0, "+OK you have mail\r\n", "END STAT whole \"you have mail\" odd form\n");
    answers(PF_VERB_STAT, 0, "+OK 2messages 5\r\n", "END STAT whole \"2messages 5\" odd form\n");
    answers(PF_VERB_LIST, 2, "+OK 2 200 octets\r\n",
            "END LIST whole 2 200 \"2 200 octets\" odd extra\n");
}

static void p3_024_p3_025_list(void **state)
{
    (void)state;
    answers(PF_VERB_LIST, 0, "+OK 2 messages\r\n1 120\r\n3 200\r\n.\r\n",
            "BEGIN LIST \"2 messages\"\nITEM LIST 1 120 {1 120}\nITEM LIST 3 200 {3 200}\nEND LIST "
            "whole 2 320\n");
    answers(PF_VERB_LIST, 0, "+OK\r\n.\r\n", "BEGIN LIST\nEND LIST whole 0\n");
    answers(PF_VERB_LIST, 2, "+OK 2 200\r\n", "END LIST whole 2 200 \"2 200\"\n");
    answers(PF_VERB_LIST, 2, "+OK 3 200\r\n", "END LIST whole 3 200 \"3 200\" odd number\n");
    answers(PF_VERB_LIST, 2, "-ERR gone\r\n", "END LIST refused \"gone\" ~NO_MESSAGE\n");
}

static void qs_018_err_to_list_of_an_empty_box(void **state)
{
    (void)state;
    answers(PF_VERB_LIST, 0, "-ERR empty\r\n", "END LIST refused \"empty\" ~SYNTAX\n");
}

static void p3_049_uidl(void **state)
{
    (void)state;
    answers(PF_VERB_UIDL, 0, "+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n2 .\r\n.\r\n",
            "BEGIN UIDL\nITEM UIDL 1 whqtswO00WBw418f9t5JxYwZ {1 whqtswO00WBw418f9t5JxYwZ}\n"
            "ITEM UIDL 2 . {2 .}\nEND UIDL whole 2\n");
    answers(PF_VERB_UIDL, 2, "+OK 2 abc\r\n", "END UIDL whole 2 abc \"2 abc\"\n");
    answers(PF_VERB_UIDL, 2, "+OK 1 abc\r\n", "END UIDL whole 1 abc \"1 abc\" odd number\n");
}

#define SEVENTY "0123456789012345678901234567890123456789012345678901234567890123456789"

static void p3_050_p3_055_odd_uids(void **state)
{
    static const struct {
        const char *line, *heard;
    } lines[] = {
        {"1   abc", "ITEM UIDL 1 abc {1   abc} odd space\n"},
        {"1\tabc", "ITEM UIDL 1 abc {1\\x09abc} odd space\n"},
        {"1 abc  ", "ITEM UIDL 1 abc {1 abc  } odd space\n"},
        {"1 a b", "ITEM UIDL 1 a b {1 a b} odd uid\n"},
        {"1 a\xe9", "ITEM UIDL 1 a\\xe9 {1 a\\xe9} odd uid\n"},
        {"1 a\x01", "ITEM UIDL {1 a\\x01} odd form uid\n"},
        {"1 ", "ITEM UIDL {1 } odd space form uid\n"},
        {"1", "ITEM UIDL {1} odd form uid\n"},
        {"x abc", "ITEM UIDL {x abc} odd form\n"},
        {"", "ITEM UIDL {} odd form\n"},
        {"+OK 1 abc", "ITEM UIDL 1 abc {+OK 1 abc} odd status\n"},
        {"1 " SEVENTY, "ITEM UIDL 1 " SEVENTY " {1 " SEVENTY "}\n"},
        {"1 " SEVENTY "0", "ITEM UIDL 1 " SEVENTY "0 {1 " SEVENTY "0} odd uid\n"},
        {"0 abc", "ITEM UIDL 0 abc {0 abc} odd number order\n"},
        {"4294967296 abc", "ITEM UIDL 4294967296 abc {4294967296 abc} odd number\n"},
        {"18446744073709551616 abc", "ITEM UIDL {18446744073709551616 abc} odd form\n"},
        {"-ERR disk trouble", "ITEM UIDL {-ERR disk trouble} odd form\n"},
        {"..1 a", "ITEM UIDL {.1 a} odd form dot\n"},
    };
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        desk_say(&d, PF_VERB_UIDL);
        desk_out(&d);
        HEAR(&d, "+OK\r\n");
        desk_hear(&d, pf_bytes_of(lines[i].line));
        IS(HEAR(&d, "\r\n"), lines[i].heard);
        HEAR(&d, ".\r\n");
        assert_int_equal(d.last.end, PF_END_WHOLE);
        assert_int_equal(d.last.number, 1);
    }
    desk_end(&d);
}

static void p3_055_a_number_that_comes_twice_is_seen(void **state)
{
    (void)state;
    answers(PF_VERB_UIDL, 0, "+OK\r\n1 a\r\n1 b\r\n3 c\r\n2 d\r\n.\r\n",
            "BEGIN UIDL\nITEM UIDL 1 a {1 a}\nITEM UIDL 1 b {1 b} odd order\nITEM UIDL 3 c {3 c}\n"
            "ITEM UIDL 2 d {2 d} odd order\nEND UIDL whole 4 odd order\n");
}

static void qs_019_stat_larger_than_list(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_STAT);
    desk_out(&d);
    HEAR(&d, "+OK 3 600\r\n");
    desk_say(&d, PF_VERB_LIST);
    desk_out(&d);
    IS(HEAR(&d, "+OK\r\n1 100\r\n4 200\r\n.\r\n"),
       "BEGIN LIST\nITEM LIST 1 100 {1 100}\nITEM LIST 4 200 {4 200} odd number\nEND LIST whole 2 300 "
       "odd number sum\n");
    /* Behind DELE, STAT counts less, and numbers stay. */
    desk_say_number(&d, PF_VERB_DELE, 1);
    desk_out(&d);
    HEAR(&d, "+OK\r\n");
    desk_say(&d, PF_VERB_STAT);
    desk_out(&d);
    HEAR(&d, "+OK 1 200\r\n");
    desk_say(&d, PF_VERB_LIST);
    desk_out(&d);
    IS(HEAR(&d, "+OK\r\n4 200\r\n.\r\n"), "BEGIN LIST\nITEM LIST 4 200 {4 200}\nEND LIST whole 1 200\n");
    desk_end(&d);
}

static void w_016_lists_end_at_a_bare_lf_too(void **state)
{
    (void)state;
    answers(PF_VERB_LIST, 0, "+OK\n1 120\n.\n",
            "BEGIN LIST odd lf\nITEM LIST 1 120 {1 120} odd lf\nEND LIST whole 1 120 odd lf\n");
    answers(PF_VERB_LIST, 0, "+OK\r\n1 120\r\n.  \r\n",
            "BEGIN LIST\nITEM LIST 1 120 {1 120}\nEND LIST whole 1 120 odd dot\n");
    answers(PF_VERB_LIST, 0, "+OK\r\n1 1\r2 2\r\n.\r\n",
            "BEGIN LIST\nITEM LIST {1 1\\r2 2} odd form\nEND LIST whole 1 odd form\n");
}

static void an_endless_list_ends_the_session(void **state)
{
    struct desk d;

    (void)state;
    desk_init(&d);
    d.settings.lines_max = 3;
    desk_login(&d);
    desk_say(&d, PF_VERB_LIST);
    desk_out(&d);
    IS(HEAR(&d, "+OK\r\n1 1\r\n2 1\r\n3 1\r\n"),
       "BEGIN LIST\nITEM LIST 1 1 {1 1}\nITEM LIST 2 1 {2 1}\nITEM LIST 3 1 {3 1}\n");
    IS(HEAR(&d, "4 1\r\n5 1\r\n"), "END LIST cut ~LIMIT\nLOST list\n");
    desk_end(&d);
}

static void cap_038_capabilities_have_an_end(void **state)
{
    struct desk d;
    int lines = 0;

    (void)state;
    desk_init(&d);
    desk_login(&d);
    desk_say(&d, PF_VERB_CAPA);
    desk_out(&d);
    HEAR(&d, "+OK\r\n");
    while (strstr(HEAR(&d, "X-UNKNOWN\r\n"), "ITEM"))
        lines++;
    assert_int_equal(lines, 1024);
    assert_int_equal(d.last.lost, PF_LOST_LIST);
    desk_end(&d);
}

static void last_and_lang(void **state)
{
    (void)state;
    answers(PF_VERB_LAST, 0, "+OK 7\r\n", "END LAST whole 7 \"7\"\n");
    answers(PF_VERB_LAST, 0, "+OK none\r\n", "END LAST whole \"none\" odd form\n");
    answers(PF_VERB_LANG, 0, "+OK\r\nen English\r\nde Deutsch\r\n.\r\n",
            "BEGIN LANG\nITEM LANG {en English}\nITEM LANG {de Deutsch}\nEND LANG whole 2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(p3_021_stat_tells_count_and_octets),
        T(p3_017_counts_and_sizes_have_64_bits),
        T(p3_017_stat_in_32_bits_is_seen),
        T(p3_023_text_behind_the_numbers_is_let_in),
        T(p3_024_p3_025_list),
        T(qs_018_err_to_list_of_an_empty_box),
        T(p3_049_uidl),
        T(p3_050_p3_055_odd_uids),
        T(p3_055_a_number_that_comes_twice_is_seen),
        T(qs_019_stat_larger_than_list),
        T(w_016_lists_end_at_a_bare_lf_too),
        T(an_endless_list_ends_the_session),
        T(cap_038_capabilities_have_an_end),
        T(last_and_lang),
    };
    return RUN(tests);
}
