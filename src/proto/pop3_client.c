#include "proto/pop3_client.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"

void pf_pop3_client_settings_init(struct pf_pop3_client_settings *out_settings)
{
    *out_settings = (struct pf_pop3_client_settings){
        .queue = 128,   /* a round trip of 40 ms then costs less than the messages themselves */
        .window = 2048, /* any TCP holds more, so that our writes never wait for its reads */
        .out = 32768,   /* tickets of Kerberos, tokens of OAuth */
        .piece = 16384, /* stays in the cache nearest to the processor */
        .initial_line = PF_CLIENT_LINE,
        .line_max = 65536,
        .lines_max = 1u << 22,
        .sasl_rounds = 16,
        .greeting_time = 60 * 1000,
        .answer_time = 180 * 1000,
        .quit_time = 600 * 1000,
        .stall_time = 180 * 1000,
    };
}

size_t pf_pop3_client_size(const struct pf_pop3_client_settings *set)
{
    return sizeof(struct pf_pop3_client) + set->queue * sizeof(struct pf_client_slot) + set->out +
           set->piece;
}

struct pf_pop3_client *pf_pop3_client_init(void *memory, const struct pf_pop3_client_settings *set,
                                           bool tls, pf_time now)
{
    struct pf_pop3_client *e = memory;
    unsigned char *behind;

    assert(set->queue > 0 && set->piece >= PF_PIECE_MIN && set->out >= 2 * PF_CLIENT_LINE);
    *e = (struct pf_pop3_client){.set = set,
                                 .tls = tls,
                                 .state = PF_IN_A0,
                                 .now = now,
                                 .start = now,
                                 .heard_from = now,
                                 .stall_from = now};
    e->slots = (struct pf_client_slot *)(e + 1);
    memset(e->slots, 0, set->queue * sizeof *e->slots);
    behind = (unsigned char *)(e->slots + set->queue);
    e->out = (struct pf_span){behind, 0, set->out};
    e->room = behind + set->out;
    return e;
}

void pf_pop3_client_done(struct pf_pop3_client *e)
{
    pf_wipe(e, pf_pop3_client_size(e->set));
}

struct pf_pop3_client *pf_pop3_client_new(const struct pf_pop3_client_settings *set, bool tls,
                                          pf_time now)
{
    void *memory = malloc(pf_pop3_client_size(set));

    return memory ? pf_pop3_client_init(memory, set, tls, now) : NULL;
}

void pf_pop3_client_free(struct pf_pop3_client *e)
{
    if (!e)
        return;
    pf_pop3_client_done(e);
    free(e);
}

struct pf_heard *pf_client_push(struct pf_pop3_client *e, enum pf_heard_kind kind)
{
    const struct pf_client_slot *slot = pf_client_head(e);
    struct pf_heard *h = &e->events[e->event_count];

    assert(e->event_count < sizeof e->events / sizeof e->events[0]);
    e->event_count++;
    *h = (struct pf_heard){.kind = kind, .verb = PF_VERB_GREETING, .odd = e->odd};
    if (slot) {
        h->verb = (enum pf_pop3_verb)slot->verb;
        h->tag = slot->tag;
        h->number = slot->number;
    }
    return h;
}

static void pop(struct pf_pop3_client *e)
{
    const struct pf_client_slot *slot = pf_client_slot_at(e, 0);

    if (!slot->unsent && e->shown_slots) {
        e->stats.flight--;
        e->flight_octets -= slot->len;
    }
    e->shown_slots -= e->shown_slots > 0;
    e->first = (e->first + 1) % e->set->queue;
    e->count--;
}

struct pf_heard *pf_client_end(struct pf_pop3_client *e, enum pf_end end)
{
    struct pf_heard *h = pf_client_push(e, PF_HEARD_END);
    const struct pf_client_slot *slot = pf_client_head(e);
    bool group = slot->verb < PF_WORDS && pf_client_words[slot->verb].flags & PF_WORD_GROUP_END;

    h->end = end;
    e->stats.commands++;
    e->stats.refused += end == PF_END_REFUSED;
    e->locked = e->locked && !group;
    e->phase = PF_CLIENT_STATUS;
    pop(e);
    return h;
}

void pf_client_lose(struct pf_pop3_client *e, enum pf_lost why)
{
    if (e->lost)
        return;
    e->lost = why;
    pf_wipe(e->out.at, e->out.len);
    e->out.len = e->shown = e->head = 0;
    e->stats.flight_lost = e->stats.flight;
}

static bool event_waits(const struct pf_pop3_client *e)
{
    if (e->event_at < e->event_count)
        return true;
    if (e->lost)
        return !e->told_lost;
    return e->shown_slots && pf_client_slot_at(e, 0)->unsent;
}

static enum pf_code code_of(enum pf_lost lost)
{
    static const enum pf_code codes[] = {[PF_LOST_QUIT] = PF_OK,
                                         [PF_LOST_EOF] = PF_TEMP,
                                         [PF_LOST_TIME] = PF_TEMP,
                                         [PF_LOST_STALL] = PF_TEMP,
                                         [PF_LOST_GARBAGE] = PF_PERM,
                                         [PF_LOST_TLS_RECORD] = PF_CONFIG,
                                         [PF_LOST_LINE] = PF_TOO_LONG,
                                         [PF_LOST_LIST] = PF_LIMIT,
                                         [PF_LOST_OCTETS] = PF_LIMIT,
                                         [PF_LOST_UNASKED] = PF_TEMP,
                                         [PF_LOST_SMUGGLE] = PF_PERM,
                                         [PF_LOST_TLS] = PF_NEED_TLS,
                                         [PF_LOST_GIVEN_UP] = PF_CANCELLED,
                                         [PF_LOST_REFUSED] = PF_TEMP};

    return codes[lost];
}

/* What the command at the head comes to without an answer. */
static void give_back(struct pf_pop3_client *e, struct pf_heard *out_heard)
{
    const struct pf_client_slot *slot = pf_client_slot_at(e, 0);
    bool never = slot->unsent || !e->shown_slots || e->sent_total <= slot->begin;
    bool body = !never && e->phase == PF_CLIENT_BODY;

    *out_heard = (struct pf_heard){.kind = PF_HEARD_END,
                                   .verb = (enum pf_pop3_verb)slot->verb,
                                   .tag = slot->tag,
                                   .number = slot->number,
                                   .end = never ? PF_END_UNSENT : PF_END_CUT,
                                   .lost = e->lost,
                                   .code = slot->unsent ? PF_STATE : code_of(e->lost)};
    if (body) {
        out_heard->octets = e->octets;
        out_heard->lent = e->lent;
        out_heard->odd = e->odd | (pf_client_body_looks_ended(e) ? PF_ODD_LOOSE : 0);
        e->stats.odd |= out_heard->odd;
    }
    e->phase = PF_CLIENT_STATUS; /* the others had not begun */
    pop(e);
}

bool pf_pop3_client_event(struct pf_pop3_client *e, struct pf_heard *out_heard)
{
    if (e->event_at < e->event_count) {
        *out_heard = e->events[e->event_at++];
        e->stats.odd |= out_heard->odd;
        if (e->event_at == e->event_count)
            e->event_at = e->event_count = 0;
        return true;
    }
    if (e->count && (e->lost || (e->shown_slots && pf_client_slot_at(e, 0)->unsent))) {
        give_back(e, out_heard);
        return true;
    }
    if (!e->lost || e->told_lost)
        return false;
    e->told_lost = true;
    *out_heard = (struct pf_heard){.kind = PF_HEARD_LOST,
                                   .verb = PF_VERB_GREETING,
                                   .lost = e->lost,
                                   .code = code_of(e->lost),
                                   .text = e->farewell,
                                   .odd = e->odd};
    return true;
}

static void line_ended(struct pf_pop3_client *e, bool more)
{
    if (e->phase == PF_CLIENT_ITEMS)
        pf_client_item_line(e);
    else
        pf_client_status_line(e, more);
    e->line_len = 0;
    e->line_octets = 0;
    e->line_cr = false;
}

/* The first octets of a TLS record, where a status line was to come: an alert, or a handshake. */
static bool is_tls_record(const struct pf_pop3_client *e)
{
    return e->line_octets >= 2 && (e->room[0] == 0x15 || e->room[0] == 0x16) && e->room[1] == 3;
}

/* Nothing was asked, or not all of it was sent: what comes now cannot be an answer. */
static bool is_unasked(const struct pf_pop3_client *e)
{
    const struct pf_client_slot *slot = pf_client_head(e);

    return e->greeted &&
           (!slot || slot->unsent || e->sent_total < slot->end || e->phase == PF_CLIENT_SASL);
}

static size_t take_line(struct pf_pop3_client *e, struct pf_bytes in)
{
    size_t before_lf = pf_find(in, '\n');
    bool ended = before_lf < in.len;
    size_t fits = e->set->piece - e->line_len;

    if (e->line_octets == 0 && e->phase != PF_CLIENT_ITEMS)
        e->unasked = is_unasked(e);
    if (before_lf < fits)
        fits = before_lf;
    memcpy(e->room + e->line_len, in.at, fits);
    e->line_len += fits;
    e->line_octets += before_lf;
    if (before_lf)
        e->line_cr = in.at[before_lf - 1] == '\r';
    if (!e->greeted && is_tls_record(e))
        pf_client_lose(e, PF_LOST_TLS_RECORD);
    else if (e->line_octets > e->set->line_max)
        pf_client_lose(e, PF_LOST_LINE);
    else if (ended)
        line_ended(e, before_lf + 1 < in.len);
    return before_lf + ended;
}

static size_t take(struct pf_pop3_client *e, struct pf_bytes in)
{
    if (e->phase == PF_CLIENT_BODY)
        return pf_client_body_take(e, in);
    if (e->phase == PF_CLIENT_TLS) {
        pf_client_lose(e, PF_LOST_SMUGGLE);
        return in.len;
    }
    return take_line(e, in);
}

size_t pf_pop3_client_feed(struct pf_pop3_client *e, struct pf_bytes in, pf_time now)
{
    size_t taken = 0;

    e->now = now;
    while (taken < in.len && !e->lost && !event_waits(e))
        taken += take(e, pf_bytes_skip(in, taken));
    if (taken) {
        e->heard_from = now;
        e->stats.octets_in += taken;
    }
    if (!event_waits(e))
        pf_client_tick(e, now);
    return taken;
}

void pf_pop3_client_eof(struct pf_pop3_client *e, pf_time now)
{
    e->now = now;
    /* A farewell without a line end is still one. */
    if (!e->lost && e->line_len && (e->unasked || !e->greeted))
        e->farewell = pf_client_clean(e, pf_client_line(e));
    pf_client_lose(e, PF_LOST_EOF);
}

void pf_pop3_client_give_up(struct pf_pop3_client *e)
{
    pf_client_lose(e, PF_LOST_GIVEN_UP);
}

void pf_pop3_client_tls(struct pf_pop3_client *e, bool good, pf_time now)
{
    if (e->lost)
        return;
    assert(e->phase == PF_CLIENT_TLS);
    e->now = e->heard_from = now;
    if (!good) {
        pf_client_lose(e, PF_LOST_TLS);
        return;
    }
    e->tls = true;
    /* RFC 2595 section 4: what was told before is told by nobody. */
    e->offer = (struct pf_pop3_offer){0};
    if (!e->set->apop_after_stls)
        e->timestamp_len = 0;
    e->state = PF_IN_A0;
    pf_client_end(e, PF_END_WHOLE)->odd = 0;
    pf_client_open_window(e);
}

struct pf_bytes pf_pop3_client_timestamp(const struct pf_pop3_client *e)
{
    return pf_bytes_from(e->timestamp, e->timestamp_len);
}

const struct pf_pop3_offer *pf_pop3_client_offer(const struct pf_pop3_client *e)
{
    return &e->offer;
}

const struct pf_pop3_client_stats *pf_pop3_client_stats(const struct pf_pop3_client *e)
{
    return &e->stats;
}

bool pf_pop3_client_in_transaction(const struct pf_pop3_client *e)
{
    return e->state == PF_IN_T && !e->quit_said && !e->lost;
}

unsigned pf_pop3_client_room(const struct pf_pop3_client *e)
{
    return e->lost || e->quit_said ? 0 : e->set->queue - e->count;
}
