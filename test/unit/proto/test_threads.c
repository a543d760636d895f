/* The engines from several threads at once: each has its own engines, and all share the settings, the listing and the
 * tables. What is said must be, octet for octet, what it is in one thread. check/threads.t runs this with a compiler
 * that watches every access. */
#include "unit/cm.h"

#include <postfach/dot.h>
#include <postfach/lmtp_server.h>
#include <postfach/pop3_client.h>
#include <postfach/pop3_server.h>
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 50, MESSAGES = 3, SAID = 16384 };

static const char *const stored[MESSAGES] = {"a: b\n\n.\n..x\nend", "", "Subject: x\r\n\r\none\r\ntwo\r\n"};
static const char uidls[] = "u1u2u3";

struct shared {
    struct pf_pop3_server_settings server;
    struct pf_pop3_client_settings client;
    struct pf_lmtp_server_settings lmtp;
    struct pf_row rows[MESSAGES];
    struct pf_listing listing;
    pthread_barrier_t start;
};

struct worker {
    struct shared *shared;
    unsigned char said[SAID]; /* by both sides, of one round */
    struct pf_span all;
    unsigned rounds; /* that were as the first one */
    struct pf_bytes want;
};

static void open_shared(struct shared *s)
{
    memset(s, 0, sizeof *s);
    pf_pop3_server_settings_init(&s->server);
    pf_pop3_client_settings_init(&s->client);
    pf_lmtp_server_settings_init(&s->lmtp);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct pf_dot dot;

        pf_dot_init(&dot);
        pf_dot_measure(&dot, pf_bytes_of(stored[i]));
        pf_dot_measure_end(&dot);
        s->rows[i] = (struct pf_row){.octets = dot.octets, .uidl_at = 2 * i, .uidl_len = 2};
        s->listing.octets += dot.octets;
    }
    s->listing.rows = s->rows;
    s->listing.uidls = (const unsigned char *)uidls;
    s->listing.count = MESSAGES;
}

static void write_down(struct worker *w, struct pf_bytes b)
{
    assert_true(pf_span_put(&w->all, b));
}

static void answer(struct worker *w, struct pf_pop3_server *e, const struct pf_ask *ask)
{
    static const enum pf_tell_kind kinds[] = {[PF_ASK_PASS] = PF_TELL_AUTH, [PF_ASK_OPEN] = PF_TELL_OPEN,
                                              [PF_ASK_BODY] = PF_TELL_BODY, [PF_ASK_COMMIT] = PF_TELL_COMMIT};
    struct pf_tell tell = {.kind = kinds[ask->kind], .listing = w->shared->listing, .expire_days = PF_EXPIRE_NEVER};

    if (ask->kind == PF_ASK_BODY)
        pf_pop3_server_body(e, pf_bytes_of(stored[ask->index]), false);
    if (ask->kind == PF_ASK_BODY && ask->index == 2 && ask->top)
        pf_fail(&tell.err, PF_GONE, 2, "answer", "message %u went", ask->index);
    pf_pop3_server_tell(e, &tell, 1);
}

static void say_all(struct pf_pop3_client *c)
{
    const struct pf_pop3_command commands[] = {
        {.verb = PF_VERB_CAPA}, {.verb = PF_VERB_USER, .name = PF_LIT("anna")},
        {.verb = PF_VERB_PASS, .secret = PF_LIT("secret")}, {.verb = PF_VERB_LIST}, {.verb = PF_VERB_UIDL},
        {.verb = PF_VERB_RETR, .number = 1}, {.verb = PF_VERB_RETR, .number = 2}, {.verb = PF_VERB_RETR, .number = 3},
        {.verb = PF_VERB_TOP, .number = 3, .lines = 1}, {.verb = PF_VERB_DELE, .number = 1}, {.verb = PF_VERB_QUIT}};

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        assert_int_equal(pf_pop3_client_say(c, &commands[i], 1), PF_OK);
}

/* Carries octets from one engine to the other, and writes them down. */
static bool carry(struct worker *w, struct pf_pop3_client *c, struct pf_pop3_server *e, struct pf_heard *heard)
{
    struct pf_bytes out = pf_pop3_client_out(c);
    size_t taken = pf_pop3_server_feed(e, out, 1);
    struct pf_ask ask;
    bool asked;

    write_down(w, pf_bytes_head(out, taken));
    pf_pop3_client_sent(c, taken, 1);
    asked = pf_pop3_server_ask(e, &ask);
    if (asked && ask.kind != PF_ASK_CLOSE)
        answer(w, e, &ask);
    out = pf_pop3_server_out(e);
    if (asked && ask.kind == PF_ASK_CLOSE && !out.len)
        pf_pop3_client_eof(c, 1);
    taken = pf_pop3_client_feed(c, out, 1);
    write_down(w, pf_bytes_head(out, taken));
    pf_pop3_server_sent(e, taken, 1);
    while (pf_pop3_client_event(c, heard))
        if (heard->kind == PF_HEARD_END && heard->end != PF_END_WHOLE)
            write_down(w, pf_bytes_of(pf_verdict(heard->code)->name));
    return heard->kind != PF_HEARD_LOST;
}

static void pop3(struct worker *w)
{
    unsigned char buffer[PF_POP3_OUT_MIN];
    struct pf_pop3_server *e = pf_pop3_server_new(&w->shared->server, true, 1);
    struct pf_pop3_client *c = pf_pop3_client_new(&w->shared->client, true, 1);
    struct pf_heard heard = {0};
    unsigned turns = 0;

    assert_non_null(e);
    assert_non_null(c);
    pf_pop3_server_lend(e, buffer, sizeof buffer);
    say_all(c);
    while (carry(w, c, e, &heard))
        assert_true(++turns < 1000);
    assert_int_equal(heard.lost, PF_LOST_QUIT);
    assert_true(pf_pop3_server_stats(e)->committed);
    assert_int_equal(pf_pop3_client_stats(c)->messages, MESSAGES);
    pf_pop3_client_free(c);
    pf_pop3_server_free(e);
}

static bool lmtp_answer(struct pf_lmtp_server *e)
{
    static const enum pf_lmtp_tell_kind kinds[] = {[PF_LMTP_ASK_RCPT] = PF_LMTP_TELL_RCPT,
        [PF_LMTP_ASK_BEGIN] = PF_LMTP_TELL_BEGUN, [PF_LMTP_ASK_SEAL] = PF_LMTP_TELL_SEALED};
    struct pf_lmtp_ask ask;

    while (pf_lmtp_server_ask(e, &ask)) {
        if (ask.kind == PF_LMTP_ASK_CLOSE)
            return false;
        if (ask.kind <= PF_LMTP_ASK_SEAL)
            pf_lmtp_server_tell(e, &(struct pf_lmtp_tell){.kind = kinds[ask.kind]}, 1);
    }
    return true;
}

static void lmtp(struct worker *w)
{
    unsigned char buffer[PF_LMTP_OUT_MIN];
    struct pf_lmtp_server *e = pf_lmtp_server_new(&w->shared->lmtp, true, 1);
    struct pf_bytes in = PF_LIT("LHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
                                "a: b\r\n\r\n..x\r\n.\r\nVRFY x\r\nNOPE\r\nQUIT\r\n");
    bool open = true;

    assert_non_null(e);
    pf_lmtp_server_lend(e, buffer, sizeof buffer);
    for (unsigned turns = 0; open; turns++) {
        assert_true(turns < 1000);
        if (pf_lmtp_server_wants_text(e))
            in = pf_bytes_skip(in, pf_lmtp_server_feed_text(e, in, &w->all, 1));
        else
            in = pf_bytes_skip(in, pf_lmtp_server_feed(e, in, 1));
        open = lmtp_answer(e);
        struct pf_bytes out = pf_lmtp_server_out(e);
        write_down(w, out);
        pf_lmtp_server_sent(e, out.len, 1);
    }
    assert_int_equal(in.len, 0);
    pf_lmtp_server_free(e);
}

static void play(struct worker *w)
{
    w->all = (struct pf_span){w->said, 0, sizeof w->said};
    pop3(w);
    lmtp(w);
}

static void *work(void *argument)
{
    struct worker *w = argument;

    pthread_barrier_wait(&w->shared->start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        play(w);
        w->rounds += pf_bytes_equal(pf_span_bytes(&w->all), w->want);
    }
    return NULL;
}

static void what_threads_say_at_once_is_what_one_says_alone(void **state)
{
    static struct shared shared;
    static struct worker alone, workers[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    open_shared(&shared);
    alone.shared = &shared;
    play(&alone);
    assert_in_range(alone.all.len, 800, SAID);
    assert_int_equal(pthread_barrier_init(&shared.start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].shared = &shared;
        workers[i].want = pf_span_bytes(&alone.all);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].rounds, ROUNDS);
    }
    pthread_barrier_destroy(&shared.start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(what_threads_say_at_once_is_what_one_says_alone)};

    return RUN(tests);
}
