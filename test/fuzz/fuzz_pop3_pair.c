/* The client engine against the server engine: what a maildrop holds, what is asked and how all of it is
 * cut is the fuzzer's. The first eight octets are settings and dice, then a number of commands and an
 * octet for each; the rest is a stored message.
 *
 * What is fetched is what was stored, by a slow reader; nothing is odd to the client; each command ends
 * once and as the marks say it must. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <postfach/pop3_client.h>

#include "unit/proto/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONFIG = 9, SCRIPT = 64, LOGIN = 3, SIZE = 60000, ALL = 99999999 };

struct pair {
    struct world world;
    struct pf_pop3_client_settings settings;
    struct pf_pop3_client *client;
    struct pf_pop3_command script[LOGIN + SCRIPT + 1];
    bool refused[LOGIN + SCRIPT + 1];
    size_t planned, said, ended;
    uint32_t dice;
    unsigned char *want, *got;
    size_t want_len, got_len;
    bool lost, marked[2];
};

static uint32_t roll(struct pair *p, uint32_t sides)
{
    p->dice ^= p->dice << 13;
    p->dice ^= p->dice >> 17;
    p->dice ^= p->dice << 5;
    return p->dice % sides;
}

static size_t as_lent(struct pf_bytes stored, bool lf, unsigned char *to)
{
    unsigned char before = 0;
    size_t n = 0, len;

    for (size_t i = 0; i < stored.len; before = stored.at[i++]) {
        if (stored.at[i] == '\n' && before != '\r')
            to[n++] = '\r';
        to[n++] = stored.at[i];
    }
    if (stored.len && before != '\n') {
        to[n++] = '\r';
        to[n++] = '\n';
    }
    len = n;
    if (lf)
        n = 0;
    for (size_t i = 0; lf && i < len; i++)
        if (to[i] != '\r' || i + 1 == len || to[i + 1] != '\n')
            to[n++] = to[i];
    return n;
}

static struct pf_pop3_command *plan(struct pair *p, enum pf_pop3_verb verb)
{
    struct pf_pop3_command *c = &p->script[p->planned];

    *c = (struct pf_pop3_command){.verb = verb, .tag = p->planned};
    p->refused[p->planned++] = false;
    return c;
}

static void plan_one(struct pair *p, uint8_t octet)
{
    static const enum pf_pop3_verb verbs[] = {PF_VERB_RETR, PF_VERB_TOP,  PF_VERB_DELE, PF_VERB_LIST,
                                              PF_VERB_UIDL, PF_VERB_RSET, PF_VERB_STAT, PF_VERB_CAPA};
    struct pf_pop3_command *c = plan(p, verbs[octet % 8]);
    unsigned number = octet / 8 % 4;

    if (c->verb == PF_VERB_RSET)
        p->marked[0] = p->marked[1] = false;
    if (c->verb >= PF_VERB_STAT) /* the words behind it take no number */
        return;
    if (c->verb == PF_VERB_TOP)
        c->lines = octet / 32 % 2 ? ALL : octet / 64;
    c->number = number || c->verb == PF_VERB_LIST || c->verb == PF_VERB_UIDL ? number : 1;
    p->refused[p->planned - 1] = c->number > 2 || (c->number && p->marked[c->number - 1]);
    if (c->verb == PF_VERB_DELE && c->number <= 2)
        p->marked[c->number - 1] = true;
}

static void check_end(struct pair *p, const struct pf_heard *h)
{
    const struct pf_pop3_command *c = &p->script[p->ended];
    bool message = c->verb == PF_VERB_RETR || c->verb == PF_VERB_TOP;

    bool twice =
        message && p->want_len > 2 && memcmp(p->want, "+OK", 3) == 0; /* the message itself says so */

    assert(h->tag == p->ended && h->verb == c->verb && (h->odd & ~(twice ? PF_ODD_TWICE : 0u)) == 0);
    assert(h->end == (p->refused[p->ended] ? PF_END_REFUSED : PF_END_WHOLE));
    if (h->end == PF_END_WHOLE && message && c->number == 1) {
        size_t same = p->got_len < p->want_len ? p->got_len : p->want_len;

        assert(same == 0 || memcmp(p->got, p->want, same) == 0);
        if (c->verb == PF_VERB_RETR)
            assert(p->got_len == p->want_len && h->octets == p->world.listing.rows[0].octets);
        else
            assert(p->got_len <= p->want_len + 2);
    }
    p->ended++;
    p->got_len = 0;
}

static void hear(struct pair *p)
{
    struct pf_heard h;

    while (pf_pop3_client_event(p->client, &h)) {
        assert(!p->lost && h.kind != PF_HEARD_CHALLENGE && h.kind != PF_HEARD_TLS);
        if (h.kind == PF_HEARD_PIECE) {
            memcpy(p->got + p->got_len, h.bytes.at, h.bytes.len);
            p->got_len += h.bytes.len;
        }
        if (h.kind == PF_HEARD_END)
            check_end(p, &h);
        if (h.kind == PF_HEARD_LOST)
            assert(h.lost == PF_LOST_QUIT && (p->lost = true));
    }
}

static void say(struct pair *p)
{
    while (p->said < p->planned && pf_pop3_client_say(p->client, &p->script[p->said], 5) == PF_OK)
        p->said++;
}

static void carry(struct pair *p)
{
    struct pf_bytes out = pf_pop3_client_out(p->client), in;
    size_t n = roll(p, 2) ? out.len : roll(p, (uint32_t)out.len + 1), len;
    unsigned char copy[2048];

    assert(out.len <= sizeof copy);
    if (n) {
        memcpy(copy, out.at, n);
        pf_pop3_client_sent(p->client, n, 5);
        assert(world_say_octets(&p->world, pf_bytes_from(copy, n)) == n);
    }
    len = p->world.out_len;
    in = pf_bytes_from(world_heard(&p->world), len);
    while (in.len) {
        in = pf_bytes_skip(in, pf_pop3_client_feed(
                                   p->client, pf_bytes_head(in, 1 + roll(p, roll(p, 2) ? 6 : 4000)), 5));
        hear(p);
    }
}

static void configure(struct pair *p, const uint8_t *data, struct pf_bytes stored)
{
    static const size_t cuts[] = {0, 1, 5, SIZE_MAX};

    memcpy(&p->dice, data + 1, sizeof p->dice);
    p->dice |= 1;
    world_init(&p->world);
    p->world.messages[0] =
        (struct world_message){.stored = stored.len ? (const char *)stored.at : "", .len = stored.len};
    p->world.messages[1] = (struct world_message){.stored = "a: b\n\nc\n"};
    p->world.listing = world_listing(p->world.messages, 2);
    p->world.cut = cuts[data[0] / 2 % 4];
    p->world.lent = PF_POP3_OUT_MIN + data[5] * 64u;
    p->world.dice = p->dice;
    p->world.settings.bad_after_login = 0; /* many refusals in a row are planned */
    world_start(&p->world);
    pf_pop3_client_settings_init(&p->settings);
    p->settings.lf = data[0] & 1;
    p->settings.pipelining = (enum pf_pipelining)(data[0] / 8 % 3);
    p->settings.piece = PF_PIECE_MIN + data[6] * 16u;
    p->settings.queue = 1 + data[7] % 70;
    p->settings.out = 700;
    p->settings.window = data[7] * 3u;
    p->client = pf_pop3_client_new(&p->settings, true, 5);
    p->want = malloc(2 * stored.len + 2);
    p->got = malloc(2 * stored.len + 64);
    assert(p->client && p->want && p->got);
    p->want_len = as_lent(stored, p->settings.lf, p->want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pair *p;
    size_t commands;

    if (size < CONFIG || size > SIZE)
        return 0;
    commands = data[CONFIG - 1] % SCRIPT;
    if (CONFIG + commands > size)
        return 0;
    p = calloc(1, sizeof *p);
    assert(p);
    configure(p, data, pf_bytes_from(data + CONFIG + commands, size - CONFIG - commands));
    plan(p, PF_VERB_CAPA);
    plan(p, PF_VERB_USER)->name = pf_bytes_of(p->world.user);
    plan(p, PF_VERB_PASS)->secret = pf_bytes_of(p->world.password);
    for (size_t i = 0; i < commands; i++)
        plan_one(p, data[CONFIG + i]);
    plan(p, PF_VERB_QUIT);
    while (!p->lost) {
        say(p);
        carry(p);
        hear(p);
    }
    assert(p->ended == p->planned && p->world.closed && p->world.why == PF_CLOSE_QUIT);
    pf_pop3_client_free(p->client);
    world_end(&p->world);
    free(p->want);
    free(p->got);
    free(p);
    return 0;
}
