#include "session/call_private.h"

#include "base/words.h"

#include <stdio.h>

static enum pf_code say_refused(const struct pf_call *call, struct pf_err *err)
{
    return pf_fail(err, call->io.code == PF_OK ? PF_TEMP : call->io.code, 0, "call",
                   "%.100s sends us away: %.160s", call->account->host, call->io.log);
}

static const char *when(const struct pf_call *call)
{
    static const char *const words[] = {[PF_CALL_DIALS] = PF_WORDS("while connecting"),
                                        [PF_CALL_SHAKES] = PF_WORDS("while beginning TLS"),
                                        [PF_CALL_OPENS] = PF_WORDS("while greeting"),
                                        [PF_CALL_ASKS_TLS] = PF_WORDS("while beginning TLS (STLS)"),
                                        [PF_CALL_ENCRYPTED] = PF_WORDS("while telling what it can"),
                                        [PF_CALL_LOGS_IN] = PF_WORDS("while logging in"),
                                        [PF_CALL_LOOKS] = PF_WORDS("while telling what it can"),
                                        [PF_CALL_READY] = PF_WORDS("in the middle of the session"),
                                        [PF_CALL_OVER] = PF_WORDS("at the end")};

    return pf_words(words[call->stage]);
}

static enum pf_code say_eof(const struct pf_call *call, struct pf_err *err)
{
    const char *more = call->io.code != PF_OK ? call->io.log : "";

    return pf_fail(err, PF_TEMP, call->io.sys, "call", "%.100s closed the connection %s%s%.120s",
                   call->account->host, when(call), more[0] ? ": " : "", more);
}

static enum pf_code say_time(const struct pf_call *call, struct pf_err *err)
{
    bool ahead = pf_pop3_client_stats(call->engine)->flight_lost > 1;

    return pf_fail(err, PF_TEMP, 0, "call", "%.100s is silent %s%s", call->account->host, when(call),
                   ahead ? pf_words("; it may not bear commands sent ahead: turn pipelining off") : "");
}

static enum pf_code say_strange(const struct pf_call *call, const char *what,
                                const struct pf_heard *heard, struct pf_err *err)
{
    return pf_fail(err, PF_SYNTAX, 0, "call", "%.100s port %u %s%s%.*s", call->account->host,
                   call->facts.port, pf_words(what), heard->text.len ? ": " : "",
                   (int)(heard->text.len > 120 ? 120 : heard->text.len), heard->text.at);
}

void pf_call_note_lost(struct pf_call *call, enum pf_lost lost)
{
    bool at_capa =
        call->stage == PF_CALL_OPENS || call->stage == PF_CALL_ENCRYPTED || call->stage == PF_CALL_LOOKS;

    if (lost != PF_LOST_EOF && lost != PF_LOST_TIME)
        return;
    call->facts.capa_lost = at_capa && call->facts.greeted && !call->account->no_capa;
    call->facts.ahead_lost = pf_pop3_client_stats(call->engine)->flight_lost > 1;
}

void pf_call_shake_failed(struct pf_call *call, const struct pf_err *err)
{
    const char *host = call->account->host;

    if (err->code != PF_SYNTAX)
        pf_call_end(call, err);
    else if (call->engine)
        pf_call_fail(
            call, PF_NEED_TLS,
            "behind the answer of %.100s to STLS came something that is no TLS: it is broken, or "
            "somebody sits between",
            host);
    else
        pf_call_fail(call, PF_NEED_TLS,
                     "%.100s port %u does not begin with TLS: if it is a port for STLS, as 110 is, say "
                     "so: `tls starttls' in the account, or --starttls",
                     host, call->facts.port);
}

void pf_call_why(const struct pf_call *call, const struct pf_heard *heard, struct pf_err *err)
{
    switch (heard->lost) {
    case PF_LOST_NOT:
    case PF_LOST_QUIT:
        err->code = PF_OK;
        break;
    case PF_LOST_REFUSED:
        say_refused(call, err);
        break;
    case PF_LOST_EOF:
        say_eof(call, err);
        break;
    case PF_LOST_TIME:
        say_time(call, err);
        break;
    case PF_LOST_STALL:
        pf_fail(err, PF_TEMP, 0, "call", "%.100s takes nothing that we say", call->account->host);
        break;
    case PF_LOST_GARBAGE:
        say_strange(call, PF_WORDS("does not speak POP3; is the port right?"), heard, err);
        break;
    case PF_LOST_TLS_RECORD:
        pf_fail(err, PF_NEED_TLS, 0, "call",
                "%.100s port %u begins with TLS: ask for implicit TLS, `tls implicit' in the account",
                call->account->host, call->facts.port);
        break;
    case PF_LOST_LINE:
        say_strange(call, PF_WORDS("sends a line without end"), heard, err);
        break;
    case PF_LOST_LIST:
        say_strange(call, PF_WORDS("sends a list without end"), heard, err);
        break;
    case PF_LOST_OCTETS:
        pf_fail(err, PF_LIMIT, 0, "call", "%.100s sends a message that is longer than is allowed",
                call->account->host);
        break;
    case PF_LOST_UNASKED:
        say_strange(call, PF_WORDS("said what nobody asked"), heard, err);
        break;
    case PF_LOST_SMUGGLE:
        pf_fail(err, PF_NEED_TLS, 0, "call",
                "behind the answer to STLS came plain text: somebody sits between us and %.100s",
                call->account->host);
        break;
    case PF_LOST_TLS:
        pf_fail(err, PF_NEED_TLS, 0, "call", "TLS with %.100s failed", call->account->host);
        break;
    case PF_LOST_GIVEN_UP:
        pf_fail(err, PF_CANCELLED, 0, "call", "given up");
        break;
    }
}
