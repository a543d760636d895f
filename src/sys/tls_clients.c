#include "sys/tls_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct pf_tls_clients {
    STACK_OF(X509) *all;
    /* Not the context's own store: from that one OpenSSL completes the server's chain. */
    X509_STORE *store;
    unsigned char mark[PF_TLS_MARK];
};

static_assert(PF_TLS_MARK == SSL_MAX_SID_CTX_LENGTH, "a SHA-256 fills a session id context");

void pf_tls_clients_free(struct pf_tls_clients *clients)
{
    if (!clients)
        return;
    sk_X509_pop_free(clients->all, X509_free);
    X509_STORE_free(clients->store);
    free(clients);
}

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, 0, "pf_tls_clients_new", "no memory for certificates of clients: %s",
                   pf_tls_reason());
}

/* Owned by the stack from now on. */
static bool add(struct pf_tls_clients *clients, X509 *one)
{
    if (sk_X509_push(clients->all, one) > 0)
        return X509_STORE_add_cert(clients->store, one) == 1;
    X509_free(one);
    return false;
}

static enum pf_code parse(struct pf_tls_clients *clients, BIO *bio, const char *path, struct pf_err *err)
{
    bool asked = false;
    X509 *one;

    while ((one = PEM_read_bio_X509(bio, NULL, pf_tls_no_passphrase, &asked)))
        if (!add(clients, one))
            return no_memory(err);
    if (!pf_tls_file_ended())
        return pf_fail(err, PF_CONFIG, 0, __func__, "a certificate in %s is damaged: %s", path, pf_tls_reason());
    ERR_clear_error();
    if (sk_X509_num(clients->all) > 0)
        return PF_OK;
    return pf_fail(err, PF_CONFIG, 0, __func__, "file of client CAs %s holds no PEM certificate", path);
}

/* Over the certificates: a reload that leaves them as they are lets clients resume. */
static bool make_mark(struct pf_tls_clients *clients)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = hash && EVP_DigestInit_ex2(hash, EVP_sha256(), NULL) == 1;

    for (int i = 0; ok && i < sk_X509_num(clients->all); i++)
        ok = X509_digest(sk_X509_value(clients->all, i), EVP_sha256(), digest, &len) == 1 &&
             EVP_DigestUpdate(hash, digest, len) == 1;
    ok = ok && EVP_DigestFinal_ex(hash, digest, &len) == 1 && len == sizeof clients->mark;
    if (ok)
        memcpy(clients->mark, digest, sizeof clients->mark);
    EVP_MD_CTX_free(hash);
    return ok;
}

static enum pf_code load(struct pf_tls_clients *clients, const char *path, struct pf_err *err)
{
    struct pf_tls_file file;
    enum pf_code code = pf_tls_file_read("file of client CAs", path, &file, err);
    BIO *bio;

    if (code != PF_OK)
        return code;
    bio = BIO_new_mem_buf(file.at, (int)file.len);
    code = bio ? parse(clients, bio, path, err) : no_memory(err);
    BIO_free(bio);
    pf_tls_file_forget(&file);
    return code == PF_OK && !make_mark(clients) ? no_memory(err) : code;
}

struct pf_tls_clients *pf_tls_clients_new(const char *path, struct pf_err *err)
{
    struct pf_tls_clients *clients = calloc(1, sizeof *clients);

    ERR_clear_error();
    if (clients) {
        clients->all = sk_X509_new_null();
        clients->store = X509_STORE_new();
    }
    if (!clients || !clients->all || !clients->store)
        no_memory(err);
    else if (load(clients, path, err) == PF_OK)
        return clients;
    pf_tls_clients_free(clients);
    ERR_clear_error();
    return NULL;
}

/* Their subjects, so that a client with several certificates knows which to send. */
static bool name_signers(const struct pf_tls_clients *clients, SSL_CTX *ctx)
{
    for (int i = 0; i < sk_X509_num(clients->all); i++)
        if (SSL_CTX_add_client_CA(ctx, sk_X509_value(clients->all, i)) != 1)
            return false;
    return true;
}

/* Who names an intermediate CA, and not the root above it, trusts just that one. */
static bool trust(const struct pf_tls_clients *clients, SSL_CTX *ctx)
{
    return SSL_CTX_set1_verify_cert_store(ctx, clients->store) == 1 &&
           SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) == 1 &&
           X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

enum pf_code pf_tls_clients_ask(const struct pf_tls_clients *clients, SSL_CTX *ctx, struct pf_err *err)
{
    if (!trust(clients, ctx) || !name_signers(clients, ctx))
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "cannot set up certificates of clients: %s", pf_tls_reason());
    /* None need be sent; one that is sent must be good, or OpenSSL ends the handshake with the alert
     * that says what is wrong with it. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return PF_OK;
}

size_t pf_tls_clients_mark(const struct pf_tls_clients *clients, unsigned char out_mark[PF_TLS_MARK])
{
    static const unsigned char nobody[] = "postfach"; /* bound to the service, not to certificates */

    if (!clients) {
        memcpy(out_mark, nobody, sizeof nobody - 1);
        return sizeof nobody - 1;
    }
    memcpy(out_mark, clients->mark, sizeof clients->mark);
    return sizeof clients->mark;
}

const X509 *pf_tls_clients_at(const struct pf_tls_clients *clients, size_t index)
{
    if (!clients || index >= (size_t)sk_X509_num(clients->all))
        return NULL;
    return sk_X509_value(clients->all, (int)index);
}

/* No control octet, of C1 (U+0080 to U+009F) neither: a name goes into logs, and a NUL has cut names
 * in two for others. */
static bool printable(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] < 0x20 || name.at[i] == 0x7f ||
            (name.at[i] == 0xc2 && i + 1 < name.len && name.at[i + 1] < 0xa0))
            return false;
    return name.len > 0 && name.len < PF_TLS_NAME;
}

static bool is_ascii(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] >= 0x80)
            return false;
    return true;
}

static void take(struct pf_bytes name, char out_name[PF_TLS_NAME])
{
    if (!printable(name))
        return;
    memcpy(out_name, name.at, name.len);
    out_name[name.len] = 0;
}

static struct pf_bytes octets(const ASN1_STRING *string)
{
    return pf_bytes_from(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

/* The first one only: who is one of several persons depending on which of their names is usable
 * would be nobody's wish. */
static void take_mailbox(const X509 *x509, char out_name[PF_TLS_NAME])
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);

        if (one->type != GEN_EMAIL)
            continue;
        if (is_ascii(octets(one->d.rfc822Name)))
            take(octets(one->d.rfc822Name), out_name);
        break;
    }
    GENERAL_NAMES_free(all);
}

/* With two of them nobody knows which one is meant. */
static void take_common_name(const X509 *x509, char out_name[PF_TLS_NAME])
{
    const X509_NAME *subject = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    int len;

    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return;
    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len > 0)
        take(pf_bytes_from(text, (size_t)len), out_name);
    OPENSSL_free(text);
}

void pf_tls_clients_name(const X509 *x509, bool common_name, char out_name[PF_TLS_NAME])
{
    out_name[0] = 0;
    if (common_name)
        take_common_name(x509, out_name);
    else
        take_mailbox(x509, out_name);
    ERR_clear_error();
}
