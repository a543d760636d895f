#include "tool/probe_parts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

/* Keys that can be factored or guessed within a lifetime: NIST SP 800-131A. */
enum { RSA_LEAST = 2048, CURVE_LEAST = 224 };

/* ONELINE escapes controls and everything beyond ASCII. */
static void put_name(const X509_NAME *name, char *text, size_t cap)
{
    BIO *memory = BIO_new(BIO_s_mem());
    int n = 0;

    if (memory && X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE) >= 0)
        n = BIO_read(memory, text, (int)cap - 1);
    text[n > 0 ? n : 0] = 0;
    BIO_free(memory);
}

static void put_address(const ASN1_OCTET_STRING *ip, char *text, size_t cap)
{
    char *shown = i2s_ASN1_OCTET_STRING(NULL, ip);
    const unsigned char *at = ASN1_STRING_get0_data(ip);

    if (ASN1_STRING_length(ip) == 4)
        snprintf(text, cap, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
    else
        snprintf(text, cap, "%s", shown ? shown : "");
    OPENSSL_free(shown);
}

static void put_names(X509 *certificate, char *text, size_t cap)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct pf_span out = {(unsigned char *)text, 0, cap - 1};

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char one[256] = "";

        if (name->type == GEN_DNS)
            pf_probe_escape(one, sizeof one,
                            pf_bytes_from(ASN1_STRING_get0_data(name->d.dNSName),
                                          (size_t)ASN1_STRING_length(name->d.dNSName)));
        else if (name->type == GEN_IPADD)
            put_address(name->d.iPAddress, one, sizeof one);
        if (one[0] &&
            ((out.len && !pf_span_put(&out, PF_LIT(" "))) || !pf_span_put(&out, pf_bytes_of(one))))
            break;
    }
    text[out.len] = 0;
    GENERAL_NAMES_free(names);
}

static void put_time(const ASN1_TIME *at, char text[32])
{
    struct tm tm;

    if (ASN1_TIME_to_tm(at, &tm) != 1 || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text[0] = 0;
}

static void put_key(X509 *certificate, struct pf_probe_certificate *out)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    int bits = key ? EVP_PKEY_get_bits(key) : 0;
    const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;
    bool rsa =
        key && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") || EVP_PKEY_is_a(key, "DSA"));

    snprintf(out->key, sizeof out->key, "%s %d", type ? type : "?", bits);
    out->weak_key = bits < (rsa ? RSA_LEAST : CURVE_LEAST);
}

static void put_signature(X509 *certificate, struct pf_probe_certificate *out)
{
    int id = X509_get_signature_nid(certificate), digest = NID_undef, key;

    snprintf(out->signature, sizeof out->signature, "%s", OBJ_nid2ln(id));
    if (OBJ_find_sigid_algs(id, &digest, &key))
        out->weak_signature =
            digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_md2;
}

static void put_digests(X509 *certificate, struct pf_probe_certificate *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned len = 0;
    int size;

    if (X509_digest(certificate, EVP_sha256(), digest, &len) == 1)
        for (unsigned i = 0; i < len && i < 32; i++)
            snprintf(out->fingerprint + 2 * i, 3, "%02x", digest[i]);
    size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size > 0 && EVP_Digest(der, (size_t)size, digest, &len, EVP_sha256(), NULL) == 1)
        EVP_EncodeBlock((unsigned char *)out->pin, digest, (int)len);
    OPENSSL_free(der);
}

static void describe(X509 *certificate, struct pf_probe_certificate *out)
{
    int days = 0, seconds = 0;

    put_name(X509_get_subject_name(certificate), out->subject, sizeof out->subject);
    put_name(X509_get_issuer_name(certificate), out->issuer, sizeof out->issuer);
    put_names(certificate, out->names, sizeof out->names);
    put_time(X509_get0_notBefore(certificate), out->begins);
    put_time(X509_get0_notAfter(certificate), out->ends);
    put_key(certificate, out);
    put_signature(certificate, out);
    put_digests(certificate, out);
    out->begun = X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) == 1)
        out->days_left = days < 0 || seconds < 0 ? days - 1 : days;
    out->signs_itself =
        X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

static X509_STORE *authorities(const char *ca)
{
    X509_STORE *store = X509_STORE_new();

    if (store &&
        (ca ? X509_STORE_load_locations(store, ca, NULL) : X509_STORE_set_default_paths(store)) != 1 &&
        ca && X509_STORE_load_locations(store, NULL, ca) != 1) {
        X509_STORE_free(store);
        return NULL;
    }
    return store;
}

/* Whether somebody who is trusted vouches for it. Names and dates have rows of their own. */
static void verify(STACK_OF(X509) * sent, const struct pf_probe_wish *wish, struct pf_probe_chain *out)
{
    X509_STORE *store = authorities(wish->ca);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int problem;

    if (store && context && X509_STORE_CTX_init(context, store, sk_X509_value(sent, 0), sent) == 1) {
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context),
                                    X509_V_FLAG_NO_CHECK_TIME |
                                        X509_V_FLAG_PARTIAL_CHAIN * (wish->ca != NULL));
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
        out->trusted = X509_verify_cert(context) == 1;
        problem = X509_STORE_CTX_get_error(context);
        snprintf(out->problem, sizeof out->problem, "%s",
                 out->trusted ? "" : X509_verify_cert_error_string(problem));
    } else {
        snprintf(out->problem, sizeof out->problem, "no list of authorities");
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
}

/* RFC 6125: a dNSName counts, and the commonName only where there is none. */
static void match(X509 *leaf, const char *name, struct pf_probe_chain *out)
{
    if (X509_check_ip_asc(leaf, name, 0) == 1 ||
        X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1)
        out->named = true;
    else
        out->named_by_cn_only = X509_check_host(leaf, name, 0, 0, NULL) == 1;
}

void pf_probe_chain_describe(const struct pf_probe_link *link, const struct pf_probe_wish *wish,
                             struct pf_probe_chain *out)
{
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(link->ssl);
    const struct pf_probe_certificate *last;

    *out = (struct pf_probe_chain){.in_order = true};
    if (!sent || sk_X509_num(sent) == 0)
        return;
    out->sent = (size_t)sk_X509_num(sent);
    for (int i = 0; i < sk_X509_num(sent); i++) {
        X509 *certificate = sk_X509_value(sent, i);

        if (out->count < PF_PROBE_CHAIN)
            describe(certificate, &out->at[out->count++]);
        if (i > 0 && X509_NAME_cmp(X509_get_issuer_name(sk_X509_value(sent, i - 1)),
                                   X509_get_subject_name(certificate)) != 0)
            out->in_order = false;
    }
    verify(sent, wish, out);
    match(sk_X509_value(sent, 0), wish->name, out);
    last = &out->at[out->count - 1];
    out->self_signed = !out->trusted && out->sent == 1 && last->signs_itself;
    out->incomplete = !out->trusted && !last->signs_itself;
}
