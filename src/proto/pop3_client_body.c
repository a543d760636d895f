#include "proto/pop3_client.h"

#include "base/text.h"

/* Where the last octet left the reader of Unix text. */
enum { START, DOT, DOT_CR, TEXT };

void pf_client_body_begin(struct pf_pop3_client *e, uint64_t announced)
{
    e->body = (struct pf_client_body){.loose = e->lf || e->set->loose_dot, .announced = announced};
    pf_undot_init(&e->body.undot);
    e->octets = e->lent = 0;
}

static bool put(struct pf_span *out, unsigned char c)
{
    return pf_span_put(out, pf_bytes_from(&c, 1));
}

/* A run of text up to and with its LF; octets taken. */
static size_t loose_text(struct pf_client_body *b, struct pf_bytes in, struct pf_span *out)
{
    struct pf_bytes run = pf_bytes_head(in, pf_span_room(out));
    size_t lf = pf_find(run, '\n');

    if (lf < run.len) {
        run.len = lf + 1;
        b->loose_state = START;
    } else {
        b->loose_state = TEXT;
    }
    pf_span_put(out, run);
    return run.len;
}

/* One octet at the start of a line, or behind a dot there. False: no room. */
static bool loose_step(struct pf_client_body *b, unsigned char c, struct pf_span *out)
{
    if (b->loose_state == DOT_CR && c != '\n') {
        if (pf_span_room(out) < 2)
            return false;
        put(out, '\r');
    } else if (b->loose_state == DOT && c == '\r') {
        b->loose_state = DOT_CR;
        return true;
    } else if (b->loose_state != START && c == '\n') {
        b->undot.done = true;
        return true;
    } else if (b->loose_state == START && c == '.') {
        b->loose_state = DOT;
        return true;
    }
    if (!put(out, c))
        return false;
    b->loose_state = c == '\n' ? START : TEXT;
    return true;
}

/* As pf_undot, but any LF ends a line. */
static size_t loose(struct pf_client_body *b, struct pf_bytes in, struct pf_span *out)
{
    size_t taken = 0;

    while (taken < in.len && !b->undot.done && pf_span_room(out)) {
        if (b->loose_state == TEXT || (b->loose_state == START && in.at[taken] != '.')) {
            taken += loose_text(b, pf_bytes_skip(in, taken), out);
        } else if (loose_step(b, in.at[taken], out)) {
            taken++;
        } else {
            break;
        }
    }
    return taken;
}

/* CRLF becomes LF, in place; a CR at the end is held back. */
static size_t squeeze(struct pf_client_body *b, unsigned char *at, size_t len)
{
    size_t from = 0, to = 0;

    for (;;) {
        size_t n = pf_find(pf_bytes_from(at + from, len - from), '\r');

        if (to != from)
            memmove(at + to, at + from, n);
        to += n;
        from += n;
        if (from == len)
            return to;
        if (from + 1 == len) {
            b->held_cr = true;
            return to;
        }
        from++;
        if (at[from] != '\n')
            at[to++] = '\r';
        else
            at[to++] = at[from++];
    }
}

/* The first octets, and the last: for what is odd about a message. */
static void note(struct pf_client_body *b, struct pf_bytes fresh)
{
    struct pf_bytes last =
        pf_bytes_skip(fresh, fresh.len > sizeof b->tail ? fresh.len - sizeof b->tail : 0);
    size_t keep = sizeof b->tail - last.len;

    for (size_t i = 0; i < fresh.len && b->head_len < sizeof b->head; i++)
        b->head[b->head_len++] = fresh.at[i];
    if (keep > b->tail_len)
        keep = b->tail_len;
    memmove(b->tail, b->tail + b->tail_len - keep, keep);
    if (last.len)
        memcpy(b->tail + keep, last.at, last.len);
    b->tail_len = (unsigned char)(keep + last.len);
}

static bool ends_with(const struct pf_client_body *b, struct pf_bytes end)
{
    return b->tail_len >= end.len && memcmp(b->tail + b->tail_len - end.len, end.at, end.len) == 0;
}

bool pf_client_body_looks_ended(const struct pf_pop3_client *e)
{
    return ends_with(&e->body, PF_LIT("\n.\n")) || ends_with(&e->body, PF_LIT("\n.\r\n"));
}

static void finish(struct pf_pop3_client *e)
{
    struct pf_client_slot was = *pf_client_head(e);
    const struct pf_client_body *b = &e->body;
    struct pf_heard *h;

    if ((was.expect != PF_OCTETS_UNKNOWN && was.expect != e->octets) ||
        (b->announced != PF_OCTETS_UNKNOWN && b->announced != e->octets))
        e->odd |= PF_ODD_SIZE;
    if (pf_bytes_equal(pf_bytes_from(b->head, b->head_len), PF_LIT("+OK")))
        e->odd |= PF_ODD_TWICE;
    e->stats.messages += was.verb == PF_VERB_RETR;
    h = pf_client_end(e, PF_END_WHOLE);
    h->octets = e->octets;
    h->lent = e->lent;
    h->odd = e->odd;
    pf_client_open_window(e);
}

static void lend(struct pf_pop3_client *e, size_t len)
{
    struct pf_heard *h;

    if (!len)
        return;
    e->lent += len;
    h = pf_client_push(e, PF_HEARD_PIECE);
    h->bytes = pf_bytes_from(e->room, len);
}

size_t pf_client_body_take(struct pf_pop3_client *e, struct pf_bytes in)
{
    struct pf_client_body *b = &e->body;
    const struct pf_client_slot *slot = pf_client_head(e);
    struct pf_span out = {e->room, 0, e->set->piece};
    size_t taken, fresh, held = b->held_cr, len;

    if (held)
        put(&out, '\r');
    b->held_cr = false;
    taken = b->loose ? loose(b, in, &out) : pf_undot(&b->undot, in, &out);
    fresh = out.len - held;
    note(b, pf_bytes_from(e->room + held, fresh));
    e->octets += fresh;
    e->stats.message_octets += fresh;
    if (slot->octets_max && e->octets > slot->octets_max) {
        pf_client_lose(e, PF_LOST_OCTETS);
        return taken;
    }
    len = e->set->lf ? squeeze(b, e->room, out.len) : out.len;
    if (b->held_cr && b->undot.done)
        e->room[len++] = '\r';
    lend(e, len);
    if (b->undot.done)
        finish(e);
    return taken;
}
