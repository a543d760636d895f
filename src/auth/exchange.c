#include "auth/exchange.h"

#include "base/text.h"

#include <gsasl.h>
#include <stdlib.h>

static const struct pf_exchange_mechanism mechanisms[] = {
    {"PLAIN", PF_NEED_SHOW, PF_FORM_ANY, true},
};

struct pf_exchange {
    Gsasl *library;
    Gsasl_session *session;
    char *output; /* of the last step; from libgsasl */
    char name[PF_EXCHANGE_PART_MAX + 1];
    char authzid[PF_EXCHANGE_PART_MAX + 1];
    struct pf_bytes secret; /* in `message` */
    char *message; /* the last response, copied, because its password is handed out as it came */
    size_t message_len;
    bool captured, too_long;
};

const struct pf_exchange_mechanism *pf_exchange_mechanisms(size_t *out_count)
{
    *out_count = sizeof mechanisms / sizeof mechanisms[0];
    return mechanisms;
}

static bool capture(struct pf_exchange *exchange, const char *text, char *out)
{
    size_t len = text ? strlen(text) : 0;

    if (len > PF_EXCHANGE_PART_MAX) {
        exchange->too_long = true;
        return false;
    }
    if (len)
        memcpy(out, text, len);
    out[len] = 0;
    return true;
}

/* libgsasl does not wipe its properties. */
static void wipe_property(Gsasl_session *session, Gsasl_property property)
{
    const char *text = gsasl_property_fast(session, property);

    if (text)
        pf_wipe((void *)(uintptr_t)text, strlen(text));
}

/* Where a mechanism would decide: who it is about is noted, and the exchange ends well as far as the
 * library is concerned. auth.h decides. */
static int ask(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
    struct pf_exchange *exchange = gsasl_session_hook_get(session);

    (void)library;
    if (property != GSASL_VALIDATE_SIMPLE)
        return GSASL_NO_CALLBACK;
    if (!capture(exchange, gsasl_property_fast(session, GSASL_AUTHID), exchange->name) ||
        !capture(exchange, gsasl_property_fast(session, GSASL_AUTHZID), exchange->authzid))
        return GSASL_AUTHENTICATION_ERROR;
    exchange->captured = true;
    return GSASL_OK;
}

static bool begin(struct pf_exchange *exchange, const char *mechanism)
{
    if (gsasl_init(&exchange->library) != GSASL_OK)
        return false;
    gsasl_callback_set(exchange->library, ask);
    if (gsasl_server_start(exchange->library, mechanism, &exchange->session) != GSASL_OK)
        return false;
    gsasl_session_hook_set(exchange->session, exchange);
    return true;
}

struct pf_exchange *pf_exchange_new(const struct pf_exchange_settings *settings, struct pf_err *err)
{
    const char *mechanism = settings->mechanism;
    struct pf_exchange *exchange;
    const char *known = NULL;

    for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
        if (pf_equal_nocase(pf_bytes_of(mechanism), pf_bytes_of(mechanisms[i].name)))
            known = mechanisms[i].name;
    if (!known) {
        pf_fail(err, PF_NO_MECH, 0, "exchange", "mechanism %.20s is not spoken here", mechanism);
        return NULL;
    }
    exchange = calloc(1, sizeof *exchange);
    if (exchange && begin(exchange, known))
        return exchange;
    pf_exchange_free(exchange);
    pf_fail(err, PF_NO_MEMORY, 0, "exchange", "no memory for an exchange");
    return NULL;
}

static void forget(struct pf_exchange *exchange)
{
    if (exchange->message)
        pf_wipe(exchange->message, exchange->message_len);
    free(exchange->message);
    gsasl_free(exchange->output);
    exchange->message = exchange->output = NULL;
    exchange->message_len = 0;
    exchange->secret = (struct pf_bytes){0};
}

void pf_exchange_free(struct pf_exchange *exchange)
{
    if (!exchange)
        return;
    forget(exchange);
    if (exchange->session) {
        wipe_property(exchange->session, GSASL_PASSWORD);
        gsasl_finish(exchange->session);
    }
    if (exchange->library)
        gsasl_done(exchange->library);
    free(exchange);
}

static enum pf_exchange_step failed(struct pf_err *err, enum pf_code code, const char *why)
{
    pf_fail(err, code, 0, "exchange", "%s", why);
    return PF_EXCHANGE_FAILED;
}

/* The authorization identity is prepared as the name is, and left out when it is the same (RFC 4616
 * section 2); who may act for another, auth.c decides. */
static bool prepare_authzid(struct pf_exchange *exchange)
{
    char prepared[PF_EXCHANGE_PART_MAX + 1];

    if (!pf_saslprep(pf_bytes_of(exchange->authzid), prepared, sizeof prepared))
        return false;
    if (exchange->authzid[0] && !prepared[0])
        return false;
    memcpy(exchange->authzid, prepared, strcmp(prepared, exchange->name) == 0 ? 1 : strlen(prepared) + 1);
    if (strcmp(prepared, exchange->name) == 0)
        exchange->authzid[0] = 0;
    return true;
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

static bool keep(struct pf_exchange *exchange, struct pf_bytes response)
{
    exchange->message = malloc(response.len ? response.len : 1);
    if (!exchange->message)
        return false;
    if (response.len)
        memcpy(exchange->message, response.at, response.len);
    exchange->message_len = response.len;
    return true;
}

static enum pf_exchange_step judge(struct pf_exchange *exchange, int status,
                                   struct pf_exchange_told *out_told, struct pf_err *err)
{
    if (status == GSASL_MALLOC_ERROR)
        return failed(err, PF_NO_MEMORY, "no memory for an exchange");
    if (exchange->too_long)
        return failed(err, PF_AUTH, "a name in the exchange is too long");
    if (status != GSASL_OK || !exchange->captured)
        return failed(err, PF_AUTH, gsasl_strerror(status));
    if (!prepare_authzid(exchange))
        return failed(err, PF_AUTH, "the authorization identity is no name");
    exchange->secret = behind_second_nul(pf_bytes_from(exchange->message, exchange->message_len));
    if (!exchange->name[0] || !exchange->secret.len) /* RFC 4616 section 2: one octet at least */
        return failed(err, PF_AUTH, "the name or the password is empty");
    out_told->name = pf_bytes_of(exchange->name);
    out_told->acts_for = pf_bytes_of(exchange->authzid);
    out_told->secret = exchange->secret;
    return PF_EXCHANGE_CHECK;
}

enum pf_exchange_step pf_exchange_step(struct pf_exchange *exchange, struct pf_bytes response,
                                       bool has_response, struct pf_exchange_told *out_told,
                                       struct pf_err *err)
{
    size_t output_len = 0;
    int status;

    forget(exchange);
    if (exchange->captured)
        return failed(err, PF_SYNTAX, "a response behind the end of the exchange");
    if (!has_response) { /* the client speaks first: an empty challenge asks it to */
        out_told->challenge = (struct pf_bytes){0};
        return PF_EXCHANGE_CHALLENGE;
    }
    if (response.len > PF_EXCHANGE_MESSAGE_MAX)
        return failed(err, PF_AUTH, "a name or a password that no user has: too long");
    if (!is_plain_message(response))
        return failed(err, PF_SYNTAX, "this is no message of the mechanism PLAIN");
    if (!keep(exchange, response))
        return failed(err, PF_NO_MEMORY, "no memory for an exchange");
    status = gsasl_step(exchange->session, exchange->message, exchange->message_len, &exchange->output,
                        &output_len);
    return judge(exchange, status, out_told, err);
}

/* To printable ASCII SASLprep does nothing; the library takes far longer to find that out. */
static bool is_plain_ascii(struct pf_bytes in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i] < 0x20 || in.at[i] > 0x7e)
            return false;
    return true;
}

static bool prepare(struct pf_bytes in, char *out_text, size_t cap)
{
    char text[PF_EXCHANGE_PART_MAX + 1], *prepared = NULL;
    bool fits;

    memcpy(text, in.at, in.len);
    text[in.len] = 0;
    fits = gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) == GSASL_OK && prepared &&
           strlen(prepared) < cap;
    if (fits)
        memcpy(out_text, prepared, strlen(prepared) + 1);
    if (prepared)
        pf_wipe(prepared, strlen(prepared));
    gsasl_free(prepared);
    pf_wipe(text, sizeof text);
    return fits;
}

bool pf_saslprep(struct pf_bytes in, char *out_text, size_t cap)
{
    if (in.len > PF_EXCHANGE_PART_MAX || pf_find(in, 0) != in.len)
        return false;
    if (!is_plain_ascii(in))
        return prepare(in, out_text, cap);
    if (in.len >= cap)
        return false;
    if (in.len)
        memcpy(out_text, in.at, in.len);
    out_text[in.len] = 0;
    return true;
}
