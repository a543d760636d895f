#include "tool/probe_private.h"

#include <openssl/x509v3.h>
#include <stdio.h>

static void describe_name(const X509_NAME *name, char *text, size_t cap)
{
    BIO *memory = BIO_new(BIO_s_mem());
    int n;

    text[0] = 0;
    if (!memory)
        return;
    X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    n = BIO_read(memory, text, (int)cap - 1);
    text[n > 0 ? n : 0] = 0;
    BIO_free(memory);
}

static void describe_names(X509 *leaf, char *text, size_t cap)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    struct pf_span out = {(unsigned char *)text, 0, cap - 1};

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        if (out.len && !pf_span_put(&out, PF_LIT(" ")))
            break;
        if (!pf_span_put(&out, pf_bytes_from(ASN1_STRING_get0_data(name->d.dNSName),
                                             (size_t)ASN1_STRING_length(name->d.dNSName))))
            break;
    }
    text[out.len] = 0;
    GENERAL_NAMES_free(names);
}

static void describe(SSL *ssl, struct pf_probe_tls *out)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    long result = SSL_get_verify_result(ssl);
    const unsigned char *alpn;
    unsigned alpn_len;
    int days = 0, seconds = 0;

    out->version = SSL_get_version(ssl);
    out->cipher = SSL_get_cipher_name(ssl);
    out->verified = result == X509_V_OK;
    snprintf(out->problem, sizeof out->problem, "%s", X509_verify_cert_error_string(result));
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    snprintf(out->alpn, sizeof out->alpn, "%.*s", (int)alpn_len, alpn ? (const char *)alpn : "");
    out->chain = (unsigned)sk_X509_num(SSL_get_peer_cert_chain(ssl));
    if (!leaf)
        return;
    describe_name(X509_get_subject_name(leaf), out->subject, sizeof out->subject);
    describe_name(X509_get_issuer_name(leaf), out->issuer, sizeof out->issuer);
    describe_names(leaf, out->names, sizeof out->names);
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)))
        out->days_left = days;
}

static bool prepare(struct pf_probe_link *link, const char *host, const char *ca_file)
{
    static const unsigned char alpn[] = "\4pop3";
    char name[256]; /* OpenSSL's macro takes it without const */

    snprintf(name, sizeof name, "%s", host);
    link->context = SSL_CTX_new(TLS_client_method());
    if (!link->context)
        return false;
    if (ca_file ? SSL_CTX_load_verify_file(link->context, ca_file) != 1
                : SSL_CTX_set_default_verify_paths(link->context) != 1)
        return false;
    /* The result is reported, so the handshake goes on whatever it is. */
    SSL_CTX_set_verify(link->context, SSL_VERIFY_NONE, NULL);
    link->ssl = SSL_new(link->context);
    return link->ssl && SSL_set_tlsext_host_name(link->ssl, name) == 1 &&
           SSL_set1_host(link->ssl, host) == 1 &&
           SSL_set_alpn_protos(link->ssl, alpn, sizeof alpn - 1) == 0 &&
           SSL_set_fd(link->ssl, link->fd) == 1;
}

enum pf_code pf_probe_tls(struct pf_probe_link *link, const char *host, const char *ca_file,
                          struct pf_probe_tls *out_tls, struct pf_err *err)
{
    enum pf_code code;

    *out_tls = (struct pf_probe_tls){.version = "", .cipher = ""};
    if (!prepare(link, host, ca_file))
        return pf_fail(err, PF_CONFIG, 0, "probe", "TLS cannot be prepared: is %s a PEM file?",
                       ca_file ? ca_file : "the system's list of authorities");
    code = pf_probe_handshake(link, err);
    if (code == PF_OK)
        describe(link->ssl, out_tls);
    return code;
}
