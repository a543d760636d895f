#include "session/guest.h"

#include "base/text.h"
#include "session/proxied.h"

#include <assert.h>

/* Steps of one guest in one turn of the loop: enough for a burst of pipelined
 * commands, few enough that the others get theirs. */
enum { STEPS_MAX = 32 };

/* The first octet of a TLS handshake record (RFC 8446 section 5.1); no POP3 command begins so. */
enum { TLS_HANDSHAKE = 0x16 };

pf_time pf_guest_now(const struct pf_guest_session *g)
{
    return pf_loop_now(g->hall->parts.loop);
}

static const struct pf_pop3_server_settings *profile(const struct pf_guest_session *g)
{
    return &g->generation->profiles[g->listen].engine;
}

/* Everything the engine is told goes through here. */
void pf_guest_tell(struct pf_guest_session *g, const struct pf_tell *tell)
{
    if (tell->kind == PF_TELL_BODY)
        g->body_open = false;
    else
        g->question = false;
    pf_pop3_server_tell(g->engine, tell, pf_guest_now(g));
    pf_guest_journal_look(g);
}

static void give_in(struct pf_guest_session *g)
{
    if (g->in && g->in_len == 0) {
        pf_shelf_give(&g->hall->shelf, PF_SHELF_OF_SMALL, g->in);
        g->in = NULL;
    }
}

static void give_out(struct pf_guest_session *g)
{
    if (g->out && pf_pop3_server_unlend(g->engine)) {
        pf_shelf_give(&g->hall->shelf, g->out_size, g->out);
        g->out = NULL;
    }
}

/* Small buffers before login, where strangers are; large ones behind it. */
static bool lend(struct pf_guest_session *g)
{
    bool large = pf_pop3_server_in_transaction(g->engine);

    if (g->out && large && g->out_size == PF_SHELF_OF_SMALL)
        give_out(g);
    if (g->out)
        return true;
    g->out_size = large ? PF_SHELF_OF_LARGE : PF_SHELF_OF_SMALL;
    g->out = pf_shelf_take(&g->hall->shelf, g->out_size);
    if (!g->out)
        return false;
    pf_pop3_server_lend(g->engine, g->out, large ? PF_SHELF_LARGE : PF_SHELF_SMALL);
    return true;
}

static bool may_read(const struct pf_guest_session *g)
{
    return !g->question && !g->body_open && !g->eof && !g->close_wanted && g->in_len == 0 &&
           pf_pop3_server_out(g->engine).len == 0;
}

/* Fills `in` from the connection; true when octets or the end came. */
static bool take_input(struct pf_guest_session *g)
{
    struct pf_err err;

    if (!may_read(g))
        return false;
    if (!g->in)
        g->in = pf_shelf_take(&g->hall->shelf, PF_SHELF_OF_SMALL);
    if (!g->in) {
        pf_guest_depart(g, PF_CLOSE_MEMORY, true);
        return false;
    }
    g->in_at = 0;
    switch (pf_conn_read(g->conn, g->in, PF_SHELF_SMALL, &g->in_len, &err)) {
    case PF_IO_DONE:
        g->heard = pf_guest_now(g);
        pf_guest_journal_settle(g);
        g->received += g->in_len;
        return true;
    case PF_IO_WAIT:
        g->in_len = 0;
        return false;
    case PF_IO_EOF:
        g->in_len = 0;
        g->eof = true;
        return true;
    case PF_IO_FAILED:
        break;
    }
    g->in_len = 0;
    pf_guest_depart(g, PF_CLOSE_EOF, true);
    return false;
}

static bool feed(struct pf_guest_session *g)
{
    bool moved = take_input(g);
    size_t taken;

    if (g->stage == PF_STAGE_GONE || g->question || g->body_open || g->close_wanted)
        return moved;
    taken = pf_pop3_server_feed(
        g->engine, g->in_len ? pf_bytes_from(g->in + g->in_at, g->in_len) : (struct pf_bytes){0},
        pf_guest_now(g));
    if (pf_pop3_server_secret_taken(g->engine) && taken)
        pf_wipe(g->in + g->in_at, taken);
    g->in_at += taken;
    g->in_len -= taken;
    if (g->eof && !g->eof_told && g->in_len == 0) {
        g->eof_told = true;
        pf_pop3_server_eof(g->engine, pf_guest_now(g));
        return true;
    }
    return moved || taken;
}

/* Begins what the engine asks; true when there was a question. */
static bool answer(struct pf_guest_session *g)
{
    struct pf_ask ask;

    if (!pf_pop3_server_ask(g->engine, &ask))
        return false;
    g->question = ask.kind != PF_ASK_BODY && ask.kind != PF_ASK_CANCEL && ask.kind != PF_ASK_CLOSE;
    switch (ask.kind) {
    case PF_ASK_PASS:
        pf_guest_ask_pass(g, &ask);
        break;
    case PF_ASK_APOP:
        pf_guest_ask_apop(g, &ask);
        break;
    case PF_ASK_SASL:
        pf_guest_ask_sasl(g, &ask);
        break;
    case PF_ASK_CANCEL:
        pf_guest_ask_cancel(g);
        break;
    case PF_ASK_OPEN:
        pf_guest_ask_open(g);
        break;
    case PF_ASK_XCLIENT:
        pf_guest_ask_xclient(g, &ask);
        break;
    case PF_ASK_TLS:
        g->tls_wanted = true;
        break;
    case PF_ASK_BODY:
        pf_guest_ask_body(g, &ask);
        break;
    case PF_ASK_COMMIT:
        pf_guest_ask_commit(g, &ask);
        break;
    case PF_ASK_CLOSE:
        g->close_wanted = true;
        g->close = ask.close;
        break;
    }
    return true;
}

static bool flush(struct pf_guest_session *g)
{
    struct pf_bytes out = pf_pop3_server_out(g->engine);
    struct pf_err err;
    size_t sent = 0;

    if (out.len == 0)
        return false;
    pf_conn_more(g->conn, g->close_wanted || pf_pop3_server_more(g->engine));
    switch (pf_conn_write(g->conn, out, &sent, &err)) {
    case PF_IO_DONE:
        g->sent += sent;
        pf_pop3_server_sent(g->engine, sent, pf_guest_now(g));
        pf_guest_journal_look(g);
        return true;
    case PF_IO_WAIT:
        return false;
    case PF_IO_EOF:
    case PF_IO_FAILED:
        break;
    }
    pf_guest_depart(g, PF_CLOSE_EOF, true);
    return false;
}

/* TLS-005: nothing that came in plain text may be left when the handshake begins. */
static void start_tls(struct pf_guest_session *g)
{
    struct pf_tell tell = {.kind = PF_TELL_TLS};

    g->tls_wanted = false;
    if (g->in_len)
        pf_fail(&tell.err, PF_STATE, 0, "stls", "%zu octets were pipelined behind STLS", g->in_len);
    else
        pf_conn_start_tls(g->conn, pf_tls_at(g->generation->tls, g->listen), &tell.err);
    if (tell.err.code != PF_OK)
        pf_guest_tell(g, &tell);
    else
        g->handshaking = true;
}

/* What waits for an empty output. */
static bool when_empty(struct pf_guest_session *g)
{
    bool stuck = g->close == PF_CLOSE_STALL;

    if (g->stage == PF_STAGE_GONE || !(g->tls_wanted || g->close_wanted))
        return false;
    if (pf_pop3_server_out(g->engine).len && !(g->close_wanted && stuck))
        return false;
    if (g->close_wanted)
        pf_guest_depart(g, g->close, stuck);
    else
        start_tls(g);
    return g->stage != PF_STAGE_GONE;
}

/* From STLS to the end of the handshake. */
static bool on_the_way_to_tls(const struct pf_guest_session *g)
{
    return g->tls_wanted || g->handshaking;
}

/* Asks the loop for what is needed next, and gives back what is not. */
static void settle(struct pf_guest_session *g)
{
    unsigned want = 0;

    if (may_read(g))
        want |= PF_CONN_READ;
    if (pf_pop3_server_out(g->engine).len)
        want |= PF_CONN_WRITE;
    pf_conn_want(g->conn, want);
    /* The engine sets no time for what it waits for; a handshake is the client's to end, and so is
     * the reading of the answer in front of it. */
    pf_timer_set(g->timer, on_the_way_to_tls(g) ? g->came + profile(g)->login_time
                                                : pf_pop3_server_deadline(g->engine));
    give_in(g);
    give_out(g);
    if (g->stranger && pf_pop3_server_in_transaction(g->engine)) {
        g->stranger = false;
        g->hall->strangers--;
    }
}

void pf_guest_turn(struct pf_guest_session *g)
{
    if (g->stage != PF_STAGE_SERVE)
        return;
    for (int step = 0; step < STEPS_MAX; step++) {
        bool moved;

        if (!lend(g)) {
            pf_guest_depart(g, PF_CLOSE_MEMORY, true);
            return;
        }
        moved = feed(g);
        if (g->stage != PF_STAGE_GONE)
            moved |= answer(g);
        if (g->stage != PF_STAGE_GONE)
            moved |= pf_guest_carry_body(g);
        if (g->stage != PF_STAGE_GONE)
            moved |= flush(g);
        if (g->stage != PF_STAGE_GONE)
            moved |= when_empty(g);
        if (g->stage == PF_STAGE_GONE)
            return;
        if (!moved) {
            settle(g);
            return;
        }
    }
    settle(g);
    if (!g->again.queued)
        pf_loop_later(g->hall->parts.loop, &g->again);
}

static void turn_again(struct pf_later *later)
{
    struct pf_guest_session *g =
        (struct pf_guest_session *)(void *)((char *)later - offsetof(struct pf_guest_session, again));

    if (g->stage == PF_STAGE_GONE)
        pf_guest_release(g);
    else
        pf_guest_turn(g);
}

static void serve(struct pf_guest_session *g)
{
    bool encrypted = pf_proxied_encrypted(pf_conn_info(g->conn));

    g->engine = pf_pop3_server_new(profile(g), encrypted, pf_guest_now(g));
    if (!g->engine) {
        pf_guest_depart(g, PF_CLOSE_MEMORY, true);
        return;
    }
    g->stage = PF_STAGE_SERVE;
    if (g->may_xclient)
        pf_pop3_server_xclient(g->engine);
    pf_guest_offer(g, true);
    pf_guest_turn(g);
}

static void handshake(struct pf_guest_session *g)
{
    struct pf_err err;

    g->stage = PF_STAGE_TLS;
    pf_timer_set(g->timer, g->came + profile(g)->first_command_time);
    pf_conn_want(g->conn, 0);
    if (pf_conn_start_tls(g->conn, pf_tls_at(g->generation->tls, g->listen), &err) != PF_OK) {
        pf_guest_log_tls_failed(g, &err);
        pf_guest_depart(g, PF_CLOSE_TLS, true);
    }
}

static void peek(struct pf_guest_session *g)
{
    unsigned char first;
    size_t len = 0;
    struct pf_err err;

    switch (pf_conn_peek(g->conn, &first, 1, &len, &err)) {
    case PF_IO_DONE:
        if (first == TLS_HANDSHAKE)
            handshake(g);
        else
            serve(g);
        break;
    case PF_IO_WAIT:
        break;
    case PF_IO_EOF: /* it ended its input and may still want to read the greeting */
        serve(g);
        break;
    case PF_IO_FAILED:
        pf_guest_depart(g, PF_CLOSE_EOF, true);
        break;
    }
}

static void tls_ended(struct pf_guest_session *g)
{
    struct pf_tell tell = {.kind = PF_TELL_TLS};

    g->handshaking = false;
    pf_conn_tls_result(g->conn, &tell.err);
    if (tell.err.code != PF_OK)
        pf_guest_log_tls_failed(g, &tell.err);
    if (g->stage == PF_STAGE_SERVE) {
        pf_guest_offer(g, false);
        pf_guest_tell(g, &tell);
        pf_guest_turn(g);
    } else if (tell.err.code == PF_OK) {
        serve(g);
    } else {
        pf_guest_depart(g, PF_CLOSE_TLS, true);
    }
}

void pf_guest_wake(void *self, unsigned what)
{
    struct pf_guest_session *g = self;

    if (what & PF_CONN_TLS)
        tls_ended(g);
    else if (g->proxying)
        pf_guest_proxy_wake(g);
    else if (g->stage == PF_STAGE_PEEK)
        peek(g);
    else
        pf_guest_turn(g);
}

static void timeout(struct pf_timer *timer, void *self)
{
    struct pf_guest_session *g = self;

    (void)timer;
    switch (g->stage) {
    case PF_STAGE_PEEK:
        if (g->proxying)
            pf_guest_proxy_late(g);
        else
            serve(g);
        break;
    case PF_STAGE_TLS:
        pf_guest_depart(g, PF_CLOSE_LOGIN_TIME, true);
        break;
    case PF_STAGE_SERVE:
        if (on_the_way_to_tls(g)) {
            pf_guest_depart(g, PF_CLOSE_LOGIN_TIME, true);
            break;
        }
        pf_pop3_server_feed(g->engine, (struct pf_bytes){0}, pf_guest_now(g));
        pf_guest_turn(g);
        break;
    case PF_STAGE_GONE:
        break;
    }
}

/* A fresh guest, listed and counted, with its socket in `listen` mode still unknown. */
void pf_guest_begin(struct pf_guest_session *g)
{
    const struct pf_conf *conf = g->generation->conf;

    g->again.run = turn_again;
    pf_conn_dead_after(g->conn, conf->dead_peer_time, conf->stall_time);
    g->timer = pf_timer_new(g->hall->parts.loop, timeout, g);
    if (!g->timer) {
        pf_guest_depart(g, PF_CLOSE_MEMORY, true);
        return;
    }
    if (conf->listens[g->listen].proxy)
        pf_guest_proxy_begin(g);
    else
        pf_guest_welcome(g);
}

void pf_guest_welcome(struct pf_guest_session *g)
{
    const struct pf_conf *conf = g->generation->conf;
    const struct pf_conf_listen *listen = &conf->listens[g->listen];
    bool told_tls = pf_conn_info(g->conn)->told_tls; /* then nobody begins it a second time by mistake */

    if (listen->tls == PF_CONF_TLS_IMPLICIT) {
        handshake(g);
    } else if (g->generation->tls && listen->tls_on_plain == PF_CONF_AUTO_SERVE && !told_tls) {
        g->stage = PF_STAGE_PEEK;
        pf_conn_want(g->conn, PF_CONN_READ);
        pf_timer_set(g->timer, g->came + conf->tls_peek_time);
    } else {
        serve(g);
    }
}

static void give_all(struct pf_guest_session *g)
{
    struct pf_shelf *shelf = &g->hall->shelf;

    if (g->in)
        pf_wipe(g->in + g->in_at, g->in_len); /* it may hold a password never read */
    pf_shelf_give(shelf, PF_SHELF_OF_SMALL, g->in);
    g->in = NULL;
    g->in_len = 0;
    if (!g->op_busy) { /* else the store may still write into it */
        pf_shelf_give(shelf, PF_SHELF_OF_LARGE, g->body);
        g->body = NULL;
    }
}

void pf_guest_depart(struct pf_guest_session *g, enum pf_close close, bool abrupt)
{
    if (g->stage == PF_STAGE_GONE)
        return;
    g->close = close;
    if (!g->proxying)
        pf_guest_log_end(g); /* nobody was here before the proxy said who */
    pf_guest_journal_end(g, abrupt);
    g->stage = PF_STAGE_GONE;
    pf_guest_drop_login(g);
    pf_hold_forget(g);
    pf_timer_free(g->timer);
    g->timer = NULL;
    pf_hall_unlist(g);
    pf_conn_close(g->conn, abrupt);
    g->conn = NULL;
    give_all(g);
    /* The caller may still hold g: the rest happens on a later turn. */
    if (!g->again.queued)
        pf_loop_later(g->hall->parts.loop, &g->again);
}

void pf_guest_kick(struct pf_guest_session *g)
{
    g->kicked = true;
    pf_guest_depart(g, PF_CLOSE_SHUTDOWN, false);
}
