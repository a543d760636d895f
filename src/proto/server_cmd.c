#include "proto/server_cmd.h"

#include "base/text.h"
#include "proto/b64.h"
#include "proto/parse.h"
#include "proto/server.h"
#include "proto/xclient.h"

#include <assert.h>

enum { DIGEST_DIGITS = 32 }; /* MD5 (RFC 1939 section 7) */

/* The index a number names, or -ERR. */
static bool numbered(struct pf_pop3_server *e, struct pf_bytes digits, uint32_t *out_index)
{
    enum pf_code code = pf_drop_number(&e->drop, digits, out_index);

    if (code != PF_OK)
        pf_server_bad(e, code);
    return code == PF_OK;
}

static void count_and_octets(struct pf_span *text, uint64_t count, struct pf_bytes between,
                             uint64_t octets)
{
    pf_span_decimal(text, count);
    pf_span_put(text, between);
    pf_span_decimal(text, octets);
}

static void stat(struct pf_pop3_server *e, const struct pf_command *c)
{
    unsigned char room[48];
    struct pf_span text = {room, 0, sizeof room};

    (void)c;
    count_and_octets(&text, e->drop.left, PF_LIT(" "), e->drop.octets);
    pf_server_good(e, pf_span_bytes(&text));
}

static void list(struct pf_pop3_server *e, const struct pf_command *c)
{
    unsigned char room[80];
    struct pf_span text = {room, 0, sizeof room};
    uint32_t index;

    if (c->count == 0) {
        count_and_octets(&text, e->drop.left, PF_LIT(" messages ("), e->drop.octets);
        pf_span_put(&text, PF_LIT(" octets)"));
        pf_server_good(e, pf_span_bytes(&text));
        pf_server_produce_from(e, PF_PRODUCE_LIST);
    } else if (numbered(e, c->arguments[0], &index)) {
        count_and_octets(&text, (uint64_t)index + 1, PF_LIT(" "), e->drop.listing.rows[index].octets);
        pf_server_good(e, pf_span_bytes(&text));
    }
}

static void uidl(struct pf_pop3_server *e, const struct pf_command *c)
{
    unsigned char room[PF_UIDL_MAX + 16];
    struct pf_span text = {room, 0, sizeof room};
    uint32_t index;

    if (c->count == 0) {
        pf_server_good(e, PF_LIT("unique-id listing follows"));
        pf_server_produce_from(e, PF_PRODUCE_UIDL);
    } else if (numbered(e, c->arguments[0], &index)) {
        pf_span_decimal(&text, (uint64_t)index + 1);
        pf_span_put(&text, PF_LIT(" "));
        pf_span_put(&text, pf_listing_uidl(&e->drop.listing, index));
        pf_server_good(e, pf_span_bytes(&text));
    }
}

static void retr(struct pf_pop3_server *e, const struct pf_command *c)
{
    uint32_t index;

    if (numbered(e, c->arguments[0], &index))
        pf_server_body_start(e, index);
}

static void top(struct pf_pop3_server *e, const struct pf_command *c)
{
    uint64_t lines;
    uint32_t index;

    if (!pf_parse_u64(c->arguments[1], &lines))
        pf_server_bad(e, PF_SYNTAX);
    else if (numbered(e, c->arguments[0], &index))
        pf_server_body_start_top(e, index, lines);
}

static void dele(struct pf_pop3_server *e, const struct pf_command *c)
{
    uint32_t index;

    if (!numbered(e, c->arguments[0], &index))
        return;
    if (pf_marks_has(&e->drop.broken, index)) {
        pf_server_failed(e, e->drop.why_broken, PF_LIT("message could not be sent whole, it is kept"));
        return;
    }
    if (e->no_delete) {
        pf_server_failed(e, PF_PERM, PF_LIT("this login may not delete messages"));
        return;
    }
    pf_drop_delete(&e->drop, index);
    e->stats.marked = e->drop.listing.count - e->drop.left;
    pf_server_good(e, PF_LIT("marked for removal"));
}

static void noop(struct pf_pop3_server *e, const struct pf_command *c)
{
    (void)c;
    pf_server_good(e, PF_LIT("still here"));
}

static void rset(struct pf_pop3_server *e, const struct pf_command *c)
{
    (void)c;
    pf_drop_reset(&e->drop);
    e->stats.marked = 0;
    pf_server_good(e, PF_LIT("nothing is marked for removal"));
}

static void last(struct pf_pop3_server *e, const struct pf_command *c)
{
    unsigned char room[24];
    struct pf_span text = {room, 0, sizeof room};

    (void)c;
    pf_span_decimal(&text, pf_drop_last(&e->drop));
    pf_server_good(e, pf_span_bytes(&text));
}

static void capa(struct pf_pop3_server *e, const struct pf_command *c)
{
    (void)c;
    pf_server_good(e, PF_LIT("capabilities follow"));
    pf_server_produce_from(e, PF_PRODUCE_CAPA);
}

static void quit(struct pf_pop3_server *e, const struct pf_command *c)
{
    (void)c;
    e->stats.quit = true;
    if (e->state != PF_IN_T) {
        pf_server_good(e, PF_LIT("bye"));
        pf_server_close(e, PF_CLOSE_QUIT);
        return;
    }
    if (e->expire_days == 0)
        pf_drop_expire_fetched(&e->drop);
    e->stats.marked = e->drop.listing.count - e->drop.left;
    pf_server_ask_for(e, PF_ASK_COMMIT);
}

static void user(struct pf_pop3_server *e, const struct pf_command *c)
{
    if (!pf_keep_set(&e->name, c->arguments[0])) {
        pf_server_failed(e, PF_NO_MEMORY, pf_bytes_of(pf_verdict(PF_NO_MEMORY)->say));
        return;
    }
    e->state = PF_IN_A1;
    pf_server_good(e, PF_LIT("send your password"));
}

static void pass(struct pf_pop3_server *e, const struct pf_command *c)
{
    if (!pf_keep_set(&e->secret, c->arguments[0])) {
        pf_server_forget(e);
        pf_server_failed(e, PF_NO_MEMORY, pf_bytes_of(pf_verdict(PF_NO_MEMORY)->say));
        return;
    }
    pf_server_ask_for(e, PF_ASK_PASS);
}

static bool is_digest(struct pf_bytes text)
{
    struct pf_bytes hex = text;

    while (hex.len && (pf_is_digit(hex.at[0]) || (pf_lower(hex.at[0]) >= 'a' && pf_lower(hex.at[0]) <= 'f')))
        hex = pf_bytes_skip(hex, 1);
    return hex.len == 0 && text.len == DIGEST_DIGITS;
}

/* Also without TLS: it shows no password. A name that USER gave is forgotten. */
static void apop(struct pf_pop3_server *e, const struct pf_command *c)
{
    if (!is_digest(c->arguments[1])) {
        pf_server_bad_text(e, PF_SYNTAX, PF_LIT("the digest has 32 hexadecimal digits"));
    } else if (pf_keep_set(&e->name, c->arguments[0]) && pf_keep_set(&e->secret, c->arguments[1])) {
        pf_server_ask_for(e, PF_ASK_APOP);
    } else {
        pf_server_forget(e);
        pf_server_failed(e, PF_NO_MEMORY, pf_bytes_of(pf_verdict(PF_NO_MEMORY)->say));
    }
}

/* A plaintext login without TLS: the same words for every name, and the way out. The code is not
 * for USER, where it would speak of a name (RFC 2449 section 8.1.1). */
static void need_tls(struct pf_pop3_server *e, bool coded)
{
    struct pf_bytes text = e->set->stls ? pf_bytes_of(pf_verdict(PF_NEED_TLS)->say)
                                        : PF_LIT("TLS is required here: use the TLS port (995)");

    pf_server_bad_text(e, coded ? PF_NEED_TLS : PF_STATE, text);
}

static const struct pf_pop3_mechanism *mechanism(const struct pf_pop3_server *e, struct pf_bytes name)
{
    for (size_t i = 0; i < e->set->mechanism_count; i++)
        if (pf_server_offers(e, i) && pf_equal_nocase(name, pf_bytes_of(e->set->mechanisms[i].name)))
            return &e->set->mechanisms[i];
    return NULL;
}

/* Decodes into `secret`: PF_OK, PF_SYNTAX or PF_NO_MEMORY. */
static enum pf_code decode(struct pf_pop3_server *e, struct pf_bytes text)
{
    struct pf_span out = {NULL, 0, 0};

    if (!pf_keep_room(&e->secret, pf_b64_room(text.len)))
        return PF_NO_MEMORY;
    out = (struct pf_span){e->secret.at, 0, e->secret.len};
    if (!pf_b64_decode(text, &out)) {
        pf_keep_drop(&e->secret);
        return PF_SYNTAX;
    }
    e->secret.len = out.len;
    return PF_OK;
}

static void undecodable(struct pf_pop3_server *e, enum pf_code code)
{
    if (code == PF_NO_MEMORY)
        pf_server_failed(e, code, pf_bytes_of(pf_verdict(code)->say));
    else
        pf_server_bad_text(e, code, PF_LIT("not base64"));
}

static void auth(struct pf_pop3_server *e, const struct pf_command *c)
{
    const struct pf_pop3_mechanism *m;
    enum pf_code code = PF_OK;

    if (c->count == 0) {
        pf_server_good(e, PF_LIT("mechanisms follow"));
        pf_server_produce_from(e, PF_PRODUCE_MECHANISMS);
        return;
    }
    m = mechanism(e, c->arguments[0]);
    if (!m) {
        pf_server_bad(e, PF_NO_MECH);
        return;
    }
    if (m->plaintext && !pf_server_may_show_secrets(e)) {
        need_tls(e, true);
        return;
    }
    /* "=" is a response that is there and empty (RFC 5034 section 4). */
    if (c->count == 2 && !pf_bytes_equal(c->arguments[1], PF_LIT("=")))
        code = decode(e, c->arguments[1]);
    if (code != PF_OK) {
        undecodable(e, code);
        return;
    }
    e->mechanism = m->name;
    e->rounds = 0;
    e->first = true;
    e->has_response = c->count == 2;
    pf_server_ask_for(e, PF_ASK_SASL);
}

void pf_server_response(struct pf_pop3_server *e, struct pf_bytes line)
{
    enum pf_code code;

    if (pf_bytes_equal(line, PF_LIT("*"))) {
        pf_server_cancel(e);
        pf_server_bad(e, PF_CANCELLED);
        return;
    }
    code = decode(e, line);
    if (code != PF_OK) {
        pf_server_cancel(e);
        undecodable(e, code);
        return;
    }
    e->first = false;
    e->has_response = true;
    pf_server_ask_for(e, PF_ASK_SASL);
}

static void stls(struct pf_pop3_server *e, const struct pf_command *c)
{
    (void)c;
    /* What was sent in plain text must never be taken for what came under TLS. */
    if (e->behind) {
        pf_server_failed(e, PF_SYNTAX, PF_LIT("nothing may follow STLS before its answer"));
        pf_server_close(e, PF_CLOSE_SMUGGLE);
        return;
    }
    pf_server_good(e, PF_LIT("begin TLS"));
    pf_server_ask_for(e, PF_ASK_TLS);
}

/* Whoever tried to log in was there before the proxy said who it is. */
static void xclient(struct pf_pop3_server *e, const struct pf_command *c)
{
    struct pf_xclient told;
    const char *wrong = pf_xclient_read(c->arguments[0], PF_XCLIENT_AS_IS, &told);

    pf_server_forget(e);
    if (e->tried)
        pf_server_bad(e, PF_STATE);
    else if (wrong)
        pf_server_bad_text(e, PF_SYNTAX, pf_bytes_of(wrong));
    else if (!pf_keep_set(&e->secret, pf_bytes_from(&told, sizeof told)))
        pf_server_failed(e, PF_NO_MEMORY, pf_bytes_of(pf_verdict(PF_NO_MEMORY)->say));
    else
        pf_server_ask_for(e, PF_ASK_XCLIENT);
}

static void refused(struct pf_pop3_server *e, const struct pf_command *c)
{
    (void)c;
    pf_server_bad_text(e, PF_SYNTAX, PF_LIT("command is not offered here"));
}

static bool offered(const struct pf_pop3_server *e, enum pf_offer offer)
{
    switch (offer) {
    case PF_OFFER_ALWAYS:
        return true;
    case PF_OFFER_STLS:
        return e->set->stls && !e->told;
    case PF_OFFER_LAST:
        return e->set->last;
    case PF_OFFER_APOP:
        return e->apop;
    case PF_OFFER_XCLIENT:
        return e->xclient;
    case PF_OFFER_NEVER:
        return false;
    }
    return false;
}

/* Whether the table lets the command pass: answers it when not. */
static bool admitted(struct pf_pop3_server *e, const struct pf_word *w, enum pf_code parsed)
{
    bool login = e->state != PF_IN_T && w && w->states & PF_IN_A;

    if (w && !offered(e, w->offer))
        refused(e, NULL);
    else if (login && w->flags & PF_WORD_NEEDS_TLS && !pf_server_may_show_secrets(e))
        need_tls(e, w->flags & PF_WORD_SECRET);
    else if (w && (!(w->states & e->state) || (w->flags & PF_WORD_PLAIN_ONLY && e->tls)))
        pf_server_bad(e, PF_STATE);
    else if (parsed != PF_OK)
        pf_server_bad(e, parsed);
    else
        return true;
    return false;
}

/* Words have at most 8 letters and no end of their own; what is no word stays untold, it may be a password. */
static void note(struct pf_pop3_server *e, const struct pf_command *c)
{
    static_assert(sizeof c->word->name < sizeof e->stats.command, "a word fits, with its NUL");
    memset(e->stats.command, 0, sizeof e->stats.command);
    if (c->word)
        memcpy(e->stats.command, c->word->name, sizeof c->word->name);
    else
        e->stats.command[0] = '?';
}

void pf_server_command(struct pf_pop3_server *e, struct pf_bytes line)
{
    static void (*const handlers[PF_WORDS])(struct pf_pop3_server *, const struct pf_command *) = {
#define PF_WORD(word, states, min, max, shape, flags, offer, server) server,
#include <postfach/pop3_words.def>
#undef PF_WORD
    };
    struct pf_command c;
    enum pf_code parsed = pf_parse_command(line, &c);
    unsigned flags = c.word ? c.word->flags : 0;
    bool named = e->state == PF_IN_A1;

    note(e, &c);
    /* Before login an unknown line may be the base64 of a refused AUTH. */
    if (flags & PF_WORD_SECRET || (!c.word && e->state != PF_IN_T))
        e->secret_taken = true;
    if (admitted(e, c.word, parsed)) {
        /* PASS needs the name, and CAPA in between is harmless; all else forgets it. */
        if (named && !(flags & (PF_WORD_KEEPS_NAME | PF_WORD_REST)))
            pf_server_forget(e);
        handlers[c.word->id](e, &c);
    } else if (named && !(flags & PF_WORD_KEEPS_NAME)) {
        pf_server_forget(e);
    }
}
