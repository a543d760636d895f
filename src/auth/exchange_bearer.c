/* OAUTHBEARER (RFC 7628) and XOAUTH2: a token that others issued, in one message. No library has these.
 */
#include "auth/exchange_rows.h"

#include "proto/oauth.h"

/* RFC 7628 section 3.2.2: the refusal is a challenge, and whatever the client answers ends the exchange.
 */
static enum pf_exchange_step refuse(struct pf_exchange *exchange, enum pf_oauth_dialect dialect,
                                    struct pf_exchange_told *out_told)
{
    const struct pf_conf_oauth *conf = exchange->settings.oauth_conf;
    struct pf_span text = {exchange->text, 0, sizeof exchange->text};

    if (!pf_oauth_refusal(dialect, conf->scope, conf->configuration, &text))
        return PF_EXCHANGE_FAILED; /* it does not fit */
    exchange->refused = out_told->refused = true;
    return pf_exchange_challenge(pf_span_bytes(&text), out_told);
}

static enum pf_exchange_step judge(struct pf_exchange *exchange, const struct pf_oauth_message *message,
                                   struct pf_exchange_told *out_told, struct pf_err *err)
{
    struct pf_oauth_grant grant = {0};
    enum pf_code code =
        pf_oauth_check(exchange->settings.oauth, message->token, exchange->settings.now, &grant, err);

    if (code != PF_OK) { /* for the log: who the client says that he is */
        pf_exchange_set_name(exchange, message->user);
        return PF_EXCHANGE_FAILED;
    }
    if (!pf_exchange_set_name(exchange, pf_bytes_of(grant.name)) ||
        !pf_exchange_set_acts_for(exchange, message->user))
        return pf_exchange_failed(err, PF_AUTH, "a name that SASLprep refuses");
    out_told->name = pf_bytes_of(exchange->name);
    out_told->acts_for = pf_bytes_of(exchange->acts_for);
    return PF_EXCHANGE_PROVED;
}

enum pf_exchange_step pf_exchange_bearer(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                         struct pf_err *err)
{
    bool standard = strcmp(exchange->mechanism->name, "OAUTHBEARER") == 0;
    enum pf_oauth_dialect dialect = standard ? PF_OAUTHBEARER : PF_XOAUTH2;
    struct pf_oauth_message message;
    enum pf_exchange_step result;

    if (exchange->refused) {
        *err = exchange->refusal;
        return PF_EXCHANGE_FAILED;
    }
    if (pf_oauth_read(dialect, pf_exchange_message(exchange), &message, err) != PF_OK)
        return PF_EXCHANGE_FAILED;
    result = judge(exchange, &message, out_told, err);
    if (result != PF_EXCHANGE_FAILED || err->code != PF_AUTH)
        return result;
    exchange->refusal = *err;
    return refuse(exchange, dialect, out_told);
}
