#include "auth/exchange_rows.h"

#include "base/text.h"

#include <gsasl.h>

static int ask(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
    struct pf_exchange *exchange = gsasl_session_hook_get(session);

    (void)library;
    return exchange && exchange->row->ask ? exchange->row->ask(exchange, (int)property)
                                          : GSASL_NO_CALLBACK;
}

bool pf_exchange_library_begin(struct pf_exchange *exchange)
{
    if (gsasl_init(&exchange->library) != GSASL_OK)
        return false;
    gsasl_callback_set(exchange->library, ask);
    if (gsasl_server_start(exchange->library, exchange->row->library, &exchange->session) != GSASL_OK)
        return false;
    gsasl_session_hook_set(exchange->session, exchange);
    return true;
}

/* The library does not wipe its properties. */
static void wipe_properties(Gsasl_session *session)
{
    static const Gsasl_property secrets[] = {GSASL_PASSWORD,        GSASL_SCRAM_STOREDKEY,
                                             GSASL_SCRAM_SERVERKEY, GSASL_SCRAM_SALTED_PASSWORD,
                                             GSASL_CB_TLS_EXPORTER, GSASL_CB_TLS_UNIQUE};

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        const char *text = gsasl_property_fast(session, secrets[i]);

        if (text)
            pf_wipe((void *)(uintptr_t)text, strlen(text));
    }
}

void pf_exchange_library_forget(struct pf_exchange *exchange)
{
    gsasl_free(exchange->output);
    exchange->output = NULL;
    exchange->output_len = 0;
}

void pf_exchange_library_end(struct pf_exchange *exchange)
{
    if (exchange->session) {
        wipe_properties(exchange->session);
        gsasl_finish(exchange->session);
    }
    if (exchange->library)
        gsasl_done(exchange->library);
}

static enum pf_code code_of(const struct pf_exchange *exchange, int status)
{
    if (exchange->trouble != PF_OK)
        return exchange->trouble;
    switch (status) {
    case GSASL_MALLOC_ERROR:
        return PF_NO_MEMORY;
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_BASE64_ERROR:
        return PF_SYNTAX;
    case GSASL_CRYPTO_ERROR:
    case GSASL_GSSAPI_IMPORT_NAME_ERROR:
    case GSASL_GSSAPI_ACQUIRE_CRED_ERROR:
        return PF_TEMP;
    default:
        return PF_AUTH;
    }
}

enum pf_exchange_step pf_exchange_library_step(struct pf_exchange *exchange,
                                               struct pf_exchange_told *out_told, struct pf_err *err)
{
    int status = gsasl_step(exchange->session, (const char *)exchange->message, exchange->message_len,
                            &exchange->output, &exchange->output_len);
    struct pf_bytes output =
        pf_bytes_from(exchange->output, exchange->output ? exchange->output_len : 0);

    if (status == GSASL_NEEDS_MORE)
        return pf_exchange_challenge(output, out_told);
    if (status == GSASL_OK) {
        out_told->challenge = output;
        return PF_EXCHANGE_CHECK;
    }
    if (exchange->trouble != PF_OK) /* err was filled where it happened */
        return PF_EXCHANGE_FAILED;
    return pf_exchange_failed(err, code_of(exchange, status), gsasl_strerror(status));
}
