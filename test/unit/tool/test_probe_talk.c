/* The engine over a line: what is collected, what is proof, and that no server makes it wait for ever.
 */
#include "unit/cm.h"

#include "tool/probe_talk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT = 200 /* ms: who is silent is waited for */ };

static int theirs;

/* A line whose other end is ours; what the server says is there already. */
static void open_talk(struct pf_probe_talk *t, const char *says, bool ahead)
{
    struct pf_probe_link *link = calloc(1, sizeof *link);
    int fds[2];

    assert_non_null(link);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    link->fd = fds[0];
    link->wait = WAIT;
    theirs = fds[1];
    assert_int_equal(write(theirs, says, strlen(says)), strlen(says));
    assert_true(pf_probe_talk_init(t, link, false, ahead));
}

static void close_talk(struct pf_probe_talk *t)
{
    pf_probe_talk_done(t);
    close(theirs);
}

/* It speaks when it was asked, and not before. */
static void answer(const char *says)
{
    assert_int_equal(write(theirs, says, strlen(says)), strlen(says));
}

static void a_greeting_and_nothing_else(void **state)
{
    static const struct {
        const char *says, *text;
        bool good;
        enum pf_lost why;
    } cases[] = {
        {"+OK hello <1.2@h>\r\n", "hello <1.2@h>", true, PF_LOST_NOT},
        {"+OK \x1b[2Jx\r\n", "?[2Jx", true, PF_LOST_NOT},
        {"-ERR busy\r\n", "busy", false, PF_LOST_REFUSED},
        {"220 smtp\r\n", "", false, PF_LOST_GARBAGE},
        {"+OK no end", "", false, PF_LOST_TIME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pf_probe_talk t;

        open_talk(&t, cases[i].says, false);
        assert_int_equal(pf_probe_greet(&t), cases[i].good);
        assert_string_equal(t.greeting.text, cases[i].text);
        assert_int_equal(t.why, cases[i].why);
        assert_memory_equal(t.link->trace, "< ", 2);
        close_talk(&t);
    }
}

static void lines_and_refusals_are_collected(void **state)
{
    const struct pf_pop3_command capa = {.verb = PF_VERB_CAPA}, raw = pf_probe_raw("XPOSTFACH");
    struct pf_probe_lines *lines = calloc(1, sizeof *lines);
    struct pf_probe_answer a;
    struct pf_probe_talk t;

    (void)state;
    open_talk(&t, "+OK\r\n", false);
    assert_true(pf_probe_greet(&t));
    t.lines = lines;
    /* Ahead of the question, in the pipe: the engine takes it for the answer, because the question is
     * sent first. */
    answer("+OK list\r\nTOP\r\nIMPLEMENTATION \x1b]0;x\x07\r\n.\r\n");
    assert_true(pf_probe_ask(&t, &capa, 1, &a));
    assert_int_equal(a.end, PF_END_WHOLE);
    assert_string_equal(a.text, "list");
    assert_int_equal(lines->count, 2);
    assert_string_equal(lines->at[0], "TOP");
    assert_null(strchr(lines->at[1], 0x1b));
    assert_memory_equal(t.link->trace, "> CAPA\\r\\n < +OK list\\r\\nTOP", 27);
    answer("-ERR [SYS/TEMP] what?\r\n");
    assert_true(pf_probe_ask(&t, &raw, 1, &a));
    assert_int_equal(a.end, PF_END_REFUSED);
    assert_string_equal(a.text, "[SYS/TEMP] what?");
    assert_string_equal(t.link->trace, "> XPOSTFACH\\r\\n < -ERR [SYS/TEMP] what?\\r\\n");
    close_talk(&t);
    free(lines);
}

static void an_answer_that_does_not_come_is_cut(void **state)
{
    const struct pf_pop3_command capa = {.verb = PF_VERB_CAPA};
    const struct pf_pop3_command three[] = {capa, pf_probe_raw("XPOSTFACH"), capa};
    struct pf_probe_answer a[3];
    struct pf_probe_talk t;
    char asked[100];

    (void)state;
    open_talk(&t, "+OK\r\n", true);
    assert_true(pf_probe_greet(&t));
    answer("+OK\r\n.\r\n");
    assert_false(pf_probe_ask(&t, three, 3, a));
    assert_int_equal(a[0].end, PF_END_WHOLE);
    assert_int_equal(a[1].end, PF_END_CUT);
    assert_int_equal(a[2].end, PF_END_CUT);
    assert_int_equal(a[1].lost, PF_LOST_TIME);
    /* All three went out ahead of the answers, in one packet. */
    assert_int_equal(read(theirs, asked, sizeof asked), 23);
    assert_memory_equal(asked, "CAPA\r\nXPOSTFACH\r\nCAPA\r\n", 23);
    /* What is asked of a dead line is unsent, at once. */
    assert_false(pf_probe_ask(&t, three, 3, a));
    assert_int_equal(a[2].end, PF_END_UNSENT);
    close_talk(&t);
}

static void plain_text_behind_stls_ends_it(void **state)
{
    const struct pf_probe_tls_wish wish = {.name = "localhost"};
    struct pf_probe_answer a;
    struct pf_probe_talk t;
    struct pf_err err = {0};

    (void)state;
    open_talk(&t, "+OK\r\n", false);
    assert_true(pf_probe_greet(&t));
    answer("-ERR no\r\n");
    assert_false(pf_probe_stls(&t, &wish, &a, &err));
    assert_int_equal(a.end, PF_END_REFUSED);
    answer("+OK\r\n+OK injected\r\n");
    assert_false(pf_probe_stls(&t, &wish, &a, &err));
    assert_true(t.lost);
    close_talk(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_greeting_and_nothing_else),
        T(lines_and_refusals_are_collected),
        T(an_answer_that_does_not_come_is_cut),
        T(plain_text_behind_stls_ends_it),
    };

    return RUN(tests);
}
