/* EXTERNAL (RFC 4422 appendix A) and ANONYMOUS (RFC 4505): one message each. */
#include "auth/exchange_rows.h"

#include "base/text.h"

enum { TRACE_MAX = 255 }; /* characters; RFC 4505 section 2 */

enum pf_exchange_step pf_exchange_external(struct pf_exchange *exchange,
                                           struct pf_exchange_told *out_told, struct pf_err *err)
{
    /* SASLprep refuses what is no UTF-8, NULs and control characters. */
    if (!pf_exchange_set_name(exchange, pf_bytes_of(exchange->settings.certificate)) ||
        !pf_exchange_set_acts_for(exchange, pf_exchange_message(exchange)))
        return pf_exchange_failed(err, PF_AUTH, "a name that SASLprep refuses");
    out_told->name = pf_bytes_of(exchange->name);
    out_told->acts_for = pf_bytes_of(exchange->acts_for);
    return PF_EXCHANGE_PROVED;
}

static size_t characters(struct pf_bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (text.at[i] & 0xc0) != 0x80;
    return count;
}

/* An address or a token without "@". An address is not looked at more closely: it proves nothing, and
 * whoever logs it escapes it. */
enum pf_exchange_step pf_exchange_anonymous(struct pf_exchange *exchange,
                                            struct pf_exchange_told *out_told, struct pf_err *err)
{
    struct pf_bytes trace = pf_exchange_message(exchange);
    size_t at = pf_find(trace, '@');

    if (characters(trace) > TRACE_MAX || (trace.len && at == 0) ||
        (at < trace.len && at + 1 == trace.len))
        return pf_exchange_failed(err, PF_SYNTAX, "this is no message of the mechanism ANONYMOUS");
    if (trace.len && !pf_exchange_set_name(exchange, trace))
        return pf_exchange_failed(err, PF_SYNTAX, "a trace that SASLprep refuses");
    out_told->name = pf_bytes_of(exchange->name);
    out_told->anonymous = true;
    return PF_EXCHANGE_PROVED;
}
