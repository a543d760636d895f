#include "sys/tls_client.h"

#include "base/text.h"
#include "sys/conn_private.h"
#include "sys/tls_client_private.h"
#include "sys/tls_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_numeric(const char *name)
{
    unsigned char octets[16];

    return inet_pton(AF_INET, name, octets) == 1 || inet_pton(AF_INET6, name, octets) == 1;
}

static enum pf_code load_roots(SSL_CTX *ctx, const char *ca, struct pf_err *err)
{
    struct stat what;
    bool good;

    if (!ca) {
        good = SSL_CTX_set_default_verify_paths(ctx) == 1;
        return good ? PF_OK
                    : pf_fail(err, PF_CONFIG, 0, "tls", "this system's CAs cannot be loaded: %s",
                              pf_tls_reason());
    }
    if (stat(ca, &what) != 0)
        return pf_fail(err, PF_CONFIG, errno, "tls", "the CAs in %s cannot be read", ca);
    good = S_ISDIR(what.st_mode) ? SSL_CTX_load_verify_dir(ctx, ca) == 1
                                 : SSL_CTX_load_verify_file(ctx, ca) == 1;
    return good ? PF_OK
                : pf_fail(err, PF_CONFIG, 0, "tls", "%s holds no certificates in PEM: %s", ca,
                          pf_tls_reason());
}

/* 32 octets in hexadecimal (colons may stand in it) or base64. */
static bool parse_pin(struct pf_bytes word, unsigned char out_pin[PF_TLS_PIN])
{
    unsigned char raw[PF_TLS_PIN + 4];
    char text[3 * PF_TLS_PIN + 1];
    size_t len = 0;

    if (word.len >= sizeof text)
        return false;
    memcpy(text, word.at, word.len);
    text[word.len] = 0;
    if (word.len != PF_TLS_PIN_TEXT - 1)
        return OPENSSL_hexstr2buf_ex(out_pin, PF_TLS_PIN, &len, text,
                                     word.len == 2 * PF_TLS_PIN ? 0 : ':') == 1 &&
               len == PF_TLS_PIN;
    if (text[word.len - 1] != '=' || text[word.len - 2] == '=' ||
        EVP_DecodeBlock(raw, (unsigned char *)text, (int)word.len) != PF_TLS_PIN + 1)
        return false;
    memcpy(out_pin, raw, PF_TLS_PIN);
    return true;
}

static enum pf_code add_pins(struct pf_tls_client *c, const char *pins, struct pf_err *err)
{
    static const char blanks[] = " \t,\r\n";

    for (pins += strspn(pins, blanks); *pins; pins += strspn(pins, blanks)) {
        struct pf_bytes word = pf_bytes_from(pins, strcspn(pins, blanks));

        if (c->pin_count == PF_TLS_PINS_MAX)
            return pf_fail(err, PF_CONFIG, 0, "tls", "more than %d pins", PF_TLS_PINS_MAX);
        if (!parse_pin(word, c->pins[c->pin_count]))
            return pf_fail(err, PF_CONFIG, 0, "tls",
                           "\"%.*s\" is no pin: the SHA-256 of a public key, as 44 letters of base64 or "
                           "64 hexadecimal digits",
                           (int)(word.len > 100 ? 100 : word.len), word.at);
        c->pin_count++;
        pins += word.len;
    }
    if (c->pin_count == 0)
        return pf_fail(err, PF_CONFIG, 0, "tls", "pins are asked for, and none is there");
    return PF_OK;
}

static enum pf_code set_up(struct pf_tls_client *c, const struct pf_tls_client_settings *set,
                           struct pf_err *err)
{
    SSL_CTX *ctx = c->ctx;
    const struct pf_tls_pair pair = {set->certificate, set->key};
    static const unsigned char alpn[] = {4, 'p', 'o', 'p', '3'};

    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, pf_tls_client_judge, c);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn) != 0 ||
        (set->tlsa_count && SSL_CTX_dane_enable(ctx) != 1))
        return pf_fail(err, PF_NO_MEMORY, 0, "tls", "cannot set up TLS: %s", pf_tls_reason());
    if (set->certificate && (!set->key || pf_tls_load(ctx, &pair, err) != PF_OK))
        return set->key ? PF_CONFIG
                        : pf_fail(err, PF_CONFIG, 0, "tls", "a certificate of our own needs its key");
    if (c->way == PF_TLS_BY_PIN)
        return add_pins(c, set->pins, err);
    return c->way == PF_TLS_UNCHECKED ? PF_OK : load_roots(ctx, set->ca, err);
}

static bool add_tlsa(SSL *ssl, const struct pf_tls_client_settings *set)
{
    for (size_t i = 0; i < set->tlsa_count; i++) {
        const struct pf_tls_tlsa *t = &set->tlsa[i];

        /* 0: it cannot be used, which is no fault (RFC 7671 section 4) */
        if (SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching, t->data.at, t->data.len) < 0)
            return false;
    }
    return true;
}

static enum pf_code set_up_ssl(struct pf_tls_client *c, const struct pf_tls_client_settings *set,
                               struct pf_err *err)
{
    X509_VERIFY_PARAM *param;
    bool numeric = is_numeric(c->name);
    bool good;

    c->ssl = SSL_new(c->ctx);
    if (!c->ssl)
        return pf_fail(err, PF_NO_MEMORY, 0, "tls", "no memory for TLS");
    param = SSL_get0_param(c->ssl);
    if (c->way == PF_TLS_BY_DANE) {
        good = SSL_dane_enable(c->ssl, c->name) == 1 && add_tlsa(c->ssl, set);
        SSL_dane_set_flags(c->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7671 section 5.1 */
    } else {
        good = numeric || SSL_set_tlsext_host_name(c->ssl, c->name) == 1;
        good = good && (numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, c->name) == 1
                                : SSL_set1_host(c->ssl, c->name) == 1);
    }
    SSL_set_hostflags(c->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return good ? PF_OK
                : pf_fail(err, PF_CONFIG, 0, "tls", "no TLS for \"%.100s\": %s", c->name,
                          pf_tls_reason());
}

static enum pf_tls_way way_of(const struct pf_tls_client_settings *set)
{
    if (set->unchecked)
        return PF_TLS_UNCHECKED;
    if (set->pins)
        return PF_TLS_BY_PIN;
    return set->tlsa_count ? PF_TLS_BY_DANE : PF_TLS_BY_CA;
}

/* Without the dot of an absolute name, which no certificate has. */
static bool set_name(struct pf_tls_client *c, const char *name)
{
    size_t len = strlen(name);

    if (len > 1 && name[len - 1] == '.')
        len--;
    if (len == 0 || len >= sizeof c->name)
        return false;
    memcpy(c->name, name, len);
    return true;
}

static enum pf_code init(struct pf_tls_client *c, const struct pf_tls_client_settings *set,
                         struct pf_err *err)
{
    enum pf_code code;

    c->way = way_of(set);
    c->checked = "";
    c->verdict = X509_V_OK;
    if (!set_name(c, set->name))
        return pf_fail(err, PF_CONFIG, 0, "tls", "\"%.100s\" cannot be a server's name", set->name);
    ERR_clear_error();
    c->ctx = SSL_CTX_new(TLS_client_method());
    if (!c->ctx)
        return pf_fail(err, PF_NO_MEMORY, 0, "tls", "no memory for TLS");
    code = set_up(c, set, err);
    return code == PF_OK ? set_up_ssl(c, set, err) : code;
}

struct pf_tls_client *pf_tls_client_new(const struct pf_tls_client_settings *set, struct pf_err *err)
{
    struct pf_tls_client *c = calloc(1, sizeof *c);

    if (!c) {
        pf_fail(err, PF_NO_MEMORY, 0, "tls", "no memory for TLS");
        return NULL;
    }
    if (init(c, set, err) == PF_OK)
        return c;
    pf_tls_client_free(c);
    ERR_clear_error();
    return NULL;
}

void pf_tls_client_free(struct pf_tls_client *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    BIO_free(c->chain);
    free(c);
}

const char *pf_tls_client_checked(const struct pf_tls_client *c)
{
    return c->checked;
}

const char *pf_tls_client_pin(const struct pf_tls_client *c)
{
    return c->pin;
}

struct pf_bytes pf_tls_client_chain(const struct pf_tls_client *c)
{
    char *at = NULL;
    long len = c->chain ? BIO_get_mem_data(c->chain, &at) : 0;

    return pf_bytes_from(at, len > 0 ? (size_t)len : 0);
}

/* The client speaks first: so the socket is watched for room, not for input. */
enum pf_code pf_conn_start_tls_client(struct pf_conn *conn, struct pf_tls_client *c, struct pf_err *err)
{
    assert(!conn->closed);
    if (conn->layer != PF_LAYER_PLAIN || !c->ssl)
        return pf_fail(err, PF_STATE, 0, "tls", "TLS was started before");
    ERR_clear_error();
    if (SSL_set_fd(c->ssl, conn->fd) != 1)
        return pf_fail(err, PF_NO_MEMORY, 0, "tls", "no memory for a TLS connection");
    SSL_set_connect_state(c->ssl);
    conn->ssl = c->ssl; /* the connection's now */
    c->ssl = NULL;
    conn->layer = PF_LAYER_SHAKING;
    conn->read_needs_write = true;
    pf_conn_arm(conn);
    return PF_OK;
}
