#include "session/call_private.h"

bool pf_call_ask(struct pf_call *call, const struct pf_pop3_command *command)
{
    enum pf_code code = pf_pop3_client_say(call->engine, command, pf_call_now(call));

    if (code == PF_SYNTAX || code == PF_TOO_LONG)
        pf_call_fail(call, code,
                     "the name or the password cannot be said in POP3 (a line has 255 octets, and only "
                     "a server that "
                     "offers UTF8 USER takes letters beyond ASCII)");
    else if (code != PF_OK)
        pf_call_fail(call, code, "a command could not be said");
    return code == PF_OK;
}

bool pf_call_is_encrypted(const struct pf_call *call)
{
    return call->conn && pf_conn_info(call->conn)->tls;
}

void pf_call_ready(struct pf_call *call)
{
    call->stage = PF_CALL_READY;
    call->calls.ready(call->self, call);
}

/* The level that was asked for is reached. */
static void open(struct pf_call *call)
{
    if (!call->account->user) {
        pf_call_ready(call);
        return;
    }
    call->stage = PF_CALL_LOGS_IN;
    pf_call_login_begin(call);
}

/* A server that knows no CAPA may know STLS all the same; one that lists what it has, and not that, has
 * it not, or somebody took it out of the list (RFC 8314 section 5.2). */
static void opened(struct pf_call *call)
{
    const struct pf_pop3_offer *offer = pf_pop3_client_offer(call->engine);

    if (call->account->tls != PF_CALL_STLS) {
        open(call);
    } else if (offer->heard && !(offer->can & PF_CAN_STLS)) {
        pf_call_fail(call, PF_NEED_TLS,
                     "%.100s offers no STLS on port %u: try implicit TLS (port 995); nothing is said in "
                     "plain text",
                     call->account->host, call->facts.port);
    } else {
        call->stage = PF_CALL_ASKS_TLS;
        pf_call_ask(call, &(struct pf_pop3_command){.verb = PF_VERB_STLS});
    }
}

static void told(struct pf_call *call)
{
    if (call->stage == PF_CALL_OPENS)
        opened(call);
    else if (call->stage == PF_CALL_ENCRYPTED)
        open(call);
    else
        pf_call_ready(call);
}

/* Without CAPA the greeting is waited for, and then it is as if a server had refused it. */
void pf_call_ask_capa(struct pf_call *call, enum pf_call_stage stage)
{
    call->stage = stage;
    if (!call->account->no_capa)
        pf_call_ask(call, &(struct pf_pop3_command){.verb = PF_VERB_CAPA});
    else if (call->facts.greeted)
        told(call);
}

static void stls_ended(struct pf_call *call, const struct pf_heard *heard)
{
    if (heard->end == PF_END_WHOLE)
        pf_call_ask_capa(call, PF_CALL_ENCRYPTED);
    else
        pf_call_fail(
            call, PF_NEED_TLS,
            "%.100s refuses STLS on port %u (%.*s): try implicit TLS (port 995); nothing is said "
            "in plain text",
            call->account->host, call->facts.port, (int)(heard->text.len > 100 ? 100 : heard->text.len),
            heard->text.at);
}

static void ended(struct pf_call *call, const struct pf_heard *heard)
{
    switch (call->stage) {
    case PF_CALL_OPENS:
    case PF_CALL_ENCRYPTED:
    case PF_CALL_LOOKS:
        told(call);
        break;
    case PF_CALL_ASKS_TLS:
        stls_ended(call, heard);
        break;
    case PF_CALL_LOGS_IN:
        pf_call_login_heard(call, heard);
        break;
    case PF_CALL_DIALS:
    case PF_CALL_SHAKES:
    case PF_CALL_READY:
    case PF_CALL_OVER:
        break;
    }
}

void pf_call_step(struct pf_call *call, const struct pf_heard *heard)
{
    bool lost = heard->end == PF_END_CUT || (heard->end == PF_END_UNSENT && heard->lost != PF_LOST_NOT);

    if (heard->kind == PF_HEARD_GREETING && heard->code == PF_OK) {
        call->facts.greeted = pf_call_since(call);
        if (call->account->no_capa)
            told(call);
    } else if (heard->kind == PF_HEARD_GREETING) { /* LOST follows */
        pf_fail(&call->io, heard->code, 0, "call", "%.*s",
                (int)(heard->text.len > 160 ? 160 : heard->text.len), heard->text.at);
    } else if (heard->kind == PF_HEARD_TLS) {
        call->wants_tls = true;
    } else if (heard->kind == PF_HEARD_CHALLENGE) {
        pf_call_login_heard(call, heard);
    } else if (heard->kind == PF_HEARD_END && !lost) { /* else LOST follows, which says more */
        ended(call, heard);
    }
}
