#include "session/ctl.h"

#include "session/ctl_answer.h"
#include "sys/conn.h"
#include "sys/visitor.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CALLERS_MAX = 16,        /* a few administrators, and what gathers figures */
    CALLER_TIME = 60 * 1000, /* between two steps of one: `top` asks every second, gatherers every minute or anew;
                              * a source that is asked has answered before (desk_remote.h) */
    IN_MAX = PF_CTL_HEAD_MAX
};

static_assert((int)PF_CTL_LINE_MAX < (int)IN_MAX, "both kinds of request fit");

struct pf_ctl {
    struct pf_ctl_parts parts;
    struct pf_ctl_caller *callers;
    unsigned count;
};

struct pf_ctl_caller {
    struct pf_ctl *ctl;
    struct pf_ctl_caller *next, *prev;
    struct pf_conn *conn;
    struct pf_timer *timer;
    enum pf_ctl_door door;
    bool last;   /* nothing is asked any more behind this answer */
    bool asking; /* the source has a question of his */
    enum pf_ctl_word word;
    struct pf_ctl_ask ask;
    size_t in_len, sent;
    struct pf_ctl_text out;
    unsigned char in[IN_MAX];
};

struct pf_ctl *pf_ctl_new(const struct pf_ctl_parts *parts, struct pf_err *err)
{
    struct pf_ctl *ctl = calloc(1, sizeof *ctl);

    if (ctl)
        ctl->parts = *parts;
    else
        pf_fail(err, PF_NO_MEMORY, 0, "ctl", "no memory");
    return ctl;
}

void pf_ctl_change(struct pf_ctl *ctl, struct pf_log *log)
{
    ctl->parts.log = log;
}

static void leave(struct pf_ctl_caller *c, bool abrupt)
{
    pf_ctl_abandon(&c->ask);
    pf_ctl_ask_done(&c->ask);
    if (c->prev)
        c->prev->next = c->next;
    else
        c->ctl->callers = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->ctl->count--;
    pf_timer_free(c->timer);
    pf_conn_close(c->conn, abrupt);
    pf_ctl_text_done(&c->out);
    free(c);
}

void pf_ctl_free(struct pf_ctl *ctl)
{
    while (ctl && ctl->callers)
        leave(ctl->callers, true);
    free(ctl);
}

/* False when the end of the input, or of the connection, leaves nothing to do. */
static bool take_input(struct pf_ctl_caller *c)
{
    size_t len = 0;

    switch (pf_conn_read(c->conn, c->in + c->in_len, sizeof c->in - c->in_len, &len, NULL)) {
    case PF_IO_DONE:
        c->in_len += len;
        return true;
    case PF_IO_WAIT:
        return true;
    case PF_IO_EOF:
    case PF_IO_FAILED:
        break;
    }
    return false;
}

static void answered(struct pf_ctl_ask *ask);

static void ask_source(struct pf_ctl_caller *c)
{
    c->asking = true;
    c->ask.done = answered;
    pf_ctl_ask(c->ctl->parts.source, &c->ask);
}

static void take_line(struct pf_ctl_caller *c)
{
    unsigned char *end = memchr(c->in, '\n', c->in_len);
    size_t len = end ? (size_t)(end - c->in) : c->in_len;
    struct pf_ctl_request request;

    if (!end && len < PF_CTL_LINE_MAX)
        return;
    if (len >= PF_CTL_LINE_MAX) { /* where it ends is not looked for */
        pf_ctl_put(&c->out, "-too long\n.");
        c->last = true;
        return;
    }
    request = pf_ctl_request_of(pf_bytes_from(c->in, len));
    c->word = request.word;
    if (pf_ctl_wish(&request, &c->ask, &c->out))
        ask_source(c);
    c->in_len -= len + 1;
    memmove(c->in, c->in + len + 1, c->in_len);
}

static void take_head(struct pf_ctl_caller *c)
{
    enum pf_ctl_status status = pf_ctl_http(pf_bytes_from(c->in, c->in_len));

    if (status == PF_CTL_HTTP_MORE)
        return;
    c->last = true;
    if (status == PF_CTL_HTTP_OK) {
        c->ask.wish = PF_CTL_WISH_STATS;
        ask_source(c);
    } else {
        pf_ctl_answer_http(status, NULL, &c->out);
    }
}

/* False when the caller is gone. */
static bool flush(struct pf_ctl_caller *c)
{
    size_t sent = 0;

    while (c->sent < c->out.len) {
        enum pf_io io = pf_conn_write(c->conn, pf_bytes_from(c->out.at + c->sent, c->out.len - c->sent), &sent, NULL);

        if (io == PF_IO_WAIT)
            return true;
        if (io != PF_IO_DONE) {
            leave(c, true);
            return false;
        }
        c->sent += sent;
    }
    pf_ctl_text_done(&c->out);
    c->sent = 0;
    if (!c->last)
        return true;
    leave(c, false);
    return false;
}

/* Takes one request more, if a whole one is there. */
static void take_request(struct pf_ctl_caller *c)
{
    if (c->door == PF_CTL_DOOR_METRICS)
        take_head(c);
    else if (c->in_len)
        take_line(c);
}

/* An answer at a time: the next line is looked at when the last answer is on its way whole. */
static void turn(struct pf_ctl_caller *c)
{
    while (c->out.len == 0 && !c->asking) {
        take_request(c);
        if (c->out.failed) {
            leave(c, true);
            return;
        }
        if (c->out.len == 0)
            break;
        if (!flush(c))
            return;
    }
    pf_timer_set(c->timer, pf_loop_now(c->ctl->parts.loop) + CALLER_TIME);
    pf_conn_want(c->conn, c->out.len ? PF_CONN_WRITE : c->asking ? 0 : PF_CONN_READ);
}

static void answered(struct pf_ctl_ask *ask)
{
    struct pf_ctl_caller *c = (struct pf_ctl_caller *)((char *)ask - offsetof(struct pf_ctl_caller, ask));

    c->asking = false;
    if (c->door == PF_CTL_DOOR_METRICS)
        pf_ctl_answer_http(PF_CTL_HTTP_OK, ask, &c->out);
    else
        pf_ctl_answer(c->word, ask, &c->out);
    pf_ctl_ask_done(ask);
    *ask = (struct pf_ctl_ask){0};
    if (c->out.failed)
        leave(c, true);
    else if (flush(c))
        turn(c);
}

static void wake(void *self, unsigned what)
{
    struct pf_ctl_caller *c = self;

    (void)what;
    if (c->out.len) {
        if (!flush(c))
            return;
    } else if (!take_input(c)) {
        leave(c, false);
        return;
    }
    turn(c);
}

static void late(struct pf_timer *timer, void *self)
{
    (void)timer;
    leave(self, true);
}

static bool may_come(const struct pf_ctl *ctl, int fd, enum pf_ctl_door door)
{
    const char *why = ctl->count >= CALLERS_MAX ? "ctl callers" : NULL;
    struct pf_field fields[2];

    if (door == PF_CTL_DOOR_CONTROL && !pf_visitor_is_ours(fd))
        why = "not root or the server's user";
    fields[0] = PF_TEXT_FIELD("address", "unix");
    fields[1] = PF_TEXT_FIELD("why", why);
    if (why)
        pf_log_event(ctl->parts.log, PF_EVENT_refused, fields, 2);
    return !why;
}

void pf_ctl_caller(struct pf_ctl *ctl, int fd, enum pf_ctl_door door)
{
    struct pf_ctl_caller *c = may_come(ctl, fd, door) ? calloc(1, sizeof *c) : NULL;

    if (!c) {
        close(fd);
        return;
    }
    c->ctl = ctl;
    c->door = door;
    c->conn = pf_conn_new(ctl->parts.loop, fd, wake, c, NULL);
    if (!c->conn) {
        free(c);
        return;
    }
    c->next = ctl->callers;
    if (c->next)
        c->next->prev = c;
    ctl->callers = c;
    ctl->count++;
    c->timer = pf_timer_new(ctl->parts.loop, late, c);
    if (c->timer)
        turn(c);
    else
        leave(c, true);
}
