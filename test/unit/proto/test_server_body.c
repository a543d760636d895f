#include "unit/cm.h"

#include <stdlib.h>

#include "proto/server.h"
#include "unit/proto/world.h"

#define CHAT(w, said, heard) assert_string_equal(world_chat(w, said), heard)

#define TOP_IS "+OK top of message follows\r\n"

static const char vector[] = "Subject: a\n\n.\n..x\nend";

static void begun(struct world *w, const char *stored, bool clean)
{
    world_init(w);
    w->messages[0].stored = stored;
    w->messages[1].stored = "a: b\n\nc\n";
    w->clean = clean;
    world_begin(w);
}

static void for_both(const char *stored, const char *said, const char *heard)
{
    for (int clean = 0; clean < 2; clean++)
        for (size_t body = 0; body < 4; body++) {
            struct world w;

            begun(&w, stored, clean);
            w.body = body;
            CHAT(&w, said, heard);
            CHAT(&w, "NOOP\r\n", "+OK still here\r\n");
            world_end(&w);
        }
}

static void p3_018_p3_027_w_026_retr_stuffs_dots_and_tells_octets(void **state)
{
    (void)state;
    for_both(vector, "RETR 1\r\n", "+OK 27 octets\r\nSubject: a\r\n\r\n..\r\n...x\r\nend\r\n.\r\n");
    for_both(".", "RETR 1\r\n", "+OK 3 octets\r\n..\r\n.\r\n");
    for_both("\n.\n", "RETR 1\r\n", "+OK 5 octets\r\n\r\n..\r\n.\r\n");
}

static void w_029_w_030_line_ends(void **state)
{
    (void)state;
    for_both("a\nb\r\nc", "RETR 1\r\n", "+OK 9 octets\r\na\r\nb\r\nc\r\n.\r\n");
    for_both("a\rb\n", "RETR 1\r\n", "+OK 5 octets\r\na\rb\r\n.\r\n");
}

static void p3_044_top_counts_body_lines(void **state)
{
    (void)state;
    for_both(vector, "TOP 1 0\r\n", TOP_IS "Subject: a\r\n\r\n.\r\n");
    for_both(vector, "TOP 1 1\r\n", TOP_IS "Subject: a\r\n\r\n..\r\n.\r\n");
    for_both(vector, "TOP 1 2\r\n", TOP_IS "Subject: a\r\n\r\n..\r\n...x\r\n.\r\n");
    for_both(vector, "TOP 1 3\r\n", TOP_IS "Subject: a\r\n\r\n..\r\n...x\r\nend\r\n.\r\n");
    for_both("a: b\r\nc: d\r\n\r\n\r\nx\r\ny\r\n", "TOP 1 2\r\n",
             TOP_IS "a: b\r\nc: d\r\n\r\n\r\nx\r\n.\r\n");
    for_both("\nx\n", "TOP 1 0\r\n", TOP_IS "\r\n.\r\n");
}

static void p3_047_top_with_a_huge_number_is_all_of_it(void **state)
{
    (void)state;
    for_both(vector, "TOP 1 99999999\r\n", TOP_IS "Subject: a\r\n\r\n..\r\n...x\r\nend\r\n.\r\n");
    for_both(vector, "TOP 1 18446744073709551615\r\n",
             TOP_IS "Subject: a\r\n\r\n..\r\n...x\r\nend\r\n.\r\n");
    for_both("a: b\n", "TOP 1 99999999\r\n", TOP_IS "a: b\r\n.\r\n");
}

static void p3_043_top_takes_two_numbers(void **state)
{
    struct world w;

    (void)state;
    begun(&w, vector, false);
    CHAT(&w, "TOP 1\r\nTOP 1 -1\r\nTOP 1 x\r\nTOP 1 18446744073709551616\r\nTOP 0 1\r\nTOP 3 1\r\n",
         "-ERR command not understood\r\n-ERR command not understood\r\n-ERR command not understood\r\n"
         "-ERR command not understood\r\n-ERR no such message\r\n-ERR no such message\r\n");
    assert_string_equal(world_asked(&w), "");
    world_end(&w);
}

static void p3_046_headers_end_with_an_empty_line_in_any_case(void **state)
{
    (void)state;
    for_both("a: b\nc: d", "TOP 1 0\r\n", TOP_IS "a: b\r\nc: d\r\n\r\n.\r\n");
    for_both("a: b\n", "TOP 1 0\r\n", TOP_IS "a: b\r\n\r\n.\r\n");
}

static void lines_that_only_look_empty_do_not_end_the_header(void **state)
{
    (void)state;
    for_both("a: b\n \n\r\r\n\rx\n\nbody\n", "TOP 1 0\r\n", TOP_IS "a: b\r\n \r\n\r\r\n\rx\r\n\r\n.\r\n");
}

static void p3_078_a_message_that_cannot_be_read_is_a_clean_error(void **state)
{
    struct world w;

    (void)state;
    begun(&w, vector, false);
    for (size_t at = 0; at < sizeof vector; at++) {
        w.messages[0].fails = PF_GONE;
        w.messages[0].fails_at = at;
        CHAT(&w, "RETR 1\r\n", "-ERR [SYS/TEMP] message was removed by another program\r\n");
        CHAT(&w, "TOP 1 99\r\n", "-ERR [SYS/TEMP] message was removed by another program\r\n");
        CHAT(&w, "LIST 1\r\n", "+OK 1 27\r\n");
    }
    CHAT(&w, "RETR 2\r\n", "+OK 11 octets\r\na: b\r\n\r\nc\r\n.\r\n");
    world_end(&w);
}

static void dele_of_a_message_that_failed_is_refused(void **state)
{
    struct world w;

    (void)state;
    begun(&w, vector, false);
    w.messages[0].fails = PF_DAMAGED;
    CHAT(&w, "RETR 1\r\n", "-ERR [SYS/PERM] message is damaged in the store, ask your administrator\r\n");
    CHAT(&w, "DELE 1\r\n", "-ERR [SYS/PERM] message could not be sent whole, it is kept\r\n");
    w.messages[0].fails = PF_OK;
    assert_non_null(strstr(world_chat(&w, "RETR 1\r\n"), "\r\nend\r\n.\r\n"));
    CHAT(&w, "DELE 1\r\n", "-ERR [SYS/PERM] message could not be sent whole, it is kept\r\n");
    CHAT(&w, "RSET\r\nDELE 1\r\n", "+OK nothing is marked for removal\r\n"
                                   "-ERR [SYS/PERM] message could not be sent whole, it is kept\r\n");
    assert_int_equal(pf_pop3_server_stats(w.engine)->bad_commands, 0);
    world_end(&w);
}

static void p3_019_octets_that_differ_from_the_listing_are_an_error(void **state)
{
    (void)state;
    for (uint64_t octets = 1; octets < 40; octets++) {
        struct world w;
        bool right = octets == 27;

        world_init(&w);
        w.messages[0] = (struct world_message){.stored = vector, .octets = octets};
        world_begin(&w);
        assert_int_equal(world_chat(&w, "RETR 1\r\n")[0], right ? '+' : '-');
        assert_int_equal(world_chat(&w, "TOP 1 100\r\n")[0], right ? '+' : '-');
        assert_int_equal(world_chat(&w, "DELE 1\r\n")[0], right ? '+' : '-');
        assert_false(w.closed);
        world_end(&w);
    }
}

static void big_body(char *big, size_t len)
{
    for (size_t i = 0; i < len; i++)
        big[i] = i % 50 == 49 ? '\n' : i % 50 == 0 ? '.' : 'x';
    big[len - 1] = 0;
}

static void p3_028_a_failure_behind_the_first_octets_closes_without_a_dot(void **state)
{
    static char big[12000];

    (void)state;
    big_body(big, sizeof big);
    for (int clean = 0; clean < 2; clean++) {
        struct world w;
        const char *heard;

        world_init(&w);
        w.lent = PF_POP3_OUT_MIN;
        w.clean = clean;
        w.messages[0] = (struct world_message){.stored = big, .fails = PF_IO, .fails_at = 9000};
        world_begin(&w);
        heard = world_chat(&w, "RETR 1\r\nNOOP\r\n");
        assert_memory_equal(heard, "+OK ", 4);
        assert_null(strstr(heard, "\r\n.\r\n"));
        assert_true(w.closed);
        assert_int_equal(w.why, PF_CLOSE_BODY);
        assert_int_equal(pf_pop3_server_stats(w.engine)->fetched, 0);
        world_end(&w);
    }
}

static void too_many_octets_behind_the_first_close_without_a_dot(void **state)
{
    static char big[12000];
    struct world w;

    (void)state;
    big_body(big, sizeof big);
    world_init(&w);
    w.lent = PF_POP3_OUT_MIN;
    w.messages[0] = (struct world_message){.stored = big, .octets = 11000};
    world_begin(&w);
    assert_null(strstr(world_chat(&w, "RETR 1\r\n"), "\r\n.\r\n"));
    assert_int_equal(w.why, PF_CLOSE_BODY);
    world_end(&w);
}

/* Held back is the answer to this command only: what came before it leaves. */
static void an_answer_is_held_back_behind_those_before_it(void **state)
{
    struct world w;

    (void)state;
    begun(&w, vector, false);
    w.mute = true;
    CHAT(&w, "STAT\r\nRETR 1\r\n", "+OK 2 38\r\n");
    assert_int_equal(pf_pop3_server_body(w.engine, PF_LIT("Subject: a\n\n"), false), 12);
    assert_int_equal(pf_pop3_server_out(w.engine).len, 0);
    assert_false(pf_pop3_server_unlend(w.engine));
    w.mute = false;
    world_pump(&w);
    world_end(&w);
}

static bool dot_alone(const char *wire, size_t cut)
{
    struct pf_tell tell = {.kind = PF_TELL_BODY};
    struct world w;
    bool refused;

    world_init(&w);
    w.messages[0] = (struct world_message){.stored = "x", .octets = strlen(wire)};
    world_begin(&w);
    w.mute = true;
    world_say(&w, "RETR 1\r\n");
    for (size_t at = 0; wire[at] && pf_pop3_server_body_wanted(w.engine);) {
        size_t n = at + cut > strlen(wire) ? strlen(wire) - at : cut;

        at += pf_pop3_server_body(w.engine, pf_bytes_from(wire + at, n), true);
    }
    pf_pop3_server_tell(w.engine, &tell, w.now);
    world_pump(&w);
    refused = strncmp(world_heard(&w), "-ERR [SYS/PERM] ", 16) == 0;
    world_end(&w);
    return refused;
}

/* A store that is wrong about its own wire form must not end the message for us. */
static void wire_form_with_a_line_of_one_dot_is_refused(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < 8; cut++) {
        assert_true(dot_alone("a\r\n.\r\nb\r\n", cut));
        assert_true(dot_alone(".\r\n", cut));
        assert_true(dot_alone("a\r\n.b\r\n", cut));
        assert_true(dot_alone("a\r\n.", cut));
    }
}

static void p3_048_top_counts_neither_as_fetched_nor_for_last(void **state)
{
    struct world w;

    (void)state;
    begun(&w, vector, false);
    world_chat(&w, "TOP 1 99\r\nTOP 2 0\r\nRETR 2\r\nRETR 2\r\n");
    CHAT(&w, "LAST\r\n", "+OK 2\r\n");
    assert_int_equal(pf_pop3_server_stats(w.engine)->topped, 2);
    assert_int_equal(pf_pop3_server_stats(w.engine)->fetched, 1);
    assert_int_equal(pf_pop3_server_stats(w.engine)->fetched_octets, 27 + 8 + 11 + 11);
    world_end(&w);
}

static void w_031_nul_octets_pass(void **state)
{
    static const char nul[] = "a: b\n\n\0.\0\n.\n";

    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        struct world w;

        world_init(&w);
        w.clean = clean;
        w.messages[0] = (struct world_message){.stored = nul, .len = sizeof nul - 1};
        world_begin(&w);
        world_say(&w, "RETR 1\r\n");
        assert_int_equal(w.out_len, 15 + 6 + 2 + 5 + 4 + 3);
        assert_memory_equal(w.out, "+OK 16 octets\r\na: b\r\n\r\n\0.\0\r\n..\r\n.\r\n", w.out_len);
        world_end(&w);
    }
}

static void w_011_a_line_of_a_message_has_no_limit(void **state)
{
    static char line[200001];
    struct world w;
    const char *heard;

    (void)state;
    memset(line, 'l', sizeof line - 1);
    begun(&w, line, false);
    w.take = SIZE_MAX;
    heard = world_chat(&w, "RETR 1\r\n");
    assert_memory_equal(heard, "+OK 200002 octets\r\nllll", 23);
    assert_string_equal(heard + 19 + 200000, "\r\n.\r\n");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(p3_018_p3_027_w_026_retr_stuffs_dots_and_tells_octets), T(w_029_w_030_line_ends),
        T(p3_044_top_counts_body_lines), T(p3_047_top_with_a_huge_number_is_all_of_it),
        T(p3_043_top_takes_two_numbers), T(p3_046_headers_end_with_an_empty_line_in_any_case),
        T(lines_that_only_look_empty_do_not_end_the_header),
        T(p3_078_a_message_that_cannot_be_read_is_a_clean_error),
        T(dele_of_a_message_that_failed_is_refused),
        T(p3_019_octets_that_differ_from_the_listing_are_an_error),
        T(p3_028_a_failure_behind_the_first_octets_closes_without_a_dot),
        T(too_many_octets_behind_the_first_close_without_a_dot),
        T(an_answer_is_held_back_behind_those_before_it),
        T(wire_form_with_a_line_of_one_dot_is_refused),
        T(p3_048_top_counts_neither_as_fetched_nor_for_last),
        T(w_031_nul_octets_pass),
        T(w_011_a_line_of_a_message_has_no_limit),
    };

    return RUN(tests);
}
