/* GSSAPI (RFC 4752): Kerberos 5, through the library and whatever GSS-API that was built with.
 *
 * No layer of security is offered: TLS does that. The library asks for the credential of "pop@hostname"
 * only, so a ticket for another service is refused. Which user a principal is, auth.c knows: `name`
 * is "user@REALM", and most clients say "user" as whom they act for. */
#include "auth/exchange_rows.h"

#include <gsasl.h>
#include <stdlib.h>

enum { TICKET_MAX = 65535 }; /* Kerberos' own limit of a token on the wire */

static struct pf_bytes property(const struct pf_exchange *exchange, Gsasl_property which)
{
    const char *text = gsasl_property_fast(exchange->session, which);

    return text ? pf_bytes_of(text) : (struct pf_bytes){0};
}

int pf_exchange_gssapi_ask(struct pf_exchange *exchange, int which)
{
    if (which == GSASL_SERVICE)
        return gsasl_property_set(exchange->session, GSASL_SERVICE, "pop");
    if (which == GSASL_HOSTNAME)
        return gsasl_property_set(exchange->session, GSASL_HOSTNAME, exchange->settings.hostname);
    if (which != GSASL_VALIDATE_GSSAPI)
        return GSASL_NO_CALLBACK;
    if (!pf_exchange_set_name(exchange, property(exchange, GSASL_GSSAPI_DISPLAY_NAME)) ||
        !pf_exchange_set_acts_for(exchange, property(exchange, GSASL_AUTHZID)))
        return GSASL_AUTHENTICATION_ERROR;
    exchange->captured = true;
    return GSASL_OK;
}

enum pf_exchange_step pf_exchange_gssapi(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                         struct pf_err *err)
{
    enum pf_exchange_step result;

    if (exchange->message_len > TICKET_MAX)
        return pf_exchange_failed(err, PF_SYNTAX, "a token that is longer than any");
    result = pf_exchange_library_step(exchange, out_told, err);
    if (result != PF_EXCHANGE_CHECK)
        return result;
    out_told->challenge = (struct pf_bytes){0};
    if (!exchange->captured)
        return pf_exchange_failed(err, PF_AUTH, "no principal was told");
    out_told->name = pf_bytes_of(exchange->name);
    out_told->acts_for = pf_bytes_of(exchange->acts_for);
    return PF_EXCHANGE_PROVED;
}

/* A token that is none, for a look at what the library says first: that it has no credential, or that
 * the token is wrong. */
enum pf_code pf_exchange_keytab(const char *keytab, const char *hostname, struct pf_err *err)
{
    struct pf_exchange_settings settings = {
        .mechanism = "GSSAPI", .hostname = hostname, .keytab = keytab};
    struct pf_exchange_told told;
    struct pf_exchange *exchange;
    struct pf_err why = {0};

    if (setenv("KRB5_KTNAME", keytab, 1) != 0)
        return pf_fail(err, PF_NO_MEMORY, 0, "exchange", "no memory for the keytab's name");
    exchange = pf_exchange_new(&settings, err);
    if (!exchange)
        return PF_NO_MEMORY;
    pf_exchange_step(exchange, PF_LIT("?"), true, &told, &why);
    pf_exchange_free(exchange);
    if (why.code == PF_AUTH)
        return PF_OK;
    return pf_fail(err, PF_CONFIG, 0, "exchange", "no key of pop/%s can be had from the keytab %s: %s",
                   hostname, keytab, why.log);
}
