#include "proto/server_body.h"

#include <assert.h>

#include "base/text.h"
#include "proto/server.h"

enum { END_ROOM = 7 }; /* CRLF of the last line, an empty line, the dot line */

static void end_line(struct pf_server_cut *c)
{
    bool empty = c->seen == 0 || (c->seen == 1 && c->first_cr);

    c->seen = 0;
    if (c->in_body) {
        c->done = --c->lines == 0;
    } else if (empty) {
        c->in_body = true;
        c->done = c->lines == 0;
    }
}

size_t pf_server_cut_scan(struct pf_server_cut *c, struct pf_bytes in)
{
    size_t at = 0;

    while (at < in.len && !c->done) {
        struct pf_bytes rest = pf_bytes_skip(in, at);
        size_t n = pf_find(rest, '\n');

        if (n && c->seen == 0)
            c->first_cr = rest.at[0] == '\r';
        c->seen = n > 1 || c->seen + n > 1 ? 2 : (unsigned char)(c->seen + n);
        at += n;
        if (n < rest.len) {
            at++;
            end_line(c);
        }
    }
    return at;
}

/* Octets of wire form that fit; counts them without stuffed dots. A line that begins with a single
 * dot is not wire form: sent, it could end the message before the store vouched for it. */
static size_t copy_clean(struct pf_server_body *b, struct pf_bytes in, struct pf_span *out)
{
    struct pf_bytes piece = pf_bytes_head(in, pf_span_room(out));
    uint64_t stuffed = 0;
    size_t at = 0;

    while (at < piece.len) {
        if (b->half_dot && piece.at[at] != '.') {
            b->fault = PF_DAMAGED;
            break;
        }
        if (!b->half_dot && !b->dot.mid_line && piece.at[at] == '.') {
            b->half_dot = true;
            stuffed++;
            at++;
        } else {
            b->half_dot = false;
            at += pf_find(pf_bytes_skip(piece, at), '\n');
            b->dot.mid_line = at == piece.len;
            at += at < piece.len;
        }
    }
    if (at) {
        b->dot.after_cr = piece.at[at - 1] == '\r';
        b->dot.octets += at - stuffed;
        pf_span_put(out, pf_bytes_head(piece, at));
    }
    return at;
}

static size_t encode(struct pf_server_body *b, struct pf_bytes in, bool clean, struct pf_span *out)
{
    if (clean)
        return copy_clean(b, in, out);
    if (b->half_dot) {
        b->fault = PF_DAMAGED;
        return 0;
    }
    return pf_dot_encode(&b->dot, in, out);
}

/* One turn; `in` is cut to the room first, so that no octet is looked at for TOP more often than
 * it fits. */
static size_t put(struct pf_pop3_server *e, struct pf_bytes in, bool clean)
{
    struct pf_server_body *b = &e->body;
    struct pf_server_cut ahead = b->cut;
    size_t taken;

    in = pf_bytes_head(in, pf_span_room(&e->out.span));
    if (b->top)
        in = pf_bytes_head(in, pf_server_cut_scan(&ahead, in));
    taken = encode(b, in, clean, &e->out.span);
    if (b->top && taken == in.len)
        b->cut = ahead;
    else if (b->top)
        pf_server_cut_scan(&b->cut, pf_bytes_head(in, taken));
    if (b->dot.octets > b->promised && !b->fault)
        b->fault = PF_CHANGED;
    return taken;
}

/* The output is full. What is held is shown when it fills the buffer alone; before that, older
 * answers leave first. True when there is room now. */
static bool more_room(struct pf_server_out *o)
{
    size_t before = pf_span_room(&o->span);
    size_t waiting = pf_server_out_bytes(o).len;

    if (pf_server_out_room(o, before + 1))
        return true;
    if (o->holding && waiting == 0)
        pf_server_out_release(o);
    return false;
}

size_t pf_pop3_server_body(struct pf_pop3_server *e, struct pf_bytes in, bool clean)
{
    size_t total = 0;

    if (e->closing)
        return 0;
    assert(e->asking && e->asked == PF_ASK_BODY && e->shown);
    while (total < in.len && pf_pop3_server_body_wanted(e)) {
        size_t taken = put(e, pf_bytes_skip(in, total), clean);

        if (taken == 0 && !e->body.fault && !more_room(&e->out))
            break;
        total += taken;
    }
    pf_server_noticed_output(e);
    return total;
}

bool pf_pop3_server_body_wanted(const struct pf_pop3_server *e)
{
    return !e->closing && e->asking && e->asked == PF_ASK_BODY && !e->body.fault && !e->body.cut.done;
}

static void start(struct pf_pop3_server *e, uint32_t index, struct pf_bytes text)
{
    e->body.index = index;
    e->body.promised = e->drop.listing.rows[index].octets;
    pf_dot_init(&e->body.dot);
    pf_server_out_hold(&e->out);
    pf_server_good(e, text);
    pf_server_ask_for(e, PF_ASK_BODY);
}

void pf_server_body_start(struct pf_pop3_server *e, uint32_t index)
{
    unsigned char room[40];
    struct pf_span text = {room, 0, sizeof room};

    e->body = (struct pf_server_body){0};
    /* Netscape reads a number here as the size (RFC 1939 section 5 shows the same words). */
    pf_span_decimal(&text, e->drop.listing.rows[index].octets);
    pf_span_put(&text, PF_LIT(" octets"));
    start(e, index, pf_span_bytes(&text));
}

void pf_server_body_start_top(struct pf_pop3_server *e, uint32_t index, uint64_t lines)
{
    e->body = (struct pf_server_body){
        .top = true, .headers_only = lines == 0, .cut = {.lines = lines}};
    start(e, index, PF_LIT("top of message follows"));
}

static enum pf_code judged(const struct pf_server_body *b, const struct pf_err *err)
{
    struct pf_dot whole = b->dot;

    if (err->code != PF_OK)
        return err->code;
    if (b->fault || b->half_dot)
        return b->fault ? b->fault : PF_DAMAGED;
    if (b->cut.done)
        return PF_OK;
    pf_dot_measure_end(&whole);
    return whole.octets == b->promised ? PF_OK : PF_CHANGED;
}

void pf_server_body_told(struct pf_pop3_server *e, const struct pf_err *err)
{
    enum pf_code code = judged(&e->body, err);

    if (code == PF_OK) {
        pf_server_out_release(&e->out);
        e->producing = PF_PRODUCE_BODY_END;
        return;
    }
    pf_drop_broke(&e->drop, e->body.index, code);
    if (pf_server_out_roll_back(&e->out))
        pf_server_failed(e, code, err->code == code ? pf_bytes_of(pf_err_say(err))
                                                    : pf_bytes_of(pf_verdict(code)->say));
    else
        pf_server_close(e, PF_CLOSE_BODY);
}

static void count(struct pf_pop3_server *e)
{
    const struct pf_server_body *b = &e->body;

    e->stats.fetched_octets += b->dot.octets;
    if (b->top) {
        e->stats.topped++;
        return;
    }
    if (!pf_marks_has(&e->drop.fetched, b->index))
        e->stats.fetched++;
    pf_drop_fetched(&e->drop, b->index);
}

void pf_server_body_finish(struct pf_pop3_server *e)
{
    struct pf_server_body *b = &e->body;

    if (!pf_server_out_room(&e->out, END_ROOM))
        return;
    pf_dot_finish(&b->dot, &e->out.span);
    /* Old clients hang on headers without the empty line behind them. */
    if (b->headers_only && !b->cut.in_body)
        pf_span_put(&e->out.span, PF_LIT("\r\n"));
    pf_span_put(&e->out.span, PF_LIT(".\r\n"));
    e->producing = PF_PRODUCE_NOTHING;
    count(e);
}
