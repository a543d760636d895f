/* DIGEST-MD5 (RFC 2831; historic by RFC 6331). The library keeps a copy of the password while it
 * computes, in memory that it gives back without wiping it: one reason more not to offer this. */
#include "auth/exchange_rows.h"

#include "base/text.h"

#include <gsasl.h>

enum { MESSAGE_MAX = 4096 }; /* RFC 2831 section 2.1.2: a response is shorter */

static struct pf_bytes property(const struct pf_exchange *exchange, Gsasl_property which)
{
    const char *text = gsasl_property_fast(exchange->session, which);

    return text ? pf_bytes_of(text) : (struct pf_bytes){0};
}

/* The library asks when it has read the response. It does not compare the realm with the one that
 * it offered. */
static int give_password(struct pf_exchange *exchange)
{
    char password[PF_EXCHANGE_SECRET];
    int status;

    if (!pf_bytes_equal(property(exchange, GSASL_REALM), pf_bytes_of(exchange->settings.hostname)) ||
        !pf_exchange_set_name(exchange, property(exchange, GSASL_AUTHID)) ||
        !pf_exchange_set_acts_for(exchange, property(exchange, GSASL_AUTHZID)))
        return GSASL_AUTHENTICATION_ERROR;
    exchange->trouble = pf_exchange_password(exchange, password, exchange->err);
    if (exchange->trouble != PF_OK)
        return GSASL_AUTHENTICATION_ERROR;
    status = gsasl_property_set(exchange->session, GSASL_PASSWORD, password);
    pf_wipe(password, sizeof password);
    exchange->captured = status == GSASL_OK;
    return status;
}

/* "digest-uri" names service and host; the library looks at neither. Responses are made for one host
 * and service, and must not be of use at another (RFC 2831 section 2.1.2). */
static bool is_for_us(struct pf_bytes message, const char *hostname)
{
    static const char begin[] = "digest-uri=\"pop/";
    size_t len = sizeof begin - 1, name = strlen(hostname);

    for (size_t i = 0; i + len + name + 1 <= message.len; i++)
        if (memcmp(message.at + i, begin, len) == 0 &&
            (i == 0 || message.at[i - 1] == ',' || message.at[i - 1] == ' '))
            return pf_equal_nocase(pf_bytes_from(message.at + i + len, name), pf_bytes_of(hostname)) &&
                   message.at[i + len + name] == '"';
    return false;
}

int pf_exchange_digest_ask(struct pf_exchange *exchange, int which)
{
    if (which == GSASL_REALM)
        return gsasl_property_set(exchange->session, GSASL_REALM, exchange->settings.hostname);
    return which == GSASL_PASSWORD ? give_password(exchange) : GSASL_NO_CALLBACK;
}

enum pf_exchange_step pf_exchange_digest(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                         struct pf_err *err)
{
    struct pf_bytes message = pf_exchange_message(exchange);
    enum pf_exchange_step result;

    if (exchange->turn > 0 && (message.len > MESSAGE_MAX || pf_find(message, 0) != message.len))
        return pf_exchange_failed(err, PF_SYNTAX, "this is no message of the mechanism DIGEST-MD5");
    if (exchange->turn > 0 && !is_for_us(message, exchange->settings.hostname))
        return pf_exchange_failed(err, PF_AUTH, "a response for another host or service");
    result = pf_exchange_library_step(exchange, out_told, err);
    if (result != PF_EXCHANGE_CHECK)
        return result;
    if (!exchange->known || !exchange->captured)
        return pf_exchange_failed(err, PF_AUTH, "wrong password");
    exchange->last_word = true;
    return PF_EXCHANGE_CHALLENGE;
}
