#include "talk_play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEGINNING = 1000000 }; /* ms; the clock of a talk does not begin at zero */

void talk_wrong(struct play *p, const char *format, ...)
{
    va_list arguments;

    if (p->why[0])
        return;
    va_start(arguments, format);
    vsnprintf(p->why, sizeof p->why, format, arguments);
    va_end(arguments);
}

size_t talk_dice(struct play *p, size_t below)
{
    p->dice ^= p->dice << 13;
    p->dice ^= p->dice >> 7;
    p->dice ^= p->dice << 17;
    return below ? (size_t)(p->dice % below) : 0;
}

static bool expects(const struct talk_step *s)
{
    return s->kind >= TALK_EXPECT && s->kind <= TALK_BEGIN;
}

static size_t behind_sends(const struct talk *t, size_t at)
{
    while (at < t->count && t->steps[at].kind == TALK_SEND)
        at++;
    return at;
}

/* From `from` on: what the client sends before it waits, and what it waits for. Pipelined, it waits
 * only where a directive stands. */
static size_t block(struct play *p, size_t from, struct talk_buf *input)
{
    const struct talk *t = p->talk;
    size_t at = from, sent;

    for (;;) {
        for (; at < t->count && t->steps[at].kind == TALK_SEND; at++)
            talk_put(input, talk_text_bytes(&p->talk->pool, &t->steps[at].text));
        while (at < t->count && expects(&t->steps[at]))
            at++;
        sent = behind_sends(t, at);
        if (p->cut != TALK_PIPELINED || sent == at || sent == t->count || !expects(&t->steps[sent]))
            return at; /* the last: its answers stand behind a directive */
    }
}

static void greet(struct play *p, size_t next)
{
    static const char ok[] = "+OK POP3 ";

    talk_drive_connect(p);
    if (next < p->talk->count && expects(&p->talk->steps[next]))
        return; /* the talk wants to see the greeting itself */
    if (p->out.len < sizeof ok + 1 || memcmp(p->out.at, ok, sizeof ok - 1) ||
        p->out.at[p->out.len - 1] != '\n')
        talk_wrong(p, "no greeting");
    p->out.len = 0;
}

static void check_closed(struct play *p, const struct talk_step *step)
{
    if (!p->closed)
        talk_wrong(p, "does not close");
    else if (step->n >= 0 && p->why_closed != (enum pf_close)step->n)
        talk_wrong(p, "closes for reason %d, not %d", p->why_closed, (int)step->n);
    else if (p->queue.len && p->why_closed == PF_CLOSE_EOF)
        talk_wrong(p, "closes at the end of input with input left");
}

static void check_left(struct play *p, int64_t want)
{
    int64_t n = 0;

    for (uint32_t i = 0; i < p->talk->box.count; i++)
        n += !p->talk->box.messages[i].gone;
    if (n != want)
        talk_wrong(p, "%lld messages are left, not %lld", (long long)n, (long long)want);
}

/* `kept 1 3`: these are left, and no other. */
static void check_kept(struct play *p, const struct talk_step *step)
{
    const char *at = talk_keep(&p->talk->pool, talk_text_bytes(&p->talk->pool, &step->text));
    int64_t n = 0;
    char *end;

    for (unsigned long number; (number = strtoul(at, &end, 10)) > 0; at = end, n++)
        if (number > p->talk->box.count || p->talk->box.messages[number - 1].gone)
            talk_wrong(p, "message %lu is not left", number);
    check_left(p, n);
}

static void end_input(struct play *p)
{
    talk_settle(p);
    if (p->closed || p->why[0])
        return;
    pf_pop3_server_eof(p->engine, p->now);
    talk_settle(p);
}

static void shut_down(struct play *p)
{
    pf_pop3_server_shutdown(p->engine, p->now);
    talk_settle(p);
}

static void again(struct play *p, size_t next)
{
    talk_world_done(p);
    greet(p, next);
}

/* Behind all others, with an id of its own. */
static void deliver(struct play *p, uint32_t n)
{
    struct talk_box *box = &p->talk->box;
    char uid[16];

    if (box->count == TALK_BOX) {
        talk_wrong(p, "the box is full");
        return;
    }
    box->messages[box->count] = box->messages[n - 1];
    snprintf(uid, sizeof uid, "new%u", ++box->count);
    box->messages[box->count - 1].uid = talk_keep(&p->talk->pool, pf_bytes_of(uid));
    box->messages[box->count - 1].gone = box->messages[box->count - 1].seen = false;
}

static void strike(struct play *p, const struct talk_fault *f)
{
    if (p->fault_count == TALK_FAULTS)
        talk_wrong(p, "too many faults");
    else
        p->faults[p->fault_count++] = *f;
}

static void directive(struct play *p, size_t at)
{
    const struct talk_step *step = &p->talk->steps[at];

    switch ((int)step->kind) {
    case TALK_SPLIT:
        talk_settle(p);
        break;
    case TALK_TOGETHER:
        p->together = true;
        break;
    case TALK_STARTTLS:
        talk_world_tls(p);
        talk_settle(p);
        break;
    case TALK_HALF_CLOSE:
    case TALK_EOF:
        end_input(p);
        if (step->kind == TALK_EOF)
            p->out.len = 0; /* nobody reads it */
        break;
    case TALK_WAIT:
        talk_wait(p, (pf_time)step->at);
        break;
    case TALK_STALL:
    case TALK_RESUME:
        p->stalled = step->kind == TALK_STALL;
        talk_settle(p);
        break;
    case TALK_SHUTDOWN:
        shut_down(p);
        break;
    case TALK_CLOSED:
        check_closed(p, step);
        break;
    case TALK_CONNECT:
        again(p, at + 1);
        break;
    case TALK_LEFT:
        check_left(p, step->n);
        break;
    case TALK_KEPT:
        check_kept(p, step);
        break;
    case TALK_DELIVER:
        deliver(p, (uint32_t)step->n);
        break;
    case TALK_FAULT:
        strike(p, &step->fault);
        break;
    default:
        talk_wrong(p, "step %d has no meaning here", step->kind);
    }
}

/* One block of sends and expectations from `at` on; returns where it ends. */
static size_t converse(struct play *p, size_t at)
{
    struct talk_buf input = {0};
    size_t end = block(p, at, &input);

    if (p->closed && input.len)
        talk_wrong(p, "has closed, for reason %d", p->why_closed);
    talk_drive(p, talk_bytes(&input));
    p->together = false;
    talk_buf_free(&input);
    if (!p->why[0] && expects(&p->talk->steps[end - 1]))
        talk_expect(p, at, end);
    return end;
}

/* The answers to what was said may stand behind a directive: then they are compared there. */
static void nothing_more(struct play *p, size_t at)
{
    if (!p->why[0] && p->out.len && !p->stalled)
        talk_expect(p, at, at);
}

static void walk(struct play *p)
{
    const struct talk *t = p->talk;
    bool told_closed = false;
    size_t at = 0;

    while (at < t->count && t->steps[at].kind == TALK_FAULT)
        strike(p, &t->steps[at++].fault);
    greet(p, at);
    while (at < t->count && !p->why[0]) {
        const struct talk_step *step = &t->steps[at];

        p->line = step->line;
        if (step->kind == TALK_SEND || expects(step)) {
            at = converse(p, at);
            continue;
        }
        if (step->kind >= TALK_CLOSED && step->kind < TALK_DELIVER)
            nothing_more(p, at);
        directive(p, at++);
        if (step->kind == TALK_CLOSED || step->kind == TALK_EOF || step->kind == TALK_CONNECT)
            told_closed = step->kind != TALK_CONNECT;
    }
    nothing_more(p, at);
    if (!p->why[0] && p->closed && !told_closed)
        talk_wrong(p, "has closed, for reason %d", p->why_closed);
}

bool talk_play(struct play *out_play, struct talk *talk, enum talk_cut cut, uint64_t seed)
{
    struct play *p = out_play;

    *p = (struct play){.talk = talk, .cut = cut, .dice = seed | 1, .now = BEGINNING};
    if (!talk->box.sizes_only)
        talk->box.count = talk->box.first_count;
    for (uint32_t i = 0; i < talk->box.count; i++)
        talk->box.messages[i].gone = talk->box.messages[i].seen = false;
    walk(p);
    return !p->why[0];
}

void talk_done(struct play *p)
{
    talk_drive_done(p);
    talk_world_done(p);
    talk_buf_free(&p->queue);
    talk_buf_free(&p->out);
    talk_buf_free(&p->transcript);
}
