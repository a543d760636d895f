#include "base/text.h"
#include "base/words.h"
#include "sys/conn_private.h"
#include "sys/tls_client_private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

static void add_name(struct pf_span *all, struct pf_bytes name)
{
    char text[100];

    pf_text_safe(text, sizeof text, name);
    pf_span_format(all, "%s%s", all->len ? ", " : "", text);
}

/* What a person may compare with what he wrote; too many are cut. */
static void note_names(struct pf_tls_client *c, const X509 *leaf)
{
    struct pf_span all = {(unsigned char *)c->names, 0, sizeof c->names - 1};
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    char text[100] = "";

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

        if (one->type == GEN_DNS)
            add_name(&all, pf_bytes_from(ASN1_STRING_get0_data(one->d.dNSName),
                                         (size_t)ASN1_STRING_length(one->d.dNSName)));
    }
    GENERAL_NAMES_free(names);
    if (all.len == 0 &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, text, sizeof text) > 0)
        add_name(&all, pf_bytes_of(text));
    c->names[all.len] = 0;
}

static void note_day(struct pf_tls_client *c, const ASN1_TIME *time)
{
    struct tm day;

    if (ASN1_TIME_to_tm(time, &day) != 1 || strftime(c->ends, sizeof c->ends, "%Y-%m-%d", &day) == 0)
        snprintf(c->ends, sizeof c->ends, "?");
}

static void note_pin(struct pf_tls_client *c, X509 *leaf, unsigned char out_digest[PF_TLS_PIN])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    unsigned got = 0;

    memset(out_digest, 0, PF_TLS_PIN);
    if (len > 0 && EVP_Digest(der, (size_t)len, out_digest, &got, EVP_sha256(), NULL) == 1 &&
        got == PF_TLS_PIN)
        EVP_EncodeBlock((unsigned char *)c->pin, out_digest, PF_TLS_PIN);
    OPENSSL_free(der);
}

static void note_chain(struct pf_tls_client *c, const STACK_OF(X509) * shown)
{
    c->chain = BIO_new(BIO_s_mem());
    for (int i = 0; c->chain && i < sk_X509_num(shown); i++)
        PEM_write_bio_X509(c->chain, sk_X509_value(shown, i));
}

/* The issuer of the last certificate of the chain as it was built: who would have to be known. */
static void note_issuer(struct pf_tls_client *c, X509_STORE_CTX *store)
{
    const X509 *at = X509_STORE_CTX_get_current_cert(store);
    char text[80] = "";

    if (at &&
        X509_NAME_get_text_by_NID(X509_get_issuer_name(at), NID_commonName, text, sizeof text) <= 0)
        X509_NAME_get_text_by_NID(X509_get_issuer_name(at), NID_organizationName, text, sizeof text);
    pf_text_safe(c->issuer, sizeof c->issuer, pf_bytes_of(text));
}

static bool is_pinned(const struct pf_tls_client *c, const unsigned char digest[PF_TLS_PIN])
{
    for (size_t i = 0; c->pin[0] && i < c->pin_count; i++)
        if (memcmp(c->pins[i], digest, PF_TLS_PIN) == 0)
            return true;
    return false;
}

static bool by_chain(struct pf_tls_client *c, X509_STORE_CTX *store)
{
    bool good = X509_verify_cert(store) == 1;
    const X509 *at = X509_STORE_CTX_get_current_cert(store);
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

    c->verdict = X509_STORE_CTX_get_error(store);
    if (!good && at) {
        note_issuer(c, store);
        note_day(c, c->verdict == X509_V_ERR_CERT_NOT_YET_VALID ? X509_get0_notBefore(at)
                                                                : X509_get0_notAfter(at));
    }
    if (good)
        c->checked = c->way == PF_TLS_BY_DANE && X509_STORE_CTX_get0_param(store) &&
                             SSL_get0_dane_authority((SSL *)(uintptr_t)ssl, NULL, NULL) >= 0
                         ? "dane"
                         : "ca";
    return good;
}

static bool judged(struct pf_tls_client *c, X509_STORE_CTX *store,
                   const unsigned char digest[PF_TLS_PIN])
{
    switch (c->way) {
    case PF_TLS_UNCHECKED:
        c->checked = "unchecked";
        return true;
    case PF_TLS_BY_PIN:
        if (!is_pinned(c, digest)) {
            c->verdict = X509_V_ERR_CERT_UNTRUSTED;
            return false;
        }
        c->checked = "pin";
        return true;
    case PF_TLS_BY_CA:
    case PF_TLS_BY_DANE:
        break;
    }
    return by_chain(c, store);
}

int pf_tls_client_judge(X509_STORE_CTX *store, void *self)
{
    struct pf_tls_client *c = self;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    unsigned char digest[PF_TLS_PIN];

    if (c->seen || !leaf)
        return 0;
    c->seen = true;
    note_names(c, leaf);
    note_pin(c, leaf, digest);
    note_chain(c, X509_STORE_CTX_get0_untrusted(store));
    c->refused = !judged(c, store, digest);
    X509_STORE_CTX_set_error(store, c->refused ? c->verdict : X509_V_OK);
    ERR_clear_error();
    return c->refused ? 0 : 1;
}

static enum pf_code say_unknown(const struct pf_tls_client *c, struct pf_err *err)
{
    return pf_fail(err, PF_NEED_TLS, 0, "tls",
                   "nobody known here vouches for the certificate of %.80s (signed by \"%.60s\"): name "
                   "the file of its CA, "
                   "or, if you know that the key is its own, pin it: %s",
                   c->name, c->issuer, c->pin);
}

static enum pf_code say_refused(const struct pf_tls_client *c, struct pf_err *err)
{
    if (c->way == PF_TLS_BY_PIN)
        return pf_fail(err, PF_NEED_TLS, 0, "tls",
                       "the key of %.80s is not one of those that are pinned: either its administrator "
                       "changed it (ask him), "
                       "or somebody sits between; it showed %s",
                       c->name, c->pin);
    switch (c->verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return pf_fail(err, PF_NEED_TLS, 0, "tls",
                       "the certificate of %.80s expired on %s: its administrator has to renew it; is "
                       "this computer's clock right?",
                       c->name, c->ends);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return pf_fail(
            err, PF_NEED_TLS, 0, "tls",
            "the certificate of %.80s is not valid before %s: is this computer's clock right?", c->name,
            c->ends);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return pf_fail(err, PF_NEED_TLS, 0, "tls",
                       "the certificate is not for %.80s, but for %s: use the name that is in it",
                       c->name, c->names[0] ? c->names : pf_words("nobody"));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return say_unknown(c, err);
    case X509_V_ERR_DANE_NO_MATCH:
        return pf_fail(err, PF_NEED_TLS, 0, "tls",
                       "the TLSA records of %.80s do not fit the certificate that it shows: either its "
                       "administrator forgot to change them, or somebody sits between",
                       c->name);
    default:
        return pf_fail(err, PF_NEED_TLS, 0, "tls", "the certificate of %.80s is not good: %s", c->name,
                       X509_verify_cert_error_string(c->verdict));
    }
}

/* What plain text looks like to who expects a record of TLS. */
static bool is_no_tls(unsigned long fault)
{
    int reason = ERR_GET_REASON(fault);

    return ERR_GET_LIB(fault) == ERR_LIB_SSL &&
           (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
            reason == SSL_R_HTTP_REQUEST || reason == SSL_R_BAD_RECORD_TYPE);
}

static bool is_old(unsigned long fault)
{
    int reason = ERR_GET_REASON(fault);

    return ERR_GET_LIB(fault) == ERR_LIB_SSL &&
           (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

enum pf_code pf_tls_client_result(const struct pf_tls_client *c, const struct pf_conn *conn,
                                  struct pf_err *err)
{
    enum pf_code code = pf_conn_tls_result(conn, err);

    if (code == PF_OK || code == PF_STATE)
        return code;
    if (c->refused)
        return say_refused(c, err);
    if (is_no_tls(conn->tls_fault))
        return pf_fail(err, PF_SYNTAX, 0, "tls", "%.80s does not speak TLS here", c->name);
    if (is_old(conn->tls_fault))
        return pf_fail(err, PF_NEED_TLS, 0, "tls",
                       "%.80s has no TLS 1.2 or later, and older ones are not safe", c->name);
    return code;
}
