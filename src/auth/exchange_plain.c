/* PLAIN (RFC 4616) and LOGIN (which no RFC knows): a name and a password, to be checked. */
#include "auth/exchange_rows.h"

#include "base/text.h"

#include <gsasl.h>

static struct pf_bytes property(const struct pf_exchange *exchange, Gsasl_property which)
{
    const char *text = gsasl_property_fast(exchange->session, which);

    return text ? pf_bytes_of(text) : (struct pf_bytes){0};
}

/* Where the library would decide: who it is about is noted, and the exchange ends well as far as the
 * library is concerned. auth.c decides. */
int pf_exchange_plain_ask(struct pf_exchange *exchange, int which)
{
    if (which != GSASL_VALIDATE_SIMPLE)
        return GSASL_NO_CALLBACK;
    if (!pf_exchange_set_name(exchange, property(exchange, GSASL_AUTHID)) ||
        !pf_exchange_set_acts_for(exchange, property(exchange, GSASL_AUTHZID)))
        return GSASL_AUTHENTICATION_ERROR;
    exchange->captured = true;
    return GSASL_OK;
}

/* The library prepares the password; some stored hashes were made of unprepared octets, so both are
 * tried later, and what is handed out is what came: all behind the second NUL. */
static struct pf_bytes behind_second_nul(struct pf_bytes message)
{
    message = pf_bytes_skip(message, pf_find(message, 0) + 1);
    return pf_bytes_skip(message, pf_find(message, 0) + 1);
}

/* "[authzid] NUL authcid NUL passwd" (RFC 4616 section 2): no more and no fewer NULs. */
static bool is_plain_message(struct pf_bytes message)
{
    size_t nuls = 0;

    for (size_t i = 0; i < message.len; i++)
        nuls += message.at[i] == 0;
    return nuls == 2;
}

static enum pf_exchange_step to_check(struct pf_exchange *exchange, struct pf_bytes secret,
                                      struct pf_exchange_told *out_told)
{
    out_told->name = pf_bytes_of(exchange->name);
    out_told->acts_for = pf_bytes_of(exchange->acts_for);
    out_told->secret = secret;
    return PF_EXCHANGE_CHECK;
}

enum pf_exchange_step pf_exchange_plain(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                        struct pf_err *err)
{
    struct pf_bytes message = pf_exchange_message(exchange), secret;
    enum pf_exchange_step result;

    if (!is_plain_message(message))
        return pf_exchange_failed(err, PF_SYNTAX, "this is no message of the mechanism PLAIN");
    secret = behind_second_nul(message);
    if (secret.len == 0) /* RFC 4616 section 2: one octet at least */
        return pf_exchange_failed(err, PF_AUTH, "the password is empty");
    if (message.len > 3 * PF_EXCHANGE_PART_MAX + 2) /* before the library's SASLprep sees it */
        return pf_exchange_failed(err, PF_AUTH, "a name or a password that no user has: too long");
    result = pf_exchange_library_step(exchange, out_told, err);
    if (result != PF_EXCHANGE_CHECK || !exchange->captured)
        return result == PF_EXCHANGE_FAILED ? result
                                            : pf_exchange_failed(err, PF_AUTH, "no name was given");
    return to_check(exchange, secret, out_told);
}

/* The prompts end in colons: old clients compare them. */
enum pf_exchange_step pf_exchange_login(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                        struct pf_err *err)
{
    struct pf_bytes message = pf_exchange_message(exchange);

    if (!exchange->present)
        return pf_exchange_challenge(PF_LIT("Username:"), out_told);
    if (message.len == 0 || message.len > PF_EXCHANGE_PART_MAX || pf_find(message, 0) != message.len)
        return pf_exchange_failed(err, PF_AUTH, "a name or a password that no user has");
    if (exchange->name[0])
        return to_check(exchange, message, out_told);
    /* Some clients send the name as initial response, although LOGIN begins with the server. */
    if (!pf_exchange_set_name(exchange, message))
        return pf_exchange_failed(err, PF_AUTH, "a name that SASLprep refuses");
    return pf_exchange_challenge(PF_LIT("Password:"), out_told);
}
