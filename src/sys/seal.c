#include "sys/seal.h"

#include "base/text.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

/* The key is in `mac` only: OpenSSL wipes it when the context is freed. */
struct pf_seal {
    EVP_MAC_CTX *mac;
    uint64_t series, serial; /* of those made here: the last one */
    struct pf_ticket_window window;
    uint64_t *bits; /* of all makers; NULL for who opens none */
};

enum pf_code pf_seal_key(unsigned char out_key[PF_SEAL_KEY], struct pf_err *err)
{
    if (RAND_priv_bytes(out_key, PF_SEAL_KEY) != 1)
        return pf_fail(err, PF_TEMP, 0, __func__, "no random octets for the key of tickets");
    return PF_OK;
}

static EVP_MAC_CTX *keyed(const unsigned char *key)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

    EVP_MAC_free(hmac); /* the context holds it */
    if (mac && EVP_MAC_init(mac, key, PF_SEAL_KEY, params) == 1)
        return mac;
    EVP_MAC_CTX_free(mac);
    return NULL;
}

static bool make_window(struct pf_seal *seal, size_t window)
{
    size_t words = (window + 63) / 64;

    seal->window.span = words * 64;
    if (!words)
        return true;
    seal->bits = calloc(words * PF_TICKET_MAKERS, sizeof *seal->bits);
    for (size_t i = 0; seal->bits && i < PF_TICKET_MAKERS; i++)
        seal->window.makers[i].bits = seal->bits + i * words;
    return seal->bits;
}

struct pf_seal *pf_seal_new(const unsigned char key[PF_SEAL_KEY], size_t window, struct pf_err *err)
{
    struct pf_seal *seal = calloc(1, sizeof *seal);

    if (seal)
        seal->mac = keyed(key);
    if (seal && seal->mac && make_window(seal, window) &&
        RAND_bytes((unsigned char *)&seal->series, sizeof seal->series) == 1)
        return seal;
    pf_seal_free(seal);
    pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for the seal of tickets");
    return NULL;
}

void pf_seal_free(struct pf_seal *seal)
{
    if (!seal)
        return;
    EVP_MAC_CTX_free(seal->mac);
    free(seal->bits);
    free(seal);
}

/* Without a key EVP_MAC_init begins anew with the one that the context has. */
static bool compute(struct pf_seal *seal, struct pf_bytes form, unsigned char out_mac[PF_SEAL_MAC])
{
    size_t len = 0;

    return EVP_MAC_init(seal->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(seal->mac, form.at, form.len) == 1 &&
           EVP_MAC_final(seal->mac, out_mac, &len, PF_SEAL_MAC) == 1 && len == PF_SEAL_MAC;
}

enum pf_code pf_seal_put(struct pf_seal *seal, struct pf_ticket *ticket, struct pf_span *out, struct pf_err *err)
{
    unsigned char form[PF_SEAL_TICKET_MAX];
    struct pf_span span = {form, 0, PF_TICKET_FORM_MAX};

    ticket->series = seal->series;
    ticket->serial = seal->serial + 1;
    if (!pf_ticket_write(&span, ticket))
        return pf_fail(err, PF_PERM, 0, __func__, "this ticket cannot be: user, path or rights are not lawful");
    if (!compute(seal, pf_span_bytes(&span), form + span.len))
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "cannot compute the seal of a ticket");
    if (!pf_span_put(out, pf_bytes_from(form, span.len + PF_SEAL_MAC)))
        return pf_fail(err, PF_TOO_LONG, 0, __func__, "no room for a ticket of %zu octets",
                       span.len + PF_SEAL_MAC);
    seal->serial++;
    return PF_OK;
}

static enum pf_ticket_fault judge(struct pf_seal *seal, struct pf_bytes sealed, const struct pf_ticket_shown *shown,
                                  struct pf_ticket *out)
{
    unsigned char mac[PF_SEAL_MAC];
    struct pf_bytes form, shown_mac;
    bool ours;

    if (sealed.len < PF_TICKET_HEAD + PF_SEAL_MAC || sealed.len > PF_SEAL_TICKET_MAX)
        return PF_TICKET_CUT;
    form = pf_bytes_head(sealed, sealed.len - PF_SEAL_MAC);
    shown_mac = pf_bytes_skip(sealed, form.len);
    if (!compute(seal, form, mac))
        return PF_TICKET_FAULTS;
    ours = pf_equal_secret(pf_bytes_from(mac, sizeof mac), shown_mac);
    /* The right MAC of a forged form would be the forger's prize. */
    pf_wipe(mac, sizeof mac);
    if (!ours)
        return PF_TICKET_FORGED;
    return pf_ticket_read(form, out) ? pf_ticket_judge(out, shown, &seal->window) : PF_TICKET_MALFORMED;
}

enum pf_code pf_seal_open(struct pf_seal *seal, struct pf_bytes sealed, const struct pf_ticket_shown *shown,
                          struct pf_ticket *out, enum pf_ticket_fault *out_fault, struct pf_err *err)
{
    struct pf_ticket ticket;
    enum pf_ticket_fault fault;

    assert(seal->bits);
    fault = judge(seal, sealed, shown, &ticket);
    if (out_fault)
        *out_fault = fault;
    if (fault == PF_TICKET_FAULTS)
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "cannot compute the seal of a ticket");
    if (fault != PF_TICKET_GOOD)
        return pf_fail(err, fault == PF_TICKET_CROWDED ? PF_BUSY : PF_PERM, 0, __func__, "ticket refused: %s",
                       pf_ticket_fault_text(fault));
    *out = ticket;
    return PF_OK;
}
