#include "base/text.h"
#include "sys/tls_private.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>

/* RFC 9325 section 4.2: ECDHE and AEAD only. Cheap AES first; who prefers ChaCha20 (no AES in
 * hardware) gets it by SSL_OP_PRIORITIZE_CHACHA. */
#define SAFE_CIPHERS                                             \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
static const char default_ciphers[] = SAFE_CIPHERS;

/* TLS 1.3, in the same order: with AES-128 comes SHA-256, which processors have in hardware, and a handshake derives
 * some twenty keys with it. */
static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* A client of mail has one connection at a time, and needs one ticket for the next; the second that OpenSSL would give
 * costs every handshake. */
enum { TICKETS = 1 };

/* Behind those what clients know that have only SHA-1 and CBC. */
static const char old_ciphers[] = SAFE_CIPHERS ":"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
    "AES128-SHA:AES256-SHA";

/* PORT-010: who offers protocols but not ours was led here from another service. */
static int alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                unsigned in_len, void *self)
{
    static const unsigned char ours[] = {4, 'p', 'o', 'p', '3'};

    (void)ssl;
    (void)self;
    for (size_t i = 0; i < in_len; i += (size_t)in[i] + 1)
        if (in_len - i >= sizeof ours && memcmp(in + i, ours, sizeof ours) == 0) {
            *out = in + i + 1;
            *out_len = sizeof ours - 1;
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static uint64_t options(const struct pf_tls_settings *settings)
{
    /* A bare FIN is an end like close_notify: see pf_conn_read. */
    uint64_t set = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF;

    return settings->ktls ? set | SSL_OP_ENABLE_KTLS : set;
}

static bool is_old(const struct pf_tls_settings *settings)
{
    return settings->minimum == PF_TLS_1_0 || settings->minimum == PF_TLS_1_1;
}

static const char *ciphers(const struct pf_tls_settings *settings)
{
    if (settings->ciphers)
        return settings->ciphers;
    return is_old(settings) ? old_ciphers : default_ciphers;
}

/* What a session must have been made under to be resumed: signers of clients' certificates, and policy. */
static bool set_mark(SSL_CTX *ctx, const struct pf_tls_clients *clients, const struct pf_tls_settings *settings)
{
    unsigned char text[1200], mark[PF_TLS_MARK]; /* a cipher list of the settings has at most 1024 octets */
    struct pf_span all = {text, 0, sizeof text};
    unsigned len = 0;

    all.len = pf_tls_clients_mark(clients, text);
    return pf_span_format(&all, "|%d|%s", settings->minimum, ciphers(settings)) &&
           EVP_Digest(text, all.len, mark, &len, EVP_sha256(), NULL) == 1 &&
           SSL_CTX_set_session_id_context(ctx, mark, len) == 1;
}

enum pf_code pf_tls_policy_set(SSL_CTX *ctx, const struct pf_tls_settings *settings,
                               const struct pf_tls_clients *clients, struct pf_err *err)
{
    static const int versions[] = {[PF_TLS_1_0] = TLS1_VERSION, [PF_TLS_1_1] = TLS1_1_VERSION,
                                   [PF_TLS_1_2] = TLS1_2_VERSION, [PF_TLS_1_3] = TLS1_3_VERSION};

    SSL_CTX_set_options(ctx, options(settings));
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (is_old(settings)) /* the signatures of TLS 1.0 and 1.1 are made with SHA-1 */
        SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_read_ahead(ctx, 1); /* a record, or several, in one call instead of two for each */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* TLS-024 */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, alpn, NULL);
    /* TLS-033 is the third call. */
    if (SSL_CTX_set_min_proto_version(ctx, versions[settings->minimum]) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, 0) != 1 || SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
        !set_mark(ctx, clients, settings))
        return pf_fail(err, PF_CONFIG, 0, __func__, "cannot set up TLS: %s", pf_tls_reason());
    if (SSL_CTX_set_ciphersuites(ctx, suites) != 1 || SSL_CTX_set_num_tickets(ctx, TICKETS) != 1)
        return pf_fail(err, PF_CONFIG, 0, __func__, "this OpenSSL lacks the suites of TLS 1.3");
    if (SSL_CTX_set_cipher_list(ctx, ciphers(settings)) != 1)
        return pf_fail(err, PF_CONFIG, 0, __func__, "no usable cipher in the list \"%s\"", ciphers(settings));
    return PF_OK;
}
