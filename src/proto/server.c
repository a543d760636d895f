#include "proto/server.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/reply.h"
#include "proto/server_cmd.h"
#include "proto/server_time.h"

void pf_pop3_server_settings_init(struct pf_pop3_server_settings *out_settings)
{
    *out_settings = (struct pf_pop3_server_settings){
        .greeting = "server ready",
        .last = true,
        .expire_days = PF_EXPIRE_NEVER,
        .line_max = 1024,        /* four times what RFC 2449 section 4 asks for */
        .sasl_line_max = 65536,  /* Kerberos tickets and OAuth tokens */
        .bad_before_login = 10,
        .bad_after_login = 20,
        .login_tries = 10,       /* Mozilla tries up to eight ways on one connection */
        .sasl_rounds = 16,
        .first_command_time = 60 * 1000,
        .login_time = 180 * 1000,
        .idle_time = 600 * 1000, /* RFC 1939 section 3: at least ten minutes */
        .stall_time = 600 * 1000,
    };
}

struct pf_pop3_server *pf_pop3_server_new(const struct pf_pop3_server_settings *set, bool tls,
                                          pf_time now)
{
    struct pf_pop3_server *e = malloc(sizeof *e);

    if (!e)
        return NULL;
    *e = (struct pf_pop3_server){.set = set,
                                 .state = PF_IN_A0,
                                 .mechanisms = UINT64_MAX,
                                 .fresh = true,
                                 .tls = tls,
                                 .now = now,
                                 .start = now,
                                 .idle_from = now,
                                 .stall_from = now};
    pf_line_init(&e->line);
    return e;
}

void pf_pop3_server_free(struct pf_pop3_server *e)
{
    if (!e)
        return;
    pf_line_done(&e->line);
    pf_keep_drop(&e->name);
    pf_keep_drop(&e->secret);
    pf_keep_drop(&e->timestamp);
    pf_drop_close(&e->drop);
    pf_wipe(e, sizeof *e);
    free(e);
}

void pf_pop3_server_offer(struct pf_pop3_server *e, uint64_t mechanisms)
{
    e->mechanisms = mechanisms;
}

/* What clients check before they trust it with a digest: "<left@right>", visible ASCII. */
static bool is_timestamp(struct pf_bytes text)
{
    struct pf_bytes inner;
    size_t at;

    if (text.len < 5 || text.len > PF_TIMESTAMP_MAX || text.at[0] != '<' || text.at[text.len - 1] != '>')
        return false;
    inner = pf_bytes_from(text.at + 1, text.len - 2);
    for (size_t i = 0; i < inner.len; i++)
        if (inner.at[i] <= 0x20 || inner.at[i] >= 0x7f || inner.at[i] == '<' || inner.at[i] == '>')
            return false;
    at = pf_find(inner, '@');
    return at > 0 && at + 1 < inner.len && pf_find(pf_bytes_skip(inner, at + 1), '@') == inner.len - at - 1;
}

void pf_pop3_server_apop(struct pf_pop3_server *e, const char *timestamp)
{
    struct pf_bytes text = pf_bytes_of(timestamp);

    assert(!e->greeted);
    e->apop = is_timestamp(text) && pf_keep_set(&e->timestamp, text);
}

void pf_pop3_server_xclient(struct pf_pop3_server *e)
{
    assert(!e->greeted);
    e->xclient = true;
}

void pf_pop3_server_refuse(struct pf_pop3_server *e, const struct pf_err *why)
{
    assert(!e->greeted && why->code != PF_OK);
    e->farewell = why->code;
    pf_keep_set(&e->name, pf_bytes_of(pf_err_say(why))); /* without memory: the verdict's words */
}

bool pf_server_may_show_secrets(const struct pf_pop3_server *e)
{
    return (e->tls && !e->exposed) || e->set->plaintext_login;
}

/* What has no bit of its own cannot be told apart: offered only where everything is. */
bool pf_server_offers(const struct pf_pop3_server *e, size_t index)
{
    return index < 64 ? e->mechanisms >> index & 1 : e->mechanisms == UINT64_MAX;
}

void pf_server_good(struct pf_pop3_server *e, struct pf_bytes text)
{
    e->bad_row = 0;
    pf_reply_ok(&e->out.span, text);
}

void pf_server_failed(struct pf_pop3_server *e, enum pf_code code, struct pf_bytes text)
{
    pf_reply_err(&e->out.span, code, text);
}

static void say(struct pf_pop3_server *e, enum pf_code code)
{
    pf_server_failed(e, code, pf_bytes_of(pf_verdict(code)->say));
}

void pf_server_bad_text(struct pf_pop3_server *e, enum pf_code code, struct pf_bytes text)
{
    unsigned limit = e->state == PF_IN_T ? e->set->bad_after_login : e->set->bad_before_login;

    e->stats.bad_commands++;
    e->bad_row++;
    if (limit == 0 || e->bad_row < limit) {
        pf_server_failed(e, code, text);
        return;
    }
    say(e, PF_LIMIT);
    pf_server_close(e, PF_CLOSE_BAD);
}

void pf_server_bad(struct pf_pop3_server *e, enum pf_code code)
{
    pf_server_bad_text(e, code, pf_bytes_of(pf_verdict(code)->say));
}

/* Only what the client's credentials caused: a patient client that meets [IN-USE] or a broken disk
 * guesses nothing. The limit on the time before login ends that one, too. */
static bool is_guess(enum pf_code code)
{
    return code == PF_AUTH || code == PF_NO_USER || code == PF_NEED_TLS || code == PF_SYNTAX ||
           code == PF_LIMIT;
}

void pf_server_login_failed(struct pf_pop3_server *e, enum pf_code code, struct pf_bytes text)
{
    e->stats.login_failures++;
    e->failed_logins += is_guess(code);
    if (!is_guess(code) || e->set->login_tries == 0 || e->failed_logins < e->set->login_tries) {
        pf_server_failed(e, code, text);
        return;
    }
    /* The code stays: AUTH-RESP-CODE promises [AUTH] for each of them (RFC 3206 section 6). */
    pf_server_failed(e, code, PF_LIT("too many failed logins"));
    pf_server_close(e, PF_CLOSE_TRIES);
}

void pf_server_ask_for(struct pf_pop3_server *e, enum pf_ask_kind kind)
{
    e->asking = true;
    e->shown = false;
    e->asked = kind;
    e->tried = e->tried || kind == PF_ASK_PASS || kind == PF_ASK_APOP || kind == PF_ASK_SASL;
}

void pf_server_close(struct pf_pop3_server *e, enum pf_close why)
{
    if (e->closing)
        return;
    pf_server_forget(e);
    pf_keep_drop(&e->secret);
    pf_line_done(&e->line);
    e->closing = true;
    e->close = why;
    e->cancel = false;
    e->producing = PF_PRODUCE_NOTHING;
    pf_server_out_forget(&e->out); /* the listing goes with the session */
    pf_server_ask_for(e, PF_ASK_CLOSE);
}

void pf_server_forget(struct pf_pop3_server *e)
{
    pf_keep_drop(&e->name);
    e->mechanism = NULL;
    if (e->state == PF_IN_A1)
        e->state = PF_IN_A0;
}

void pf_server_cancel(struct pf_pop3_server *e)
{
    pf_server_forget(e);
    pf_keep_drop(&e->secret);
    e->cancel = true;
}

/* The first line of all: a greeting, or why there is none; and the last line of a server that goes
 * down. */
static void greet(struct pf_pop3_server *e)
{
    bool refused = !e->greeted && e->farewell != PF_OK;

    if (!pf_server_out_lent(&e->out) || !pf_server_out_room(&e->out, PF_REPLY_MAX))
        return;
    if (e->farewell != PF_OK) {
        pf_server_failed(e, e->farewell, e->name.set ? pf_keep_bytes(&e->name)
                                                     : pf_bytes_of(pf_verdict(e->farewell)->say));
        e->farewell = PF_OK;
        if (refused)
            pf_server_close(e, PF_CLOSE_REFUSED);
    } else if (!e->greeted && !e->closing) {
        pf_reply_greeting(&e->out.span, e->xclient ? PF_LIT("[XCLIENT] ") : PF_LIT(""),
                          pf_bytes_of(e->set->greeting ? e->set->greeting : ""), pf_keep_bytes(&e->timestamp));
        pf_keep_drop(&e->timestamp);
    }
    e->greeted = true;
}

/* Between answers only (RFC 1939 knows no line that was not asked for): what the client is owed is
 * complete, and now the session may end. */
static void end_if_due(struct pf_pop3_server *e)
{
    if (e->asking || e->producing || e->farewell != PF_OK)
        return;
    if (e->going_down) {
        e->farewell = e->yielding ? PF_YIELDED : PF_SHUTDOWN;
        e->greeted = true;
        pf_server_close(e, e->yielding ? PF_CLOSE_YIELDED : PF_CLOSE_SHUTDOWN);
        greet(e);
    } else if (e->eof) {
        pf_server_close(e, PF_CLOSE_EOF);
    }
}

static void note_output(struct pf_pop3_server *e, bool timed)
{
    bool pending = pf_server_out_bytes(&e->out).len != 0;

    if (pending && !e->pending) {
        e->stall_from = e->now;
        e->stall_unsure = !timed;
    }
    e->pending = pending;
}

void pf_server_noticed_output(struct pf_pop3_server *e)
{
    note_output(e, false);
}

static void leave(struct pf_pop3_server *e, bool timed)
{
    if (!e->greeted || e->farewell != PF_OK)
        greet(e);
    pf_server_produce(e);
    end_if_due(e);
    note_output(e, timed);
}

void pf_server_leave(struct pf_pop3_server *e)
{
    leave(e, true);
}

void pf_pop3_server_lend(struct pf_pop3_server *e, unsigned char *at, size_t cap)
{
    assert(at && cap >= PF_POP3_OUT_MIN && !pf_server_out_lent(&e->out));
    e->out = (struct pf_server_out){.span = {at, 0, cap}};
    leave(e, false);
}

bool pf_pop3_server_unlend(struct pf_pop3_server *e)
{
    if (e->out.span.len || e->out.ready.len || e->producing || (e->asking && !e->closing))
        return false;
    e->out = (struct pf_server_out){0};
    return true;
}

/* TLS where plain text begins: the first octets are a handshake record. */
static bool looks_like_tls(const struct pf_pop3_server *e, struct pf_bytes in)
{
    unsigned char first[2];
    size_t n = e->line.head_len < 2 ? e->line.head_len : 2;

    if (!e->fresh || e->tls)
        return false;
    memcpy(first, e->line.head, n);
    for (size_t i = 0; n < 2 && i < in.len; i++)
        first[n++] = in.at[i];
    return n == 2 && first[0] == 0x16 && first[1] == 0x03;
}

static void no_memory(struct pf_pop3_server *e)
{
    say(e, PF_NO_MEMORY);
    pf_server_close(e, PF_CLOSE_MEMORY);
}

static void too_long(struct pf_pop3_server *e)
{
    if (e->mechanism)
        pf_server_cancel(e);
    pf_server_forget(e);
    pf_server_bad(e, PF_TOO_LONG);
}

static void line_ended(struct pf_pop3_server *e, const struct pf_line_got *got)
{
    bool response = e->mechanism != NULL;

    e->fresh = false;
    e->idle_from = e->now;
    e->stats.commands += !response;
    if (got->end == PF_LINE_TOO_LONG)
        too_long(e);
    else if (response)
        pf_server_response(e, got->line);
    else
        pf_server_command(e, got->line);
    pf_line_done(&e->line);
    pf_server_produce(e);
}

static size_t take(struct pf_pop3_server *e, struct pf_bytes in)
{
    struct pf_line_limits limits = {e->set->line_max, e->set->sasl_line_max};
    struct pf_line_got got;

    if (looks_like_tls(e, in)) {
        pf_server_failed(e, PF_PERM, PF_LIT("this port begins in plain text: use STLS, or TLS on port 995"));
        pf_server_close(e, PF_CLOSE_TLS_ON_PLAIN);
        return in.len;
    }
    if (e->mechanism)
        limits.plain = limits.auth;
    pf_line_take(&e->line, in, &limits, &got);
    /* A part of a line before login may become the base64 of a refused AUTH. */
    if (got.secret || e->mechanism || (got.end == PF_LINE_PART && e->state != PF_IN_T))
        e->secret_taken = true;
    e->behind = in.len - got.taken;
    if (got.end == PF_LINE_NO_MEMORY)
        no_memory(e);
    else if (got.end != PF_LINE_PART)
        line_ended(e, &got);
    return got.taken;
}

static bool may_take(struct pf_pop3_server *e)
{
    return !e->asking && !e->cancel && !e->producing && e->greeted && !e->eof && !e->going_down &&
           pf_server_out_room(&e->out, PF_REPLY_MAX);
}

size_t pf_pop3_server_feed(struct pf_pop3_server *e, struct pf_bytes in, pf_time now)
{
    size_t taken = 0;

    e->now = now;
    while (taken < in.len && may_take(e))
        taken += take(e, pf_bytes_skip(in, taken));
    pf_server_leave(e);
    /* Only now: a command that came in time counts, however late it is looked at. */
    pf_server_tick(e, now);
    return taken;
}

bool pf_pop3_server_secret_taken(struct pf_pop3_server *e)
{
    bool taken = e->secret_taken;

    e->secret_taken = false;
    return taken;
}

void pf_pop3_server_eof(struct pf_pop3_server *e, pf_time now)
{
    e->now = now;
    e->eof = true;
    pf_server_leave(e);
}

void pf_pop3_server_shutdown(struct pf_pop3_server *e, pf_time now)
{
    e->now = now;
    e->going_down = true;
    pf_server_leave(e);
}

void pf_pop3_server_yield(struct pf_pop3_server *e, pf_time now)
{
    e->yielding = true;
    pf_pop3_server_shutdown(e, now);
}

struct pf_bytes pf_pop3_server_out(const struct pf_pop3_server *e)
{
    return pf_server_out_bytes(&e->out);
}

bool pf_pop3_server_more(const struct pf_pop3_server *e)
{
    return e->producing != PF_PRODUCE_NOTHING || pf_server_out_bytes(&e->out).len < pf_server_out_waiting(&e->out);
}

void pf_pop3_server_sent(struct pf_pop3_server *e, size_t n, pf_time now)
{
    e->now = now;
    pf_server_out_sent(&e->out, n);
    if (n) {
        e->stall_from = e->idle_from = now;
        e->stall_unsure = false;
    }
    pf_server_leave(e);
}

const struct pf_pop3_server_stats *pf_pop3_server_stats(const struct pf_pop3_server *e)
{
    return &e->stats;
}

bool pf_pop3_server_in_transaction(const struct pf_pop3_server *e)
{
    return e->state == PF_IN_T && !e->stats.quit;
}
