#include "session/serve_lmtp_carrier.h"

#include "session/proxied.h"

#include <assert.h>
#include <stdio.h>

enum {
    STEPS_MAX = 32 /* of one carrier in one turn of the loop: the others want theirs */
};

static_assert((size_t)PF_POST_PIECE <= PF_SHELF_LARGE, "what a post takes at once fits into a buffer");

static pf_time now_of(const struct pf_carrier *c)
{
    return pf_loop_now(c->dock->parts.loop);
}

void pf_carrier_tell(struct pf_carrier *c, const struct pf_lmtp_tell *tell)
{
    c->question = false;
    pf_lmtp_server_tell(c->engine, tell, now_of(c));
}

void pf_carrier_soon(struct pf_carrier *c)
{
    if (!c->again.queued)
        pf_loop_later(c->dock->parts.loop, &c->again);
}

static unsigned char *take(struct pf_carrier *c, unsigned char **buffer, enum pf_shelf_size size)
{
    if (!*buffer)
        *buffer = pf_shelf_take(&c->dock->shelf, size);
    if (!*buffer)
        pf_carrier_depart(c, "memory", true);
    return *buffer;
}

static void give(struct pf_carrier *c, unsigned char **buffer, enum pf_shelf_size size)
{
    pf_shelf_give(&c->dock->shelf, size, *buffer);
    *buffer = NULL;
}

static bool lend(struct pf_carrier *c)
{
    if (c->out)
        return true;
    if (!take(c, &c->out, PF_SHELF_OF_SMALL))
        return false;
    pf_lmtp_server_lend(c->engine, c->out, PF_SHELF_SMALL);
    return true;
}

static bool may_read(const struct pf_carrier *c)
{
    return !c->question && !c->writing && !c->eof && !c->close_wanted && !c->handshaking && c->in_len == 0 &&
           pf_lmtp_server_out(c->engine).len == 0;
}

/* Fills `in` from the connection; true when octets or the end came. */
static bool take_input(struct pf_carrier *c)
{
    struct pf_err err;

    if (!may_read(c) || !take(c, &c->in, PF_SHELF_OF_LARGE))
        return false;
    c->in_at = 0;
    switch (pf_conn_read(c->conn, c->in, PF_SHELF_LARGE, &c->in_len, &err)) {
    case PF_IO_DONE:
        return true;
    case PF_IO_WAIT:
        c->in_len = 0;
        return false;
    case PF_IO_EOF:
        c->in_len = 0;
        c->eof = true;
        return true;
    case PF_IO_FAILED:
        break;
    }
    c->in_len = 0;
    pf_carrier_depart(c, "eof", true);
    return false;
}

/* The message's text goes on to the post before anything else is asked. */
static size_t feed_text(struct pf_carrier *c, struct pf_bytes in)
{
    struct pf_span into = {take(c, &c->text, PF_SHELF_OF_LARGE), 0, PF_POST_PIECE};
    size_t taken;

    if (!into.at)
        return 0;
    taken = pf_lmtp_server_feed_text(c->engine, in, &into, now_of(c));
    pf_carrier_write(c, pf_span_bytes(&into));
    return taken;
}

static bool feed(struct pf_carrier *c)
{
    bool moved = take_input(c);
    struct pf_bytes in = c->in_len ? pf_bytes_from(c->in + c->in_at, c->in_len) : (struct pf_bytes){0};
    size_t taken;

    if (c->gone || c->question || c->writing || c->close_wanted || c->handshaking)
        return moved;
    if (pf_lmtp_server_wants_text(c->engine))
        taken = feed_text(c, in);
    else
        taken = pf_lmtp_server_feed(c->engine, in, now_of(c));
    if (c->gone)
        return false;
    c->in_at += taken;
    c->in_len -= taken;
    if (c->eof && !c->eof_told && c->in_len == 0) {
        c->eof_told = true;
        pf_lmtp_server_eof(c->engine, now_of(c));
        return true;
    }
    return moved || taken;
}

static void believe(struct pf_carrier *c, const struct pf_xclient *said)
{
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_XCLIENT};

    pf_proxied_xclient(c->conn, said, &c->generation->conf->listens[c->listen]);
    pf_carrier_tell(c, &tell);
}

static bool answer(struct pf_carrier *c)
{
    struct pf_lmtp_ask ask;

    if (!pf_lmtp_server_ask(c->engine, &ask))
        return false;
    c->question = ask.kind != PF_LMTP_ASK_DROP && ask.kind != PF_LMTP_ASK_CLOSE;
    switch (ask.kind) {
    case PF_LMTP_ASK_RCPT:
        pf_carrier_ask_rcpt(c, &ask);
        break;
    case PF_LMTP_ASK_BEGIN:
        pf_carrier_ask_begin(c, &ask);
        break;
    case PF_LMTP_ASK_SEAL:
        pf_carrier_ask_seal(c);
        break;
    case PF_LMTP_ASK_DROP:
        pf_carrier_drop(c);
        break;
    case PF_LMTP_ASK_XCLIENT:
        believe(c, ask.xclient);
        break;
    case PF_LMTP_ASK_TLS:
        c->tls_wanted = true;
        break;
    case PF_LMTP_ASK_CLOSE:
        c->close_wanted = true;
        c->close = ask.close;
        break;
    }
    return true;
}

static bool flush(struct pf_carrier *c)
{
    struct pf_bytes out = pf_lmtp_server_out(c->engine);
    struct pf_err err;
    size_t sent = 0;

    if (out.len == 0 || c->handshaking)
        return false;
    switch (pf_conn_write(c->conn, out, &sent, &err)) {
    case PF_IO_DONE:
        pf_lmtp_server_sent(c->engine, sent, now_of(c));
        return true;
    case PF_IO_WAIT:
        return false;
    case PF_IO_EOF:
    case PF_IO_FAILED:
        break;
    }
    pf_carrier_depart(c, "eof", true);
    return false;
}

/* RFC 3207 section 4.2: nothing that came in plain text is left when the handshake begins. */
static void start_tls(struct pf_carrier *c)
{
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_TLS};

    c->tls_wanted = false;
    if (c->in_len)
        pf_fail(&tell.err, PF_STATE, 0, "starttls", "%zu octets were pipelined behind STARTTLS", c->in_len);
    else
        pf_conn_start_tls(c->conn, pf_tls_at(c->generation->tls, c->listen), &tell.err);
    if (tell.err.code != PF_OK)
        pf_carrier_tell(c, &tell);
    else
        c->handshaking = true;
}

/* What waits for an empty output. */
static bool when_empty(struct pf_carrier *c)
{
    bool stuck = c->close_wanted && strcmp(c->close, "stall") == 0;

    if (c->gone || !(c->tls_wanted || c->close_wanted) || (pf_lmtp_server_out(c->engine).len && !stuck))
        return false;
    if (c->close_wanted)
        pf_carrier_depart(c, c->close, stuck);
    else
        start_tls(c);
    return !c->gone;
}

/* Asks the loop for what is needed next, and gives back what is not. */
static void settle(struct pf_carrier *c)
{
    unsigned want = (may_read(c) ? PF_CONN_READ : 0) | (pf_lmtp_server_out(c->engine).len ? PF_CONN_WRITE : 0);

    pf_conn_want(c->conn, c->handshaking ? 0 : want);
    pf_timer_set(c->timer, c->handshaking ? now_of(c) + c->generation->conf->login_time
                                          : pf_lmtp_server_deadline(c->engine));
    if (c->in_len == 0)
        give(c, &c->in, PF_SHELF_OF_LARGE);
    give(c, &c->text, PF_SHELF_OF_LARGE); /* the post has copied it */
    if (c->out && pf_lmtp_server_unlend(c->engine))
        give(c, &c->out, PF_SHELF_OF_SMALL);
}

/* One step; true when something moved. */
static bool step(struct pf_carrier *c)
{
    bool moved = feed(c);

    while (!c->gone && answer(c))
        moved = true;
    if (!c->gone)
        moved |= flush(c);
    if (!c->gone)
        moved |= when_empty(c);
    return moved && !c->gone;
}

void pf_carrier_turn(struct pf_carrier *c)
{
    int steps = 0;

    while (!c->gone && c->engine && lend(c) && steps < STEPS_MAX && step(c))
        steps++;
    if (c->gone || !c->engine)
        return;
    settle(c);
    if (steps == STEPS_MAX)
        pf_carrier_soon(c);
}

static void turn_again(struct pf_later *later)
{
    struct pf_carrier *c = (struct pf_carrier *)(void *)((char *)later - offsetof(struct pf_carrier, again));

    if (!c->gone)
        pf_carrier_turn(c);
    else if (c->letters == 0)
        pf_dock_bury(c);
}

static void serve(struct pf_carrier *c)
{
    c->engine =
        pf_lmtp_server_new(&c->generation->engines[c->listen], pf_proxied_encrypted(pf_conn_info(c->conn)), now_of(c));
    if (!c->engine) {
        pf_carrier_depart(c, "memory", true);
        return;
    }
    if (pf_proxied_hands_on(&c->generation->conf->listens[c->listen], pf_conn_info(c->conn)))
        pf_lmtp_server_xclient(c->engine);
    pf_carrier_turn(c);
}

static void log_tls_failed(struct pf_carrier *c, const struct pf_err *err)
{
    struct pf_field fields[] = {PF_TEXT_FIELD("address", pf_conn_info(c->conn)->peer),
                                PF_TEXT_FIELD("err", err->log)};

    pf_stats_count(c->dock->stats, PF_STAT_tls_failures_total, "delivery", NULL, 1);
    pf_log_event(c->dock->parts.log, PF_EVENT_tls_failed, fields, 2);
}

static void tls_ended(struct pf_carrier *c)
{
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_TLS};

    c->handshaking = false;
    pf_conn_tls_result(c->conn, &tell.err);
    if (tell.err.code != PF_OK)
        log_tls_failed(c, &tell.err);
    if (c->engine) {
        pf_carrier_tell(c, &tell);
        pf_carrier_turn(c);
    } else if (tell.err.code == PF_OK) {
        serve(c);
    } else {
        pf_carrier_depart(c, "tls", true);
    }
}

/* As in guest_proxy.c. */
static void complain(struct pf_carrier *c, const char *why)
{
    struct pf_field fields[] = {PF_TEXT_FIELD("what", "PROXY header"),
                                PF_TEXT_FIELD("address", pf_conn_info(c->conn)->peer), PF_TEXT_FIELD("err", why)};

    pf_log_event(c->dock->parts.log, PF_EVENT_trouble, fields, 3);
    pf_carrier_depart(c, "refused", true);
}

static void welcome(struct pf_carrier *c);

static void read_header(struct pf_carrier *c)
{
    struct pf_proxied proxied = {.at = take(c, &c->in, PF_SHELF_OF_LARGE), .len = c->in_len};

    if (!proxied.at)
        return;
    switch (pf_proxied_read(&proxied, c->conn, &c->generation->conf->listens[c->listen])) {
    case PF_PROXIED_MORE:
        c->in_len = proxied.len;
        break;
    case PF_PROXIED_DONE:
        c->in_len = 0;
        give(c, &c->in, PF_SHELF_OF_LARGE);
        c->proxying = false;
        welcome(c);
        break;
    case PF_PROXIED_BAD:
        complain(c, proxied.why);
        break;
    case PF_PROXIED_GONE:
        pf_carrier_depart(c, "eof", true);
        break;
    }
}

void pf_carrier_wake(void *self, unsigned what)
{
    struct pf_carrier *c = self;

    if (c->gone)
        return;
    if (c->proxying)
        read_header(c);
    else if (what & PF_CONN_TLS)
        tls_ended(c);
    else
        pf_carrier_turn(c);
}

static void timeout(struct pf_timer *timer, void *self)
{
    struct pf_carrier *c = self;

    (void)timer;
    if (c->proxying) {
        complain(c, "it did not come in time");
        return;
    }
    if (c->handshaking) {
        pf_carrier_depart(c, "tls", true);
        return;
    }
    pf_lmtp_server_feed(c->engine, (struct pf_bytes){0}, now_of(c));
    pf_carrier_turn(c);
}

void pf_carrier_begin(struct pf_carrier *c)
{
    c->again.run = turn_again;
    c->timer = pf_timer_new(c->dock->parts.loop, timeout, c);
    if (!c->timer) {
        pf_carrier_depart(c, "memory", true);
        return;
    }
    if (!c->proxying) {
        welcome(c);
        return;
    }
    pf_conn_want(c->conn, PF_CONN_READ);
    pf_timer_set(c->timer, c->came + c->generation->conf->first_command_time);
}

static void welcome(struct pf_carrier *c)
{
    struct pf_err err;

    if (c->generation->conf->listens[c->listen].tls != PF_CONF_TLS_IMPLICIT) {
        serve(c);
        return;
    }
    c->handshaking = true;
    pf_timer_set(c->timer, c->came + c->generation->conf->login_time);
    if (pf_conn_start_tls(c->conn, pf_tls_at(c->generation->tls, c->listen), &err) != PF_OK) {
        log_tls_failed(c, &err);
        pf_carrier_depart(c, "tls", true);
    }
}

static void log_end(struct pf_carrier *c, const char *close)
{
    const struct pf_conn_info *info = pf_conn_info(c->conn);
    struct pf_proxied_text told;
    struct pf_field fields[] = {
        PF_TEXT_FIELD("address", info->peer),
        PF_TEXT_FIELD("tls", pf_proxied_tls(info, &told)),
        PF_NUMBER_FIELD("ms", (uint64_t)(now_of(c) - c->came)),
        PF_NUMBER_FIELD("messages", c->messages),
        PF_NUMBER_FIELD("delivered", c->delivered),
        PF_NUMBER_FIELD("failed", c->failed),
        PF_TEXT_FIELD("end", close),
    };

    pf_log_event(c->dock->parts.log, PF_EVENT_delivery, fields, sizeof fields / sizeof fields[0]);
}

void pf_carrier_depart(struct pf_carrier *c, const char *close, bool abrupt)
{
    if (c->gone)
        return;
    if (!c->proxying)
        log_end(c, close); /* nobody was here before the proxy said who */
    c->gone = true;
    pf_carrier_drop(c);
    pf_timer_free(c->timer);
    c->timer = NULL;
    pf_dock_unlist(c);
    pf_conn_close(c->conn, abrupt);
    c->conn = NULL;
    give(c, &c->in, PF_SHELF_OF_LARGE);
    give(c, &c->text, PF_SHELF_OF_LARGE);
    c->in_len = 0;
    pf_carrier_soon(c); /* the caller may still hold it */
}
