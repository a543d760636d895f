#include "proto/lmtp_server.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/lmtp_cmd.h"
#include "proto/lmtp_data.h"
#include "proto/lmtp_time.h"

static const struct pf_lmtp_answer going_down = {421, "4.3.2", "server is going down, try again later"};
static const struct pf_lmtp_answer no_memory = {421, "4.3.0", "server is short of memory, try again later"};
static const struct pf_lmtp_answer too_many_errors = {421, "4.7.0", "too many errors"};

void pf_lmtp_server_settings_init(struct pf_lmtp_server_settings *out_settings)
{
    *out_settings = (struct pf_lmtp_server_settings){
        .hostname = "localhost",
        .size_max = 50 * 1000 * 1000, /* what most relays let pass */
        .recipients_max = 1000,       /* the default of common relays is at most that in one go */
        .line_max = 4096,             /* RFC 5321 section 4.5.3.1.4 and what extensions add, with room */
        .bad_max = 20,
        .idle_time = 300 * 1000,      /* RFC 5321 section 4.5.3.2.7: at least five minutes */
        .stall_time = 300 * 1000,
    };
}

struct pf_lmtp_server *pf_lmtp_server_new(const struct pf_lmtp_server_settings *set, bool tls, pf_time now)
{
    struct pf_lmtp_server *e = malloc(sizeof *e);

    if (!e)
        return NULL;
    *e = (struct pf_lmtp_server){
        .set = set, .state = PF_LMTP_IN_NEW, .tls = tls, .now = now, .idle_from = now, .stall_from = now};
    pf_line_init(&e->line);
    return e;
}

void pf_lmtp_server_free(struct pf_lmtp_server *e)
{
    if (!e)
        return;
    pf_line_done(&e->line);
    pf_keep_drop(&e->helo);
    pf_keep_drop(&e->told_helo);
    pf_keep_drop(&e->xclient);
    pf_keep_drop(&e->sender);
    pf_keep_drop(&e->old_helo);
    pf_keep_drop(&e->old_sender);
    pf_lmtp_rcpts_drop(&e->rcpts);
    free(e);
}

void pf_lmtp_say(struct pf_lmtp_server *e, const struct pf_lmtp_answer *a)
{
    pf_lmtp_reply(&e->out.span, a, (struct pf_bytes){0});
}

void pf_lmtp_good(struct pf_lmtp_server *e, const struct pf_lmtp_answer *a)
{
    e->bad_row = 0;
    pf_lmtp_say(e, a);
}

void pf_lmtp_bad(struct pf_lmtp_server *e, const struct pf_lmtp_answer *a)
{
    e->bad_row++;
    if (e->set->bad_max && e->bad_row >= e->set->bad_max)
        pf_lmtp_bye(e, &too_many_errors, "bad");
    else
        pf_lmtp_say(e, a);
}

void pf_lmtp_ask_for(struct pf_lmtp_server *e, enum pf_lmtp_ask_kind kind)
{
    e->asking = true;
    e->shown = false;
    e->asked = kind;
}

void pf_lmtp_let_go(struct pf_lmtp_server *e)
{
    e->drop_due = e->drop_due || e->held;
    e->held = false;
}

void pf_lmtp_reset(struct pf_lmtp_server *e)
{
    pf_lmtp_let_go(e);
    if (e->drop_due) {
        e->old_sender = e->sender;
        e->sender = (struct pf_keep){0};
    }
    pf_keep_drop(&e->sender);
    pf_lmtp_rcpts_drop(&e->rcpts);
    e->whole.code = 0;
    e->size = 0;
    e->utf8 = false;
    if (e->state != PF_LMTP_IN_NEW)
        e->state = PF_LMTP_IN_READY;
}

void pf_lmtp_close(struct pf_lmtp_server *e, const char *why)
{
    if (e->closing)
        return;
    pf_lmtp_let_go(e);
    pf_line_done(&e->line);
    e->closing = true;
    e->close = why;
    e->receiving = PF_LMTP_COMMANDS;
    e->owing = PF_LMTP_OWES_NOTHING;
    pf_lmtp_ask_for(e, PF_LMTP_ASK_CLOSE);
}

void pf_lmtp_server_xclient(struct pf_lmtp_server *e)
{
    assert(!e->greeted);
    e->proxied = true;
}

void pf_lmtp_banner(struct pf_lmtp_server *e)
{
    struct pf_span *s = &e->out.span;

    pf_span_put(s, PF_LIT("220 "));
    pf_span_put(s, pf_bytes_head(pf_bytes_of(e->set->hostname), 255));
    pf_span_put(s, e->set->smtp ? PF_LIT(" ESMTP ready\r\n") : PF_LIT(" LMTP ready\r\n"));
}

/* The first line of all, and the last. */
static void greet(struct pf_lmtp_server *e)
{
    if ((e->greeted && !e->farewell) || !pf_server_out_room(&e->out, PF_LMTP_REPLY_MAX))
        return;
    if (e->farewell) {
        pf_lmtp_say(e, e->farewell);
        e->farewell = NULL;
    } else if (!e->closing) {
        pf_lmtp_banner(e);
    }
    e->greeted = true;
}

void pf_lmtp_bye(struct pf_lmtp_server *e, const struct pf_lmtp_answer *a, const char *why)
{
    if (e->closing)
        return;
    pf_lmtp_close(e, why);
    e->farewell = a;
    greet(e);
}

/* When all replies that are owed were given. A server that goes down still takes the text that is
 * under way, or the client would have to send it again. */
static void end_if_due(struct pf_lmtp_server *e)
{
    if (e->asking || e->owing)
        return;
    if (e->hang_up)
        pf_lmtp_close(e, "bad");
    else if (e->set->bad_max && e->bad_row >= e->set->bad_max)
        pf_lmtp_bye(e, &too_many_errors, "bad");
    else if (e->eof)
        pf_lmtp_close(e, "eof");
    else if (e->going_down && e->receiving == PF_LMTP_COMMANDS)
        pf_lmtp_bye(e, &going_down, "shutdown");
}

static void note_output(struct pf_lmtp_server *e, bool timed)
{
    bool pending = pf_server_out_bytes(&e->out).len != 0;

    if (pending && !e->pending) {
        e->stall_from = e->now;
        e->stall_unsure = !timed;
    }
    e->pending = pending;
}

static void leave(struct pf_lmtp_server *e, bool timed)
{
    pf_lmtp_data_produce(e);
    end_if_due(e);
    greet(e);
    note_output(e, timed);
}

void pf_lmtp_leave(struct pf_lmtp_server *e)
{
    leave(e, true);
}

void pf_lmtp_server_lend(struct pf_lmtp_server *e, unsigned char *at, size_t cap)
{
    assert(at && cap >= PF_LMTP_OUT_MIN && !pf_server_out_lent(&e->out));
    e->out = (struct pf_server_out){.span = {at, 0, cap}};
    leave(e, false);
}

bool pf_lmtp_server_unlend(struct pf_lmtp_server *e)
{
    if (e->out.span.len || e->owing || (e->asking && !e->closing))
        return false;
    e->out = (struct pf_server_out){0};
    return true;
}

static void line_ended(struct pf_lmtp_server *e, const struct pf_line_got *got)
{
    if (got->end == PF_LINE_TOO_LONG)
        pf_lmtp_command_too_long(e, pf_bytes_from(e->line.head, e->line.head_len));
    else
        pf_lmtp_command(e, got->line);
    pf_line_done(&e->line);
    pf_lmtp_data_produce(e);
}

static size_t take_line(struct pf_lmtp_server *e, struct pf_bytes in)
{
    struct pf_line_limits limits = {e->set->line_max, e->set->line_max};
    struct pf_line_got got;

    pf_line_take(&e->line, in, &limits, &got);
    e->behind = in.len - got.taken;
    if (got.end == PF_LINE_NO_MEMORY)
        pf_lmtp_bye(e, &no_memory, "memory");
    else if (got.end != PF_LINE_PART)
        line_ended(e, &got);
    return got.taken;
}

/* Text that goes nowhere. */
static size_t take_away(struct pf_lmtp_server *e, struct pf_bytes in)
{
    size_t taken = pf_lmtp_data_take_away(e, in);

    pf_lmtp_data_produce(e);
    return taken;
}

static bool quiet(const struct pf_lmtp_server *e)
{
    return !e->asking && !e->drop_due && !e->owing && !e->hang_up && !e->eof && e->greeted;
}

bool pf_lmtp_server_wants_text(const struct pf_lmtp_server *e)
{
    return e->receiving && !e->whole.code && quiet(e);
}

static bool may_take(struct pf_lmtp_server *e)
{
    return quiet(e) && !pf_lmtp_server_wants_text(e) && (e->receiving || !e->going_down) &&
           pf_server_out_room(&e->out, PF_LMTP_REPLY_MAX);
}

size_t pf_lmtp_server_feed(struct pf_lmtp_server *e, struct pf_bytes in, pf_time now)
{
    size_t taken = 0;

    e->now = now;
    while (taken < in.len && may_take(e)) {
        struct pf_bytes rest = pf_bytes_skip(in, taken);

        taken += e->receiving ? take_away(e, rest) : take_line(e, rest);
        e->idle_from = now;
        end_if_due(e);
    }
    pf_lmtp_leave(e);
    /* Only now: a command that came in time counts, however late it is looked at. */
    pf_lmtp_tick(e, now);
    return taken;
}

size_t pf_lmtp_server_feed_text(struct pf_lmtp_server *e, struct pf_bytes in, struct pf_span *into, pf_time now)
{
    size_t taken;

    if (!pf_lmtp_server_wants_text(e))
        return pf_lmtp_server_feed(e, in, now);
    e->now = now;
    taken = pf_lmtp_data_take(e, in, into);
    if (taken)
        e->idle_from = now;
    pf_lmtp_leave(e);
    pf_lmtp_tick(e, now);
    return taken;
}

void pf_lmtp_server_eof(struct pf_lmtp_server *e, pf_time now)
{
    e->now = now;
    e->eof = true;
    pf_lmtp_leave(e);
}

void pf_lmtp_server_shutdown(struct pf_lmtp_server *e, pf_time now)
{
    e->now = now;
    e->going_down = true;
    pf_lmtp_leave(e);
}

struct pf_bytes pf_lmtp_server_out(const struct pf_lmtp_server *e)
{
    return pf_server_out_bytes(&e->out);
}

void pf_lmtp_server_sent(struct pf_lmtp_server *e, size_t n, pf_time now)
{
    e->now = now;
    pf_server_out_sent(&e->out, n);
    if (n) {
        e->stall_from = e->idle_from = now;
        e->stall_unsure = false;
    }
    pf_lmtp_leave(e);
}
