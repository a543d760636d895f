/* The client engine against the server engine, in one process and without I/O: all verbs, every message
 * of a hard corpus, cut anywhere, pipelined by windows of any size. What each command must come to is
 * known when it is said, because the server carries them out in order.
 *
 *     PAIR_SEED=4711 PAIR_ROUNDS=100000 t_proto_pop3_pair */
#include "unit/cm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proto/pop3_client.h"
#include "unit/proto/world.h"

enum { ROUNDS = 1500, COMMANDS = 60, BIG = 70000, MESSAGES = 8, ALL_LINES = 99999999, WIRE = 2 * BIG };

#define TIMESTAMP "<1896.697170952@dbc.mtview.ca.us>"

static char big[BIG + 1];

static const struct world_message corpus[MESSAGES] = {
    {.stored = "Subject: a\n\n.\n..x\nend"},
    {.stored = "Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.x\r\n\r\n."},
    {.stored = "a: b\n\nbare\rCR\r\r\n\n\rx\n.\r\r\n"},
    {.stored = "8bit: \xff\xfe\n\n\x80\0nul\n\0", .len = 17},
    {.stored = ".first line is a dot\n\nx\n"},
    {.stored = "no header end"},
    {.stored = ""},
    {.stored = big},
};

struct want {
    struct pf_pop3_command command;
    enum pf_end end;
    uint64_t number, octets; /* STAT, LIST */
};

struct pair {
    struct world world;
    struct pf_pop3_client_settings settings;
    struct pf_pop3_client *client;
    uint64_t dice;
    bool marked[MESSAGES];
    struct want wants[COMMANDS];
    size_t planned, said, ended;
    unsigned char *to_server, *to_client; /* on their way */
    size_t to_server_len, to_client_len, to_client_cap;
    unsigned char got[WIRE];
    size_t got_len;
    uint64_t items, sum;
    bool lost;
    unsigned char wire[MESSAGES][WIRE];
    size_t wire_len[MESSAGES];
};

static size_t roll(struct pair *p, size_t sides)
{
    p->dice ^= p->dice << 13;
    p->dice ^= p->dice >> 7;
    p->dice ^= p->dice << 17;
    return (size_t)(p->dice % sides);
}

/* What must arrive: the slow way, octet by octet. */
static size_t as_lent(const struct world_message *m, bool lf, unsigned char *to)
{
    size_t len = m->len ? m->len : strlen(m->stored), n = 0;
    char before = 0;

    for (size_t i = 0; i < len; before = m->stored[i++]) {
        if (m->stored[i] == '\n' && before != '\r')
            to[n++] = '\r';
        to[n++] = (unsigned char)m->stored[i];
    }
    if (len && before != '\n') {
        to[n++] = '\r';
        to[n++] = '\n';
    }
    if (!lf)
        return n;
    len = n;
    n = 0;
    for (size_t i = 0; i < len; i++)
        if (to[i] != '\r' || i + 1 == len || to[i + 1] != '\n')
            to[n++] = to[i];
    return n;
}

static uint64_t octets_of(const struct pair *p, size_t index)
{
    return p->world.listing.rows[index].octets;
}

static struct want *plan(struct pair *p, enum pf_pop3_verb verb, uint64_t number)
{
    struct want *w = &p->wants[p->planned];

    assert_true(p->planned < COMMANDS);
    *w = (struct want){.command = {.verb = verb, .number = number, .tag = p->planned},
                       .end = PF_END_WHOLE};
    p->planned++;
    if (number && (number > MESSAGES || p->marked[number - 1]))
        w->end = PF_END_REFUSED;
    return w;
}

static void plan_login(struct pair *p)
{
    struct want *w;

    if (!p->world.tls)
        plan(p, PF_VERB_STLS, 0);
    else if (roll(p, 5) == 0) {
        w = plan(p, PF_VERB_APOP, 0);
        w->command.name = PF_LIT("alice");
        w->command.secret = pf_bytes_of(p->world.digest);
        return;
    }
    if (roll(p, 3) == 0) {
        w = plan(p, PF_VERB_AUTH, 0);
        w->command.name = PF_LIT("PLAIN");
        w->command.secret = PF_LIT("\0alice\0secret");
        w->command.has_initial = roll(p, 2);
        return;
    }
    if (roll(p, 3) == 0) { /* a wrong password first, and what hangs on it */
        plan(p, PF_VERB_USER, 0)->command.name = PF_LIT("alice");
        w = plan(p, PF_VERB_PASS, 0);
        w->command.secret = PF_LIT("wrong");
        w->end = PF_END_REFUSED;
        plan(p, PF_VERB_STAT, 0)->end = PF_END_UNSENT;
        plan(p, PF_VERB_DELE, 1)->end = PF_END_UNSENT;
    }
    plan(p, PF_VERB_USER, 0)->command.name = PF_LIT("alice");
    plan(p, PF_VERB_PASS, 0)->command.secret = PF_LIT("secret");
}

static void plan_count(struct pair *p, enum pf_pop3_verb verb)
{
    struct want *w = plan(p, verb, 0);

    for (size_t i = 0; i < MESSAGES; i++)
        if (!p->marked[i]) {
            w->number++;
            w->octets += octets_of(p, i);
        }
}

static void plan_one(struct pair *p)
{
    uint64_t number = 1 + roll(p, MESSAGES + 1);
    struct want *w;

    switch (roll(p, 12)) {
    case 0:
        plan_count(p, PF_VERB_STAT);
        return;
    case 1:
        plan_count(p, PF_VERB_LIST);
        return;
    case 2:
        plan_count(p, PF_VERB_UIDL);
        return;
    case 3:
        plan(p, roll(p, 2) ? PF_VERB_LIST : PF_VERB_UIDL, number);
        return;
    case 4:
        w = plan(p, PF_VERB_DELE, number);
        if (w->end == PF_END_WHOLE)
            p->marked[number - 1] = true;
        return;
    case 5:
        plan(p, PF_VERB_RSET, 0);
        memset(p->marked, 0, sizeof p->marked);
        return;
    case 6:
        plan(p, (enum pf_pop3_verb[]){PF_VERB_NOOP, PF_VERB_CAPA, PF_VERB_LAST}[roll(p, 3)], 0);
        return;
    case 7:
    case 8:
        plan(p, PF_VERB_TOP, number)->command.lines = roll(p, 2) ? ALL_LINES : roll(p, 4);
        return;
    default:
        plan(p, PF_VERB_RETR, number);
    }
}

static void check_body(const struct pair *p, const struct want *w)
{
    size_t i = (size_t)w->command.number - 1;
    size_t same = p->got_len < p->wire_len[i] ? p->got_len : p->wire_len[i];
    bool whole = w->command.verb == PF_VERB_RETR || w->command.lines == ALL_LINES;

    assert_memory_equal(p->got, p->wire[i], same);
    if (whole)
        assert_int_equal(p->got_len, p->wire_len[i]);
    else /* TOP n 0 of a message without an empty line ends with one all the same */
        assert_true(p->got_len <= p->wire_len[i] + 2);
}

static void check_end(struct pair *p, const struct pf_heard *h)
{
    const struct want *w = &p->wants[p->ended];

    assert_int_equal(h->tag, p->ended);
    assert_int_equal(h->verb, w->command.verb);
    assert_int_equal(h->end, w->end);
    assert_int_equal(h->odd, 0);
    if (h->end == PF_END_WHOLE && (h->verb == PF_VERB_RETR || h->verb == PF_VERB_TOP)) {
        assert_int_equal(h->lent, p->got_len);
        check_body(p, w);
    }
    if (w->number && w->command.number == 0) {
        assert_true(h->parsed);
        assert_int_equal(h->number, w->number);
        assert_int_equal(h->octets, h->verb == PF_VERB_UIDL ? 0 : w->octets);
    }
    if (h->end == PF_END_WHOLE && w->command.number && h->verb == PF_VERB_LIST)
        assert_int_equal(h->octets, octets_of(p, (size_t)h->number - 1));
    p->ended++;
    p->got_len = 0;
}

static void hear(struct pair *p, const struct pf_heard *h)
{
    const struct want *w = &p->wants[p->ended];

    if (h->kind == PF_HEARD_PIECE) {
        assert_true(p->got_len + h->bytes.len <= sizeof p->got);
        memcpy(p->got + p->got_len, h->bytes.at, h->bytes.len);
        p->got_len += h->bytes.len;
    } else if (h->kind == PF_HEARD_CHALLENGE) {
        assert_int_equal(h->initial, w->command.has_initial);
        assert_int_equal(pf_pop3_client_respond(p->client, w->command.secret, 5), PF_OK);
    } else if (h->kind == PF_HEARD_END) {
        check_end(p, h);
    } else if (h->kind == PF_HEARD_TLS) {
        assert_int_equal(pf_pop3_client_out(p->client).len, 0);
        pf_pop3_client_tls(p->client, true, 5);
    } else if (h->kind == PF_HEARD_GREETING) {
        assert_int_equal(pf_pop3_client_timestamp(p->client).len, strlen(p->world.timestamp));
    } else if (h->kind == PF_HEARD_LOST) {
        assert_int_equal(h->lost, PF_LOST_QUIT);
        p->lost = true;
    } else if (h->kind == PF_HEARD_BEGIN && h->verb == PF_VERB_RETR) {
        assert_int_equal(h->octets, octets_of(p, (size_t)h->number - 1));
    }
}

static void say(struct pair *p)
{
    while (p->said < p->planned) {
        enum pf_code code = pf_pop3_client_say(p->client, &p->wants[p->said].command, 5);

        if (code == PF_AGAIN || (code == PF_NEED_TLS && p->ended < p->said))
            return;
        assert_int_equal(code, PF_OK);
        p->said++;
    }
}

/* The client's octets, some of them, to the server; the server's to the client. */
static void carry(struct pair *p)
{
    struct pf_bytes out = pf_pop3_client_out(p->client), in;
    size_t n = roll(p, 2) ? out.len : roll(p, out.len + 1), len;

    if (n) {
        unsigned char copy[4096];

        assert_true(n <= sizeof copy);
        memcpy(copy, out.at, n);
        pf_pop3_client_sent(p->client, n, 5);
        assert_int_equal(world_say_octets(&p->world, pf_bytes_from(copy, n)), n);
    }
    len = p->world.out_len;
    in = pf_bytes_from(world_heard(&p->world), len);
    while (in.len) {
        struct pf_bytes piece = pf_bytes_head(in, 1 + roll(p, roll(p, 2) ? 8 : 5000));
        struct pf_heard h;

        in = pf_bytes_skip(in, pf_pop3_client_feed(p->client, piece, 5));
        while (pf_pop3_client_event(p->client, &h))
            hear(p, &h);
    }
}

static void begin(struct pair *p, uint64_t seed)
{
    static const size_t cuts[] = {0, 1, 7, SIZE_MAX};

    p->dice = seed | 1;
    p->planned = p->said = p->ended = p->got_len = 0;
    p->lost = false;
    memset(p->marked, 0, sizeof p->marked);
    world_init(&p->world);
    memcpy(p->world.messages, corpus, sizeof corpus);
    p->world.listing = world_listing(corpus, MESSAGES);
    p->world.cut = cuts[roll(p, 4)];
    p->world.body = cuts[roll(p, 8) ? 3 : 0];
    p->world.lent = PF_POP3_OUT_MIN + roll(p, 60000);
    p->world.tls = roll(p, 3);
    p->world.settings.stls = true;
    p->world.timestamp = TIMESTAMP;
    p->world.settings.bad_after_login = 0; /* many refusals in a row are planned */
    world_start(&p->world);
    pf_pop3_client_settings_init(&p->settings);
    p->settings.lf = roll(p, 2);
    p->settings.queue = 1 + (unsigned)roll(p, COMMANDS);
    p->settings.window = 10 + roll(p, 500);
    p->settings.out = 600 + roll(p, 3000);
    p->settings.piece = PF_PIECE_MIN + roll(p, 20000);
    p->settings.pipelining = (enum pf_pipelining)roll(p, 3);
    p->client = pf_pop3_client_new(&p->settings, p->world.tls, 5);
    assert_non_null(p->client);
    for (size_t i = 0; i < MESSAGES; i++)
        p->wire_len[i] = as_lent(&corpus[i], p->settings.lf, p->wire[i]);
}

static void round_of(struct pair *p, uint64_t seed)
{
    struct pf_heard h;

    begin(p, seed);
    if (roll(p, 4))
        plan(p, PF_VERB_CAPA, 0);
    plan_login(p);
    for (size_t n = roll(p, COMMANDS - 12); n; n--)
        plan_one(p);
    plan(p, PF_VERB_QUIT, 0);
    carry(p);
    for (unsigned turns = 0; !p->lost; turns++) {
        assert_true(turns < 1000000);
        say(p);
        while (pf_pop3_client_event(p->client, &h))
            hear(p, &h);
        carry(p);
    }
    assert_int_equal(p->ended, p->planned);
    assert_int_equal(pf_pop3_client_stats(p->client)->odd, 0);
    assert_true(p->world.closed && p->world.why == PF_CLOSE_QUIT);
    pf_pop3_client_free(p->client);
    world_end(&p->world);
}

static void client_and_server_agree(void **state)
{
    const char *given = getenv("PAIR_SEED"), *many = getenv("PAIR_ROUNDS");
    uint64_t seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
    uint64_t rounds = many ? strtoull(many, NULL, 10) : ROUNDS;
    struct pair *p = calloc(1, sizeof *p);

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < BIG; i++)
        big[i] = i % 77 == 76 ? '\n' : i % 77 == 0 ? '.' : (char)('a' + i % 26);
    memcpy(big, "a: b\n\n", 6);
    printf("# PAIR_SEED=%" PRIu64 "\n", seed);
    for (uint64_t i = 0; i < rounds; i++)
        round_of(p, (seed + i) * UINT64_C(0x9e3779b97f4a7c15));
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(client_and_server_agree)};
    return RUN(tests);
}
