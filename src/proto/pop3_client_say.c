#include "proto/pop3_client.h"

#include <assert.h>

#include "base/text.h"
#include "proto/b64.h"

const struct pf_word pf_client_words[PF_WORDS] = {
#define PF_WORD(word, states, min, max, shape, flags, offer, server)                                    \
    {#word, PF_WORD_##word, states, min, max, shape, flags, offer},
#include <postfach/pop3_words.def>
#undef PF_WORD
};

#define CANCEL "*\r\n"

static_assert((int)PF_VERB_GURL == (int)PF_WORD_GURL && (int)PF_VERB_RAW == (int)PF_WORDS,
              "verbs are the words, in their order");

size_t pf_client_visible(const struct pf_pop3_client *e)
{
    return e->shown - e->head;
}

/* Moves what is pending to the front; nothing of what was sent stays. */
static void compact(struct pf_pop3_client *e)
{
    size_t pending = e->out.len - e->head;

    if (e->head == 0)
        return;
    memmove(e->out.at, e->out.at + e->head, pending);
    pf_wipe(e->out.at + pending, e->out.len - pending);
    e->shown -= e->head;
    e->out.len = pending;
    e->head = 0;
}

static bool sayable(struct pf_bytes text, bool spaces, bool eight)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = text.at[i];

        if (c < 0x20 || c == 0x7f || (c == ' ' && !spaces) || (c > 0x7f && !eight))
            return false;
    }
    return true;
}

/* A password is anything but what would end or break its line. */
static bool one_line(struct pf_bytes text)
{
    return pf_find(text, '\r') == text.len && pf_find(text, '\n') == text.len &&
           pf_find(text, 0) == text.len;
}

static bool is_ascii(struct pf_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] > 0x7f)
            return false;
    return true;
}

static bool good_mechanism(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = pf_lower(name.at[i]);

        if (!(c >= 'a' && c <= 'z') && !pf_is_digit(c) && c != '-' && c != '_')
            return false;
    }
    return name.len <= 20; /* RFC 5034 section 4 */
}

static enum pf_code judge(const struct pf_pop3_client *e, const struct pf_pop3_command *c)
{
    bool eight = e->set->eight_bit || e->offer.can & PF_CAN_UTF8_USER;
    bool good = true;

    switch ((int)c->verb) {
    case PF_VERB_RETR:
    case PF_VERB_TOP:
    case PF_VERB_DELE:
        good = c->number > 0;
        break;
    case PF_VERB_USER:
        good = c->name.len && sayable(c->name, true, eight);
        break;
    case PF_VERB_PASS:
        good = one_line(c->secret) && (eight || is_ascii(c->secret));
        break;
    case PF_VERB_APOP:
        good = c->name.len && sayable(c->name, false, eight) && c->secret.len == 32 &&
               sayable(c->secret, false, false);
        break;
    case PF_VERB_AUTH:
        good = good_mechanism(c->name) && (c->name.len || !c->has_initial);
        break;
    case PF_VERB_LANG:
        good = sayable(c->name, false, false);
        break;
    case PF_VERB_RAW:
        good = pf_find(c->name, '\n') == c->name.len && pf_find(c->name, '\r') == c->name.len;
        break;
    case PF_VERB_UIDL:
    case PF_VERB_LIST:
    case PF_VERB_STAT:
    case PF_VERB_NOOP:
    case PF_VERB_QUIT:
    case PF_VERB_CAPA:
    case PF_VERB_STLS:
    case PF_VERB_RSET:
    case PF_VERB_LAST:
    case PF_VERB_UTF8:
        break;
    default: /* words of history: RAW says them */
        good = false;
    }
    return good ? PF_OK : PF_SYNTAX;
}

/* RFC 8314 section 5.2: below the level that was asked for, nothing but CAPA, STLS and QUIT. */
static bool needs_tls(const struct pf_pop3_client *e, const struct pf_pop3_command *c)
{
    bool login =
        c->verb < PF_VERB_RAW && pf_client_words[c->verb].flags & (PF_WORD_SECRET | PF_WORD_NEEDS_TLS);
    bool hides = c->verb == PF_VERB_APOP || (c->verb == PF_VERB_AUTH && c->hidden);

    if (e->tls || !login || e->set->plain_login == PF_PLAIN_ANY ||
        (c->verb == PF_VERB_AUTH && !c->name.len))
        return false;
    return e->set->plain_login == PF_PLAIN_NEVER || !hides;
}

static bool put_number(struct pf_span *to, uint64_t number)
{
    return pf_span_put(to, PF_LIT(" ")) && pf_span_decimal(to, number);
}

static bool put_word(struct pf_span *to, struct pf_bytes word)
{
    return pf_span_put(to, PF_LIT(" ")) && pf_span_put(to, word);
}

/* " =" stands for an initial response of no octets (RFC 5034 section 4). */
static bool put_initial(struct pf_span *to, struct pf_bytes response)
{
    if (!response.len)
        return pf_span_put(to, PF_LIT(" ="));
    return pf_span_put(to, PF_LIT(" ")) && pf_b64_encode(response, to);
}

/* Only where CAPA has SASL (section 3), and while the line stays short (section 4). */
static bool may_send_initial(const struct pf_pop3_client *e, const struct pf_pop3_command *c)
{
    size_t coded = c->secret.len ? (c->secret.len + 2) / 3 * 4 : 1;

    return c->has_initial && e->offer.can & PF_CAN_SASL && c->secret.len < e->set->out &&
           sizeof "AUTH  \r\n" - 1 + c->name.len + coded <= e->set->initial_line;
}

static bool put_arguments(struct pf_pop3_client *e, const struct pf_pop3_command *c, struct pf_span *to)
{
    switch ((int)c->verb) {
    case PF_VERB_TOP:
        return put_number(to, c->number) && put_number(to, c->lines);
    case PF_VERB_PASS:
        return put_word(to, c->secret);
    case PF_VERB_APOP:
        return put_word(to, c->name) && put_word(to, c->secret);
    case PF_VERB_AUTH:
        return (!c->name.len || put_word(to, c->name)) &&
               (!may_send_initial(e, c) || put_initial(to, c->secret));
    case PF_VERB_USER:
    case PF_VERB_LANG:
        return !c->name.len || put_word(to, c->name);
    case PF_VERB_RETR:
    case PF_VERB_DELE:
    case PF_VERB_LIST:
    case PF_VERB_UIDL:
        return !c->number || put_number(to, c->number);
    default: /* takes none, whatever was given */
        return true;
    }
}

static bool put_line(struct pf_pop3_client *e, const struct pf_pop3_command *c, struct pf_span *to)
{
    size_t len = to->len;
    bool put = c->verb == PF_VERB_RAW ? pf_span_put(to, c->name)
                                      : pf_span_put(to, pf_bytes_of(pf_client_words[c->verb].name)) &&
                                            put_arguments(e, c, to);

    put = put && pf_span_put(to, PF_LIT("\r\n"));
    if (!put) {
        pf_wipe(to->at + len, to->len - len);
        to->len = len;
    }
    return put;
}

/* The other half is kept for responses, so that what waits is never in the way of one. */
static bool put_queued(struct pf_pop3_client *e, const struct pf_pop3_command *c)
{
    struct pf_span to = e->out;
    bool put;

    to.cap = to.cap / 2;
    put = to.len <= to.cap && put_line(e, c, &to);
    e->out.len = to.len;
    return put;
}

static bool has_lines(const struct pf_pop3_command *c)
{
    bool named = c->verb == PF_VERB_AUTH || c->verb == PF_VERB_LANG;
    enum pf_shape shape;

    if (c->verb == PF_VERB_RAW)
        return c->multi;
    shape = pf_client_words[c->verb].shape;
    return shape == PF_SHAPE_MULTI ||
           (shape == PF_SHAPE_MULTI_IF_BARE && (named ? !c->name.len : !c->number));
}

/* Longer than servers must take (RFC 2449 section 4). */
static bool too_long(const struct pf_pop3_client *e, const struct pf_pop3_command *c, size_t len)
{
    size_t most = PF_CLIENT_LINE;

    if (c->verb == PF_VERB_AUTH && e->set->initial_line > most)
        most = e->set->initial_line;
    return c->verb != PF_VERB_RAW && len > most;
}

static enum pf_code queue(struct pf_pop3_client *e, const struct pf_pop3_command *c)
{
    struct pf_client_slot *slot = pf_client_slot_at(e, e->count);
    size_t len = e->out.len;

    if (!put_queued(e, c)) {
        compact(e);
        len = e->out.len;
        if (!put_queued(e, c))
            return len ? PF_AGAIN : PF_TOO_LONG;
    }
    if (too_long(e, c, e->out.len - len)) {
        pf_wipe(e->out.at + len, e->out.len - len);
        e->out.len = len;
        return PF_TOO_LONG;
    }
    *slot = (struct pf_client_slot){.tag = c->tag,
                                    .number = c->number,
                                    .expect = c->expect ? c->expect : PF_OCTETS_UNKNOWN,
                                    .octets_max = c->octets_max,
                                    .len = (uint32_t)(e->out.len - len),
                                    .verb = (uint8_t)c->verb,
                                    .initial = c->has_initial && !may_send_initial(e, c),
                                    .multi = has_lines(c)};
    e->count++;
    return PF_OK;
}

enum pf_code pf_pop3_client_say(struct pf_pop3_client *e, const struct pf_pop3_command *c, pf_time now)
{
    enum pf_code code;

    e->now = now;
    /* RFC 6856 section 2.1: no STLS behind UTF8. */
    if (e->lost || e->quit_said || (c->verb == PF_VERB_STLS && (e->utf8_said || e->tls)))
        return PF_STATE;
    if ((unsigned)c->verb > PF_VERB_RAW)
        return PF_SYNTAX;
    code = judge(e, c);
    if (code != PF_OK)
        return code;
    if (needs_tls(e, c))
        return PF_NEED_TLS;
    if (e->count == e->set->queue)
        return PF_AGAIN;
    code = queue(e, c);
    if (code != PF_OK)
        return code;
    e->quit_said = c->verb == PF_VERB_QUIT;
    e->utf8_said |= c->verb == PF_VERB_UTF8;
    pf_client_open_window(e);
    return PF_OK;
}

static bool may_pipeline(const struct pf_pop3_client *e)
{
    return e->set->pipelining == PF_PIPELINE_ALWAYS ||
           (e->set->pipelining == PF_PIPELINE_IF_OFFERED && e->offer.can & PF_CAN_PIPELINING);
}

static bool turn_has_come(const struct pf_pop3_client *e, const struct pf_client_slot *slot)
{
    bool secret = slot->verb < PF_WORDS && pf_client_words[slot->verb].flags & PF_WORD_SECRET;

    if (e->stats.flight == 0)
        return true;
    return may_pipeline(e) && !secret && slot->verb != PF_VERB_STLS &&
           e->flight_octets + slot->len <= e->set->window;
}

static bool allowed(const struct pf_pop3_client *e, const struct pf_client_slot *slot)
{
    return slot->verb >= PF_WORDS || pf_client_words[slot->verb].states & e->state;
}

/* Its line stands at `shown`. */
static void drop_line(struct pf_pop3_client *e, struct pf_client_slot *slot)
{
    size_t behind = e->out.len - e->shown - slot->len;

    memmove(e->out.at + e->shown, e->out.at + e->shown + slot->len, behind);
    e->out.len -= slot->len;
    pf_wipe(e->out.at + e->out.len, slot->len);
    slot->unsent = true;
}

static void show(struct pf_pop3_client *e, struct pf_client_slot *slot)
{
    if (e->stats.flight == 0) /* the clock of an answer begins */
        e->heard_from = e->now;
    if (pf_client_visible(e) == 0)
        e->stall_from = e->now;
    slot->begin = e->shown_total;
    e->shown_total += slot->len;
    slot->end = e->shown_total;
    e->shown += slot->len;
    e->flight_octets += slot->len;
    e->stats.flight++;
    if (e->stats.flight_most < e->stats.flight)
        e->stats.flight_most = e->stats.flight;
    if (slot->verb < PF_WORDS && pf_client_words[slot->verb].flags & PF_WORD_GROUP_END)
        e->locked = true;
    if (slot->verb == PF_VERB_AUTH)
        e->rounds = 0;
}

void pf_client_open_window(struct pf_pop3_client *e)
{
    while (!e->lost && e->greeted && !e->locked && e->shown_slots < e->count) {
        struct pf_client_slot *slot = pf_client_slot_at(e, e->shown_slots);

        if (!turn_has_come(e, slot))
            return;
        if (allowed(e, slot))
            show(e, slot);
        else
            drop_line(e, slot);
        e->shown_slots++;
    }
}

/* `len` octets at `shown`, in front of what waits. NULL: no room. */
static unsigned char *insert(struct pf_pop3_client *e, size_t len)
{
    struct pf_client_slot *slot = pf_client_head(e);
    unsigned char *at;

    compact(e);
    if (len > pf_span_room(&e->out))
        return NULL;
    at = e->out.at + e->shown;
    memmove(at + len, at, e->out.len - e->shown);
    e->out.len += len;
    e->shown += len;
    e->shown_total += len;
    slot->end = e->shown_total;
    e->phase = PF_CLIENT_STATUS;
    return at;
}

enum pf_code pf_pop3_client_respond(struct pf_pop3_client *e, struct pf_bytes response, pf_time now)
{
    size_t coded = (response.len / 3 + (response.len % 3 > 0)) * 4;
    struct pf_span to = {0};
    bool put;

    if (e->lost || e->phase != PF_CLIENT_SASL)
        return PF_STATE;
    if (response.len < e->set->out)
        to = (struct pf_span){insert(e, coded + 2), 0, coded + 2};
    if (!to.at)
        return PF_TOO_LONG;
    put = pf_b64_encode(response, &to) && pf_span_put(&to, PF_LIT("\r\n"));
    assert(put); /* room was made */
    e->now = e->heard_from = e->stall_from = now;
    return PF_OK;
}

void pf_client_cancel(struct pf_pop3_client *e)
{
    unsigned char *at = insert(e, sizeof CANCEL - 1);

    assert(at);
    memcpy(at, CANCEL, sizeof CANCEL - 1);
    pf_client_head(e)->cancelled = true;
}

enum pf_code pf_pop3_client_cancel(struct pf_pop3_client *e, pf_time now)
{
    if (e->lost || e->phase != PF_CLIENT_SASL)
        return PF_STATE;
    pf_client_cancel(e);
    e->now = e->heard_from = e->stall_from = now;
    return PF_OK;
}

struct pf_bytes pf_pop3_client_out(const struct pf_pop3_client *e)
{
    return pf_bytes_from(e->out.at + e->head, pf_client_visible(e));
}

void pf_pop3_client_sent(struct pf_pop3_client *e, size_t n, pf_time now)
{
    e->now = now;
    if (n == 0 || e->lost) /* a write that was under way when the session was lost */
        return;
    assert(n <= pf_client_visible(e));
    pf_wipe(e->out.at + e->head, n); /* a password may be in it */
    e->head += n;
    e->sent_total += n;
    e->stats.octets_out += n;
    e->heard_from = e->stall_from = now;
    if (e->head == e->out.len)
        compact(e);
}
