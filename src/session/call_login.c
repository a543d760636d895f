#include "session/call_private.h"

#include "auth/initiate.h"
#include "base/text.h"
#include "base/words.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BINDING = 64,
    STEP_MS = 120000 /* a Kerberos server far away, ten million iterations on a slow machine */
};
enum { TAG_USER = 1, TAG_PASS };

/* An exchange; its thread may outlive the call, so all that it needs is in it. */
struct pf_call_login {
    struct pf_job job;
    struct pf_call *call; /* NULL: nobody waits */
    struct pf_call_pick pick;
    struct pf_initiate *initiate;
    struct pf_initiate_settings set;
    struct pf_initiate_told told;
    struct pf_err err;
    enum pf_initiate_step result;
    bool said;   /* AUTH was */
    bool proved; /* something was said that the secret was needed for */
    bool failed; /* err is why it must not succeed */
    unsigned char *challenge;
    size_t challenge_len;
    unsigned char exporter[BINDING], unique[BINDING];
    size_t len; /* of what follows: name, secret, other name, host, port */
    unsigned char text[];
};

static void forget(struct pf_call_login *l)
{
    pf_initiate_free(l->initiate);
    free(l->challenge);
    pf_wipe(l, sizeof *l + l->len);
    free(l);
}

void pf_call_login_free(struct pf_call *call)
{
    struct pf_call_login *l = call->login;

    call->login = NULL;
    call->wants_secret = false;
    if (l && l->job.busy)
        l->call = NULL;
    else if (l)
        forget(l);
}

static struct pf_bytes keep(struct pf_call_login *l, size_t *at, const void *text, size_t len)
{
    struct pf_bytes kept = {l->text + *at, len};

    if (len)
        memcpy(l->text + *at, text, len);
    l->text[*at + len] = 0;
    *at += len + 1;
    return kept;
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

static void bind(struct pf_call *call, struct pf_call_login *l)
{
    size_t len =
        call->spent ? 0 : pf_conn_binding(call->conn, PF_BINDING_EXPORTER, l->exporter, BINDING);

    l->set.exporter = pf_bytes_from(l->exporter, len);
    len = pf_conn_binding(call->conn, PF_BINDING_UNIQUE, l->unique, BINDING);
    l->set.unique = pf_bytes_from(l->unique, len);
    l->set.plus_offered = strstr(pf_pop3_client_offer(call->engine)->mechanisms, "-PLUS") != NULL;
}

static struct pf_call_login *make(struct pf_call *call, const struct pf_call_pick *pick)
{
    const struct pf_call_account *a = call->account;
    const char *host = a->server_name ? a->server_name : a->host;
    size_t len = length(a->user) + call->secret_len + length(a->acts_for) + length(host) + 16, at = 0;
    struct pf_call_login *l = calloc(1, sizeof *l + len);
    char port[8];

    if (!l)
        return NULL;
    l->len = len;
    l->call = call;
    l->pick = *pick;
    l->set.mechanism = pick->name;
    l->set.name = keep(l, &at, a->user, length(a->user));
    if (pick->wants_secret)
        l->set.secret = keep(l, &at, call->secret, call->secret_len);
    l->set.acts_for = keep(l, &at, a->acts_for, length(a->acts_for));
    l->set.hostname = (const char *)keep(l, &at, host, length(host)).at;
    snprintf(port, sizeof port, "%u", call->facts.port & 0xFFFF);
    l->set.port = (const char *)keep(l, &at, port, length(port)).at;
    bind(call, l);
    return l;
}

static void try_next(struct pf_call *call);

static void go_on_with_next(struct pf_call *call)
{
    pf_call_login_free(call);
    call->candidate++;
    try_next(call);
}

static void first_step_done(struct pf_call *call, struct pf_call_login *l)
{
    bool shows = (l->pick.row->needs & PF_INITIATE_SHOWS) != 0;
    struct pf_pop3_command auth = {.verb = PF_VERB_AUTH,
                                   .name = pf_bytes_of(l->pick.name),
                                   .secret = l->told.response,
                                   .has_initial = l->result == PF_INITIATE_SEND,
                                   .hidden = !shows};

    if (l->result == PF_INITIATE_FAILED) {
        call->io = l->err;
        go_on_with_next(call);
        return;
    }
    l->said = true;
    l->proved = shows && auth.has_initial;
    pf_call_ask(call, &auth);
}

static void respond(struct pf_call *call, struct pf_call_login *l)
{
    pf_time now = pf_call_now(call);

    if (pf_pop3_client_respond(call->engine, l->told.response, now) != PF_OK) {
        pf_fail(&l->err, PF_TOO_LONG, 0, "call", "%s: a response is too long to be said", l->pick.name);
        l->failed = true;
        pf_pop3_client_cancel(call->engine, now);
    }
}

static void later_step_done(struct pf_call *call, struct pf_call_login *l)
{
    struct pf_bytes why = pf_bytes_head(l->told.refusal, 200);

    if (l->result != PF_INITIATE_SEND) {
        l->failed = true;
        pf_pop3_client_cancel(call->engine, pf_call_now(call));
        return;
    }
    if (l->told.refused) {
        l->failed = true;
        pf_fail(&l->err, PF_AUTH, 0, "call", "%.80s refuses the token: %.*s", call->account->host,
                (int)why.len, why.at);
    }
    l->proved = true;
    respond(call, l);
}

static void step(struct pf_job *job)
{
    struct pf_call_login *l =
        (struct pf_call_login *)((char *)job - offsetof(struct pf_call_login, job));

    l->result =
        pf_initiate_step(l->initiate, pf_bytes_from(l->challenge, l->challenge_len), &l->told, &l->err);
}

static void stepped(struct pf_job *job)
{
    struct pf_call_login *l =
        (struct pf_call_login *)((char *)job - offsetof(struct pf_call_login, job));
    struct pf_call *call = l->call;

    if (!call) {
        forget(l);
        return;
    }
    pf_call_enter(call);
    call->stage_end = PF_NEVER;
    call->spent |= l->told.spent;
    if (l->said)
        later_step_done(call, l);
    else
        first_step_done(call, l);
    pf_call_turn(call, false);
    pf_call_leave(call);
}

static void submit(struct pf_call *call, struct pf_call_login *l)
{
    l->job = (struct pf_job){.work = step, .done = stepped};
    call->stage_end = pf_loop_now(call->loop) + STEP_MS;
    if (!pf_pool_submit(call->pool, &l->job))
        pf_call_fail(call, PF_BUSY, "too many logins at once");
}

static void begin_sasl(struct pf_call *call, const struct pf_call_pick *pick)
{
    struct pf_call_login *l = make(call, pick);

    if (!l) {
        pf_call_fail(call, PF_NO_MEMORY, "no memory to log in");
        return;
    }
    call->login = l;
    l->initiate = pf_initiate_new(&l->set, &l->err);
    if (l->initiate) {
        submit(call, l);
        return;
    }
    call->io = l->err;
    go_on_with_next(call);
}

static void begin_user(struct pf_call *call)
{
    struct pf_bytes secret = pf_bytes_from(call->secret, call->secret_len);

    if (pf_call_ask(call, &(struct pf_pop3_command){.verb = PF_VERB_USER,
                                                    .tag = TAG_USER,
                                                    .name = pf_bytes_of(call->account->user)}))
        pf_call_ask(call,
                    &(struct pf_pop3_command){.verb = PF_VERB_PASS, .tag = TAG_PASS, .secret = secret});
}

static void begin_apop(struct pf_call *call)
{
    char digest[33];
    struct pf_bytes secret = pf_bytes_from(call->secret, call->secret_len);

    if (!pf_initiate_apop(pf_pop3_client_timestamp(call->engine), secret, digest))
        pf_call_fail(call, PF_PERM, "the digest of APOP cannot be computed here");
    else
        pf_call_ask(call, &(struct pf_pop3_command){.verb = PF_VERB_APOP,
                                                    .name = pf_bytes_of(call->account->user),
                                                    .secret = pf_bytes_from(digest, 32)});
    pf_wipe(digest, sizeof digest);
}

static void ask_for_secret(struct pf_call *call)
{
    call->wants_secret = true;
    if (call->secret_asked)
        return;
    call->secret_asked = true;
    if (call->calls.secret)
        call->calls.secret(call->self, call);
    else
        pf_call_fail(call, PF_CONFIG, "a password is needed, and there is none");
}

static void try_next(struct pf_call *call)
{
    struct pf_call_pick pick;

    if (!pf_call_pick(call, &pick))
        return;
    call->facts.mechanism = pick.name; /* until it has logged in: for who explains a failure */
    if (pick.wants_secret && !call->secret_here)
        ask_for_secret(call);
    else if (pick.row)
        begin_sasl(call, &pick);
    else if (pick.name[0] == 'A')
        begin_apop(call);
    else
        begin_user(call);
}

void pf_call_login_begin(struct pf_call *call)
{
    call->candidate = 0;
    try_next(call);
}

void pf_call_login_secret(struct pf_call *call)
{
    struct pf_err why = call->io;

    call->wants_secret = false;
    if (call->secret)
        try_next(call);
    else
        pf_call_end(call, &why);
}

/* Nobody has to wait for the CAPA behind the login: what is said now goes out with it. */
static bool hurries(const struct pf_call *call)
{
    return call->account->eager && call->set.pipelining != PF_PIPELINE_NEVER &&
           pf_pop3_client_offer(call->engine)->can & PF_CAN_PIPELINING;
}

static void logged_in(struct pf_call *call)
{
    pf_call_login_free(call);
    if (call->secret)
        pf_wipe(call->secret, call->secret_len);
    call->io = (struct pf_err){.code = PF_OK};
    call->facts.logged_in = pf_call_since(call);
    pf_call_ask_capa(call, PF_CALL_LOOKS);
    if (pf_call_alive(call) && call->stage == PF_CALL_LOOKS && hurries(call)) {
        call->looks = true;
        pf_call_ready(call);
    }
}

/* What is no matter of name or password is told as what it is; the server's own words last. */
static void refused(struct pf_call *call, const struct pf_heard *heard, struct pf_err *out_err)
{
    const struct pf_call_account *a = call->account;
    enum pf_code code = heard->code == PF_OK ? PF_AUTH : heard->code;
    struct pf_bytes text = pf_bytes_head(heard->text, 120);
    const char *colon = text.len ? ": " : "";

    if (heard->coded && code != PF_AUTH)
        pf_fail(out_err, code, 0, "call", "%.80s does not let %.80s in%s: %s%s%.*s", a->host, a->user,
                pf_verdict(code)->retry == PF_RETRY_LATER ? pf_words(" now") : "",
                pf_words(pf_verdict(code)->say), colon, (int)text.len, text.at);
    else
        pf_fail(out_err, code, 0, "call", "%.80s refuses the login of %.80s by %s%s%.*s%s", a->host,
                a->user, call->facts.mechanism, colon, (int)text.len, text.at,
                text.len ? "" : pf_words(", and does not say why"));
}

/* Only what did not try the password is followed by the next; nor is it when the server is busy, or the
 * box is. */
static bool may_go_on(const struct pf_call_login *l, const struct pf_heard *heard)
{
    bool other = (l->pick.row->needs & (PF_INITIATE_CERTIFICATE | PF_INITIATE_TICKET)) != 0;

    if (heard->coded && heard->code != PF_AUTH)
        return false;
    return (!l->proved || other) && heard->code != PF_CANCELLED;
}

static void auth_ended(struct pf_call *call, const struct pf_heard *heard)
{
    struct pf_call_login *l = call->login;
    struct pf_err why = l->err;

    if (l->failed) {
        pf_call_end(call, &why);
    } else if (heard->end != PF_END_WHOLE) {
        refused(call, heard, &call->io);
        why = call->io;
        if (may_go_on(l, heard))
            go_on_with_next(call);
        else
            pf_call_end(call, &why);
    } else if (!pf_initiate_content(l->initiate)) {
        pf_call_fail(
            call, PF_AUTH,
            "%.80s accepts the login by %s without proving that it knows the password: it is not who it "
            "says, or it is broken",
            call->account->host, l->pick.name);
    } else {
        logged_in(call);
    }
}

static void challenged(struct pf_call *call, const struct pf_heard *heard)
{
    struct pf_call_login *l = call->login;

    if (heard->initial && l->result == PF_INITIATE_SEND) {
        l->proved = (l->pick.row->needs & PF_INITIATE_SHOWS) != 0;
        respond(call, l);
        return;
    }
    free(l->challenge);
    l->challenge = malloc(heard->bytes.len + 1);
    if (!l->challenge) {
        pf_call_fail(call, PF_NO_MEMORY, "no memory to log in");
        return;
    }
    if (heard->bytes.len)
        memcpy(l->challenge, heard->bytes.at, heard->bytes.len);
    l->challenge_len = heard->bytes.len;
    submit(call, l);
}

static void user_ended(struct pf_call *call, const struct pf_heard *heard)
{
    struct pf_err why = {0};

    if (heard->end == PF_END_WHOLE) {
        if (heard->tag != TAG_USER)
            logged_in(call);
        return;
    }
    refused(call, heard, &why);
    pf_call_end(call, &why);
}

void pf_call_login_heard(struct pf_call *call, const struct pf_heard *heard)
{
    if (!call->login)
        user_ended(call, heard);
    else if (heard->kind == PF_HEARD_CHALLENGE)
        challenged(call, heard);
    else
        auth_ended(call, heard);
}
