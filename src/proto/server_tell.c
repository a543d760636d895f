#include <assert.h>

#include "base/text.h"
#include "proto/server.h"

static void ask_pass(const struct pf_pop3_server *e, struct pf_ask *ask)
{
    ask->name = pf_keep_bytes(&e->name);
    ask->secret = pf_keep_bytes(&e->secret);
}

static void ask_sasl(const struct pf_pop3_server *e, struct pf_ask *ask)
{
    ask->mechanism = e->mechanism;
    ask->secret = pf_keep_bytes(&e->secret);
    ask->has_response = e->has_response;
    ask->first = e->first;
}

static void ask_xclient(const struct pf_pop3_server *e, struct pf_ask *ask)
{
    ask->xclient = (const struct pf_xclient *)(const void *)e->secret.at;
}

static void ask_body(const struct pf_pop3_server *e, struct pf_ask *ask)
{
    ask->index = e->body.index;
    ask->octets = e->body.promised;
    ask->top = e->body.top;
}

static void ask_commit(const struct pf_pop3_server *e, struct pf_ask *ask)
{
    ask->remove = &e->drop.deleted;
    ask->seen = &e->drop.fetched;
    ask->remove_count = e->drop.listing.count - e->drop.left;
}

static void ask_close(const struct pf_pop3_server *e, struct pf_ask *ask)
{
    ask->close = e->close;
}

bool pf_server_commit_waits(const struct pf_pop3_server *e)
{
    return e->asking && !e->shown && e->asked == PF_ASK_COMMIT && e->expire_days == 0 &&
           pf_server_out_bytes(&e->out).len;
}

bool pf_pop3_server_ask(struct pf_pop3_server *e, struct pf_ask *out_ask)
{
    static void (*const fill[])(const struct pf_pop3_server *, struct pf_ask *) = {
        [PF_ASK_PASS] = ask_pass, [PF_ASK_APOP] = ask_pass,     [PF_ASK_SASL] = ask_sasl,
        [PF_ASK_BODY] = ask_body, [PF_ASK_COMMIT] = ask_commit, [PF_ASK_CLOSE] = ask_close,
        [PF_ASK_XCLIENT] = ask_xclient,
    };

    if (e->cancel) {
        e->cancel = false;
        *out_ask = (struct pf_ask){.kind = PF_ASK_CANCEL};
        return true;
    }
    if (!e->asking || e->shown || pf_server_commit_waits(e))
        return false;
    e->shown = true;
    *out_ask = (struct pf_ask){.kind = e->asked};
    if (fill[e->asked])
        fill[e->asked](e, out_ask);
    return true;
}

static struct pf_bytes words_of(const struct pf_err *err)
{
    return pf_bytes_of(pf_err_say(err));
}

static void told_auth(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    pf_keep_drop(&e->secret);
    pf_server_forget(e);
    if (tell->err.code == PF_OK)
        pf_server_ask_for(e, PF_ASK_OPEN);
    else
        pf_server_login_failed(e, tell->err.code, words_of(&tell->err));
}

static void told_challenge(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    if (++e->rounds > e->set->sasl_rounds) {
        pf_server_cancel(e);
        pf_server_login_failed(e, PF_LIMIT, PF_LIT("too many steps"));
    } else if (!pf_keep_set(&e->secret, tell->challenge)) {
        pf_server_cancel(e);
        pf_server_failed(e, PF_NO_MEMORY, pf_bytes_of(pf_verdict(PF_NO_MEMORY)->say));
    } else {
        pf_span_put(&e->out.span, PF_LIT("+ "));
        pf_server_produce_from(e, PF_PRODUCE_CHALLENGE);
    }
}

static void opened(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    unsigned char room[80];
    struct pf_span text = {room, 0, sizeof room};

    e->state = PF_IN_T;
    e->no_delete = tell->no_delete;
    /* Nothing is removed by this login, fetched or not. */
    e->expire_days = tell->no_delete ? PF_EXPIRE_NEVER : tell->expire_days;
    e->login_delay = tell->login_delay;
    e->stats.logged_in = true;
    e->stats.messages = tell->listing.count;
    e->stats.octets = tell->listing.octets;
    pf_span_decimal(&text, tell->listing.count);
    pf_span_put(&text, PF_LIT(" messages ("));
    pf_span_decimal(&text, tell->listing.octets);
    pf_span_put(&text, PF_LIT(" octets)"));
    pf_server_good(e, pf_span_bytes(&text));
}

static void told_open(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    if (tell->err.code != PF_OK) {
        pf_server_login_failed(e, tell->err.code, words_of(&tell->err));
    } else if (pf_drop_open(&e->drop, &tell->listing)) {
        opened(e, tell);
    } else {
        /* The maildrop is locked and listed already: only the end of the session frees it. */
        pf_server_failed(e, PF_NO_MEMORY, pf_bytes_of(pf_verdict(PF_NO_MEMORY)->say));
        pf_server_close(e, PF_CLOSE_MEMORY);
    }
}

/* What was said before TLS is not to be believed (RFC 2595 section 4), and there is no way back to
 * plain text. */
static void told_tls(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    pf_server_forget(e);
    if (tell->err.code == PF_OK)
        e->tls = true;
    else
        pf_server_close(e, PF_CLOSE_TLS);
}

static void told_xclient(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    pf_keep_drop(&e->secret);
    if (tell->err.code != PF_OK) {
        pf_server_failed(e, tell->err.code, words_of(&tell->err));
        pf_server_close(e, PF_CLOSE_REFUSED);
        return;
    }
    e->xclient = false;
    e->told = true;
    e->tls = e->tls || tell->transport == PF_XCLIENT_TLS;
    e->exposed = tell->transport == PF_XCLIENT_INSECURE;
    pf_server_good(e, PF_LIT("updated"));
}

static void told_body(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    pf_server_body_told(e, &tell->err);
}

static void told_commit(struct pf_pop3_server *e, const struct pf_tell *tell)
{
    if (tell->err.code == PF_OK) {
        e->stats.committed = true;
        pf_server_good(e, PF_LIT("bye"));
    } else {
        /* RFC 1939 section 6 words it; the code tells whether coming back will help. */
        pf_server_failed(e, tell->err.code, pf_bytes_of(pf_verdict(PF_PARTIAL)->say));
    }
    pf_server_close(e, PF_CLOSE_QUIT);
}

void pf_pop3_server_tell(struct pf_pop3_server *e, const struct pf_tell *tell, pf_time now)
{
    static const struct {
        unsigned asked; /* bits of enum pf_ask_kind that it answers */
        void (*told)(struct pf_pop3_server *, const struct pf_tell *);
    } answers[] = {
        [PF_TELL_AUTH] = {1u << PF_ASK_PASS | 1u << PF_ASK_APOP | 1u << PF_ASK_SASL, told_auth},
        [PF_TELL_CHALLENGE] = {1u << PF_ASK_SASL, told_challenge},
        [PF_TELL_OPEN] = {1u << PF_ASK_OPEN, told_open},
        [PF_TELL_TLS] = {1u << PF_ASK_TLS, told_tls},
        [PF_TELL_BODY] = {1u << PF_ASK_BODY, told_body},
        [PF_TELL_COMMIT] = {1u << PF_ASK_COMMIT, told_commit},
        [PF_TELL_XCLIENT] = {1u << PF_ASK_XCLIENT, told_xclient},
    };

    /* The session ended while the world was still busy with the last question. */
    if (e->closing)
        return;
    assert(e->asking && e->shown && answers[tell->kind].asked & 1u << e->asked);
    e->asking = false;
    e->now = e->idle_from = now;
    answers[tell->kind].told(e, tell);
    pf_server_leave(e);
}
