#include "session/call_private.h"

#include "base/text.h"
#include "base/words.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 30000 /* connecting, handshake: a slow server has answered by then */ };

static void fill_facts(struct pf_call *call)
{
    const struct pf_conn_info *info = pf_conn_info(call->conn);

    call->facts.tls_version = info->tls_version;
    call->facts.tls_cipher = info->tls_cipher;
    call->facts.checked = pf_tls_client_checked(call->tls);
    call->facts.encrypted = pf_call_since(call);
}

pf_time pf_call_since(const struct pf_call *call)
{
    pf_time ms = pf_loop_now(call->loop) - call->began;

    return ms > 0 ? ms : 1; /* 0 is "not yet" */
}

bool pf_call_alive(const struct pf_call *call)
{
    return !call->freed && call->stage != PF_CALL_OVER;
}

/* The engine's clock stands while the owner holds the call: what could not be heard meanwhile is not
 * late. */
pf_time pf_call_now(const struct pf_call *call)
{
    pf_time now = pf_loop_now(call->loop);

    return now - call->paused - (call->held ? now - call->held_since : 0);
}

/* Closes what is open. What was found out stays. */
static void hang_up(struct pf_call *call, bool abrupt)
{
    pf_dial_free(call->dial);
    call->dial = NULL;
    if (call->conn)
        pf_conn_close(call->conn, abrupt);
    call->conn = NULL;
    pf_call_login_free(call);
    if (call->secret)
        pf_wipe(call->secret, call->secret_len);
    free(call->secret);
    call->secret = NULL;
    if (call->clock)
        pf_timer_clear(call->clock);
    if (call->kick)
        pf_timer_clear(call->kick);
}

/* Not inlined: a compiler that sees free() in two turns, one within the other, takes the depth for no guard. */
__attribute__((noinline)) static void release(struct pf_call *call)
{
    pf_tls_client_free(call->tls);
    pf_pop3_client_free(call->engine);
    pf_timer_free(call->clock);
    pf_timer_free(call->kick);
    pf_wipe(call->in, sizeof call->in);
    free(call);
}

void pf_call_enter(struct pf_call *call)
{
    call->depth++;
}

void pf_call_leave(struct pf_call *call)
{
    if (--call->depth == 0 && call->freed)
        release(call);
}

void pf_call_free(struct pf_call *call)
{
    if (!call)
        return;
    assert(!call->freed);
    call->freed = true;
    hang_up(call, false);
    if (call->depth == 0)
        release(call);
}

void pf_call_end(struct pf_call *call, const struct pf_err *err)
{
    if (!pf_call_alive(call))
        return;
    call->stage = PF_CALL_OVER;
    hang_up(call, false);
    call->calls.gone(call->self, call, err);
}

void pf_call_fail(struct pf_call *call, enum pf_code code, const char *format, ...)
{
    char text[PF_ERR_LOG];
    struct pf_err err = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, pf_words(format), args);
    va_end(args);
    pf_fail(&err, code, 0, "call", "%s", text);
    pf_call_end(call, &err);
}

void pf_call_kick(struct pf_call *call)
{
    if (pf_call_alive(call))
        pf_timer_set(call->kick, pf_loop_now(call->loop));
}

static bool hear_all(struct pf_call *call)
{
    struct pf_heard heard;
    bool any = false;

    while (pf_call_alive(call) && call->engine && !call->held &&
           pf_pop3_client_event(call->engine, &heard)) {
        any = true;
        if (heard.kind == PF_HEARD_LOST) {
            struct pf_err why = {0};

            pf_call_note_lost(call, heard.lost);
            pf_call_why(call, &heard, &why);
            pf_call_end(call, &why);
        } else if (call->looks && heard.verb == PF_VERB_CAPA) {
            call->looks = heard.kind != PF_HEARD_END; /* nobody asked but us */
        } else if (call->stage == PF_CALL_READY) {
            call->calls.heard(call->self, call, &heard);
        } else {
            pf_call_step(call, &heard);
        }
    }
    return any;
}

static void write_all(struct pf_call *call)
{
    struct pf_bytes out = pf_pop3_client_out(call->engine);
    size_t len;

    while (out.len && !call->mute) {
        enum pf_io result = pf_conn_write(call->conn, out, &len, &call->io);

        if (result == PF_IO_WAIT)
            return;
        if (result != PF_IO_DONE) {
            call->mute = true; /* what the server said before it closed may still be read */
            return;
        }
        pf_pop3_client_sent(call->engine, len, pf_call_now(call));
        out = pf_pop3_client_out(call->engine);
    }
}

/* True when there is something to feed. */
static bool read_some(struct pf_call *call)
{
    enum pf_io result;

    if (call->in_at < call->in_len)
        return true;
    call->in_at = call->in_len = 0;
    if (call->eof)
        return false;
    result = pf_conn_read(call->conn, call->in, sizeof call->in, &call->in_len, &call->io);
    if (result == PF_IO_DONE)
        return true;
    call->in_len = 0;
    call->eof = result != PF_IO_WAIT;
    return false;
}

static void feed(struct pf_call *call, bool may_read)
{
    pf_time now = pf_call_now(call);
    bool some = call->in_at < call->in_len || (may_read && read_some(call));

    if (some)
        call->in_at += pf_pop3_client_feed(
            call->engine, pf_bytes_from(call->in + call->in_at, call->in_len - call->in_at), now);
    else if (call->eof)
        pf_pop3_client_eof(call->engine, now);
    else
        pf_pop3_client_feed(call->engine, (struct pf_bytes){0}, now);
}

static void start_tls(struct pf_call *call)
{
    struct pf_err err = {0};

    call->wants_tls = false;
    call->stage = PF_CALL_SHAKES;
    call->stage_end =
        pf_loop_now(call->loop) + (call->account->tls_time ? call->account->tls_time : WAIT_MS);
    if (pf_conn_start_tls_client(call->conn, call->tls, &err) != PF_OK)
        pf_call_end(call, &err);
}

/* What the engine wants of connection and clock from now on. */
static void arm(struct pf_call *call)
{
    pf_time at = call->stage_end;
    bool talks = call->conn && call->engine && call->stage != PF_CALL_SHAKES;

    if (talks) {
        bool more = pf_pop3_client_out(call->engine).len > 0 && !call->mute;
        pf_time deadline = pf_pop3_client_deadline(call->engine);

        pf_conn_want(call->conn,
                     (call->held || call->wants_tls ? 0u : PF_CONN_READ) | (more ? PF_CONN_WRITE : 0u));
        if (!call->held && deadline != PF_NEVER && deadline + call->paused < at)
            at = deadline + call->paused;
    }
    pf_timer_set(call->clock, at);
}

/* Takes what is there. One read for a turn: others on the loop have theirs, and the connection wakes
 * again. */
void pf_call_turn(struct pf_call *call, bool may_read)
{
    pf_call_enter(call);
    if (pf_call_alive(call) && call->engine && call->stage != PF_CALL_SHAKES) {
        hear_all(call);
        if (pf_call_alive(call) && !call->held && call->stage != PF_CALL_SHAKES)
            feed(call, may_read);
        while (pf_call_alive(call) && hear_all(call) && pf_call_alive(call) && !call->held)
            feed(call, false);
        if (pf_call_alive(call))
            write_all(call);
        if (pf_call_alive(call) && call->wants_tls && pf_pop3_client_out(call->engine).len == 0)
            start_tls(call);
    }
    if (pf_call_alive(call))
        arm(call);
    pf_call_leave(call);
}

static bool make_engine(struct pf_call *call, bool tls)
{
    call->engine = pf_pop3_client_new(&call->set, tls, pf_call_now(call));
    if (call->engine)
        return true;
    pf_call_fail(call, PF_NO_MEMORY, "no memory for a POP3 session");
    return false;
}

static void shaken(struct pf_call *call)
{
    struct pf_err err = {0};

    call->stage_end = PF_NEVER;
    if (pf_tls_client_result(call->tls, call->conn, &err) != PF_OK) {
        pf_call_shake_failed(call, &err);
        return;
    }
    fill_facts(call);
    if (call->engine) {
        call->stage = PF_CALL_ASKS_TLS;
        pf_pop3_client_tls(call->engine, true, pf_call_now(call));
    } else if (make_engine(call, true)) {
        pf_call_ask_capa(call, PF_CALL_OPENS);
    }
}

static void woken(void *self, unsigned what)
{
    struct pf_call *call = self;

    pf_call_enter(call);
    if (what & PF_CONN_TLS)
        shaken(call);
    pf_call_turn(call, true);
    pf_call_leave(call);
}

static void kicked(struct pf_timer *timer, void *self)
{
    struct pf_call *call = self;

    (void)timer;
    pf_call_enter(call);
    if (call->secret_here && call->wants_secret)
        pf_call_login_secret(call);
    pf_call_turn(call, true);
    pf_call_leave(call);
}

static void clock_fired(struct pf_timer *timer, void *self)
{
    struct pf_call *call = self;

    (void)timer;
    pf_call_enter(call);
    if (pf_loop_now(call->loop) >= call->stage_end && call->stage == PF_CALL_SHAKES)
        pf_call_fail(call, PF_TEMP,
                     "%.100s port %u does not answer to TLS: it may not begin with it here",
                     call->account->host, call->facts.port);
    else if (pf_loop_now(call->loop) >= call->stage_end)
        pf_call_fail(call, PF_TEMP,
                     "logging in to %.100s takes too long on this side: is a Kerberos server silent?",
                     call->account->host);
    pf_call_turn(call, true);
    pf_call_leave(call);
}

static void connected(struct pf_call *call, int fd)
{
    struct pf_err err = {0};
    pf_time looked_up = pf_dial_looked_up(call->dial) - call->began;

    call->conn = pf_conn_new(call->loop, fd, woken, call, &err);
    if (!call->conn) {
        pf_call_end(call, &err);
        return;
    }
    snprintf(call->facts.address, sizeof call->facts.address, "%s", pf_conn_info(call->conn)->peer);
    call->facts.looked_up = looked_up > 0 ? looked_up : 1;
    call->facts.connected = pf_call_since(call);
    pf_dial_free(call->dial);
    call->dial = NULL;
    if (call->account->tls == PF_CALL_IMPLICIT)
        start_tls(call);
    else if (make_engine(call, false))
        pf_call_ask_capa(call, PF_CALL_OPENS);
}

static void dialled(void *self, int fd, const struct pf_err *err)
{
    struct pf_call *call = self;

    pf_call_enter(call);
    if (fd < 0)
        pf_call_end(call, err);
    else
        connected(call, fd);
    pf_call_turn(call, false);
    pf_call_leave(call);
}

static enum pf_code make_tls(struct pf_call *call, struct pf_err *err)
{
    const struct pf_call_account *a = call->account;
    const struct pf_tls_client_settings set = {.name = a->server_name ? a->server_name : a->host,
                                               .ca = a->ca,
                                               .pins = a->pins,
                                               .unchecked = a->unchecked,
                                               .tlsa = a->tlsa,
                                               .tlsa_count = a->tlsa_count,
                                               .certificate = a->certificate,
                                               .key = a->key};

    if (a->tls == PF_CALL_PLAIN)
        return PF_OK;
    if (a->host[0] == '/' && !a->server_name)
        return pf_fail(err, PF_CONFIG, 0, "call", "TLS over a unix socket needs the server's name");
    call->tls = pf_tls_client_new(&set, err);
    return call->tls ? PF_OK : PF_CONFIG;
}

static enum pf_code init(struct pf_call *call, struct pf_err *err)
{
    const struct pf_call_account *a = call->account;
    struct pf_dial_settings dial = {.host = a->host,
                                    .port = a->port,
                                    .time = a->connect_time ? a->connect_time : WAIT_MS,
                                    .done = dialled,
                                    .self = call};

    if (dial.port == 0)
        dial.port = a->tls == PF_CALL_IMPLICIT ? 995 : 110;
    call->facts.port = dial.port;
    call->facts.careful = a->no_capa;
    call->facts.tls_version = call->facts.tls_cipher = call->facts.mechanism = call->facts.checked = "";
    call->stage_end = PF_NEVER;
    call->set = a->engine;
    if (a->tls != PF_CALL_PLAIN)
        call->set.plain_login = PF_PLAIN_NEVER;
    else if (a->user && a->engine.plain_login == PF_PLAIN_NEVER)
        return pf_fail(err, PF_NEED_TLS, 0, "call",
                       "without TLS nobody logs in, unless plain text is allowed for this account");
    call->clock = pf_timer_new(call->loop, clock_fired, call);
    call->kick = pf_timer_new(call->loop, kicked, call);
    if (!call->clock || !call->kick)
        return pf_fail(err, PF_NO_MEMORY, 0, "call", "no memory for a call");
    if (make_tls(call, err) != PF_OK)
        return PF_CONFIG;
    call->dial = pf_dial_new(call->loop, call->pool, &dial, err);
    return call->dial ? PF_OK : PF_CONFIG;
}

struct pf_call *pf_call_new(struct pf_loop *loop, struct pf_pool *pool,
                            const struct pf_call_account *account, const struct pf_call_calls *calls,
                            void *self, struct pf_err *err)
{
    struct pf_call *call = calloc(1, sizeof *call);

    if (!call) {
        pf_fail(err, PF_NO_MEMORY, 0, "call", "no memory for a call");
        return NULL;
    }
    call->loop = loop;
    call->pool = pool;
    call->account = account;
    call->calls = *calls;
    call->self = self;
    call->began = pf_loop_now_fresh(loop);
    if (init(call, err) == PF_OK)
        return call;
    pf_call_free(call);
    return NULL;
}

void pf_call_secret(struct pf_call *call, struct pf_bytes secret, const struct pf_err *err)
{
    if (!pf_call_alive(call) || !call->secret_asked || call->secret_here)
        return;
    call->secret_here = true;
    if (err && err->code != PF_OK)
        call->io = *err;
    else if ((call->secret = malloc(secret.len + 1)))
        memcpy(call->secret, secret.at, call->secret_len = secret.len);
    else
        pf_fail(&call->io, PF_NO_MEMORY, 0, "call", "no memory for a secret");
    pf_call_kick(call);
}

enum pf_code pf_call_say(struct pf_call *call, const struct pf_pop3_command *command)
{
    struct pf_pop3_command bounded = *command;
    enum pf_code code;

    if (call->stage != PF_CALL_READY)
        return PF_STATE;
    if (bounded.octets_max == 0)
        bounded.octets_max = call->account->octets_max;
    code = pf_pop3_client_say(call->engine, &bounded, pf_call_now(call));
    if (code == PF_OK && call->depth == 0)
        pf_call_kick(call);
    return code;
}

void pf_call_hold(struct pf_call *call, bool held)
{
    if (!pf_call_alive(call) || held == call->held)
        return;
    if (held)
        call->held_since = pf_loop_now(call->loop);
    else
        call->paused += pf_loop_now(call->loop) - call->held_since;
    call->held = held;
    if (call->depth == 0)
        pf_call_kick(call);
}

const struct pf_pop3_offer *pf_call_offer(const struct pf_call *call)
{
    static const struct pf_pop3_offer none;

    return call->engine ? pf_pop3_client_offer(call->engine) : &none;
}

const struct pf_call_facts *pf_call_facts(const struct pf_call *call)
{
    return &call->facts;
}

const struct pf_pop3_client_stats *pf_call_stats(const struct pf_call *call)
{
    static const struct pf_pop3_client_stats none;

    return call->engine ? pf_pop3_client_stats(call->engine) : &none;
}

struct pf_bytes pf_call_chain(const struct pf_call *call)
{
    return call->tls ? pf_tls_client_chain(call->tls) : (struct pf_bytes){0};
}
