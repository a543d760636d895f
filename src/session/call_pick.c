#include "session/call_private.h"

#include "auth/initiate.h"
#include "base/text.h"
#include "base/words.h"

enum { SASL_NAME = 21 /* 20 octets and NUL (RFC 4422 section 3.1) */ };

static const struct pf_initiate_mechanism *find(const char *name)
{
    size_t count;
    const struct pf_initiate_mechanism *rows = pf_initiate_mechanisms(&count);

    for (size_t i = 0; i < count; i++)
        if (pf_equal_nocase(pf_bytes_of(rows[i].name), pf_bytes_of(name)))
            return &rows[i];
    return NULL;
}

/* The word of that index; false: there are fewer. */
static bool nth(const char *words, size_t index, char out_name[SASL_NAME])
{
    size_t len = 0;

    for (words += strspn(words, " "); *words; words += len + strspn(words + len, " ")) {
        len = strcspn(words, " ");
        if (index-- == 0) {
            len = len < SASL_NAME ? len : SASL_NAME - 1;
            memcpy(out_name, words, len);
            out_name[len] = 0;
            return true;
        }
    }
    return false;
}

static bool name_of(const struct pf_call *call, char out_name[SASL_NAME])
{
    size_t count;
    const struct pf_initiate_mechanism *rows = pf_initiate_mechanisms(&count);
    const char *name;

    if (call->account->mechanisms)
        return nth(call->account->mechanisms, call->candidate, out_name);
    if (call->candidate > count)
        return false;
    name = call->candidate < count ? rows[call->candidate].name : "USER";
    memcpy(out_name, name, strlen(name) + 1);
    return true;
}

/* A secret that is shown needs more than one that is hidden. */
static bool open_enough(const struct pf_call *call, bool shows)
{
    return pf_call_is_encrypted(call) || call->set.plain_login == PF_PLAIN_ANY ||
           (!shows && call->set.plain_login == PF_PLAIN_HIDDEN);
}

static bool can_bind(const struct pf_call *call)
{
    unsigned char data[64];

    return (!call->spent && pf_conn_binding(call->conn, PF_BINDING_EXPORTER, data, sizeof data)) ||
           pf_conn_binding(call->conn, PF_BINDING_UNIQUE, data, sizeof data);
}

static bool sasl_fits(const struct pf_call *call, const struct pf_initiate_mechanism *row)
{
    const struct pf_call_account *a = call->account;

    if (!pf_pop3_client_offers(call->engine, row->name) && !(a->no_capa && (a->mechanisms || a->token)))
        return false;
    if (!open_enough(call, (row->needs & PF_INITIATE_SHOWS) != 0))
        return false;
    if (a->token ? (row->needs & PF_INITIATE_PASSWORD) != 0 : (row->needs & PF_INITIATE_TOKEN) != 0)
        return false;
    if (row->needs & PF_INITIATE_BINDING && !can_bind(call))
        return false;
    if (row->needs & PF_INITIATE_CERTIFICATE && (!a->certificate || !pf_call_is_encrypted(call)))
        return false;
    return row->needs != 0 || a->mechanisms; /* ANONYMOUS is nobody's login unless he says so */
}

static bool user_fits(const struct pf_call *call)
{
    const struct pf_pop3_offer *offer = pf_pop3_client_offer(call->engine);
    bool offered = call->account->mechanisms || !offer->heard || offer->can & PF_CAN_USER ||
                   !(offer->can & PF_CAN_SASL);

    return offered && !call->account->token && open_enough(call, true);
}

static bool apop_fits(const struct pf_call *call)
{
    return !call->account->token && pf_pop3_client_timestamp(call->engine).len &&
           open_enough(call, false);
}

static bool fits(const struct pf_call *call, const char *name, struct pf_call_pick *out)
{
    *out = (struct pf_call_pick){.name = "USER", .wants_secret = true};
    if (pf_equal_nocase(pf_bytes_of(name), PF_LIT("USER")))
        return user_fits(call);
    out->name = "APOP";
    if (pf_equal_nocase(pf_bytes_of(name), PF_LIT("APOP")))
        return apop_fits(call);
    out->row = find(name);
    if (!out->row)
        return false;
    out->name = out->row->name;
    out->wants_secret = (out->row->needs & (PF_INITIATE_PASSWORD | PF_INITIATE_TOKEN)) != 0;
    return sasl_fits(call, out->row);
}

static void end_without(struct pf_call *call)
{
    const struct pf_pop3_offer *offer = pf_pop3_client_offer(call->engine);

    if (call->io.code != PF_OK) { /* why the last one did not do */
        struct pf_err why = call->io;

        pf_call_end(call, &why);
        return;
    }
    pf_call_fail(call, pf_call_is_encrypted(call) ? PF_NO_MECH : PF_NEED_TLS,
                 "no way to log in that %.80s and this account both have: it offers \"%.120s\"%s%s",
                 call->account->host, offer->mechanisms,
                 offer->can & PF_CAN_USER ? pf_words(" and USER") : "",
                 pf_call_is_encrypted(call)
                     ? ""
                     : pf_words(", and there is no TLS: what shows a password is not said without it"));
}

bool pf_call_pick(struct pf_call *call, struct pf_call_pick *out_pick)
{
    char name[SASL_NAME];

    for (; name_of(call, name); call->candidate++)
        if (fits(call, name, out_pick))
            return true;
    end_without(call);
    return false;
}
