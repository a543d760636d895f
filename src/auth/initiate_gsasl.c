/* DIGEST-MD5 (historic by RFC 6331) and GSSAPI: GNU SASL's clients. The library compares the server's
 * "rspauth", and asks Kerberos that the server proves himself; it agrees to no layer of security. */
#include "auth/initiate_rows.h"

#include "base/text.h"

#include <gsasl.h>
#include <stdlib.h>

/* The library wants C strings. */
static bool give(struct pf_initiate *i, Gsasl_property property, struct pf_bytes value)
{
    char text[PF_INITIATE_PART_MAX + 1];
    bool given;

    if (value.len == 0)
        return true;
    if (value.len > PF_INITIATE_PART_MAX)
        return false;
    memcpy(text, value.at, value.len);
    text[value.len] = 0;
    given = gsasl_property_set(i->session, property, text) == GSASL_OK;
    pf_wipe(text, sizeof text);
    return given;
}

enum pf_code pf_initiate_library_begin(struct pf_initiate *i, struct pf_err *err)
{
    const struct pf_initiate_settings *s = &i->settings;
    int status = gsasl_init(&i->library);

    if (status == GSASL_OK)
        status = gsasl_client_start(i->library, i->row->library, &i->session);
    if (status == GSASL_UNKNOWN_MECHANISM)
        return pf_fail(err, PF_NO_MECH, 0, "initiate", "GNU SASL was built without %s", i->row->library);
    if (status != GSASL_OK || !give(i, GSASL_AUTHID, s->name) || !give(i, GSASL_PASSWORD, s->secret) ||
        !give(i, GSASL_AUTHZID, s->acts_for) || !give(i, GSASL_SERVICE, PF_LIT("pop")) ||
        !give(i, GSASL_HOSTNAME, pf_bytes_of(s->hostname)))
        return pf_fail(err, PF_NO_MEMORY, 0, "initiate", "no memory for an exchange");
    return PF_OK;
}

void pf_initiate_library_forget(struct pf_initiate *i)
{
    if (i->output)
        pf_wipe(i->output, i->output_len);
    gsasl_free(i->output);
    i->output = NULL;
    i->output_len = 0;
}

/* The library does not wipe its properties. */
static void wipe_password(Gsasl_session *session)
{
    const char *text = gsasl_property_fast(session, GSASL_PASSWORD);

    if (text)
        pf_wipe((void *)(uintptr_t)text, strlen(text));
}

void pf_initiate_library_end(struct pf_initiate *i)
{
    if (i->session) {
        wipe_password(i->session);
        gsasl_finish(i->session);
    }
    if (i->library)
        gsasl_done(i->library);
}

static enum pf_code code_of(int status)
{
    switch (status) {
    case GSASL_MALLOC_ERROR:
        return PF_NO_MEMORY;
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_BASE64_ERROR:
    case GSASL_SASLPREP_ERROR:
        return PF_SYNTAX;
    case GSASL_CRYPTO_ERROR:
        return PF_TEMP;
    default:
        return PF_AUTH;
    }
}

/* The library reads C strings: a NUL stands behind what it is given. */
static int library_step(struct pf_initiate *i, struct pf_bytes challenge)
{
    char *copy = malloc(challenge.len + 1);
    int status;

    if (!copy)
        return GSASL_MALLOC_ERROR;
    if (challenge.len)
        memcpy(copy, challenge.at, challenge.len);
    copy[challenge.len] = 0;
    status = gsasl_step(i->session, i->turn ? copy : NULL, challenge.len, &i->output, &i->output_len);
    pf_wipe(copy, challenge.len);
    free(copy);
    return status;
}

enum pf_initiate_step pf_initiate_library(struct pf_initiate *i, struct pf_bytes challenge,
                                          struct pf_initiate_told *out_told, struct pf_err *err)
{
    bool server_first = strcmp(i->row->mechanism.name, "DIGEST-MD5") == 0;
    int status;

    pf_initiate_library_forget(i);
    if (i->turn == 0 && server_first)
        return PF_INITIATE_WAIT;
    status = library_step(i, challenge);
    if (status != GSASL_OK && status != GSASL_NEEDS_MORE)
        return pf_initiate_failed(err, code_of(status), gsasl_strerror(status));
    i->content = status == GSASL_OK;
    out_told->response = pf_bytes_from(i->output, i->output ? i->output_len : 0);
    return PF_INITIATE_SEND;
}
