#include "unit/sys/peer.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[PATH_CAP];

char *cert_dir(void)
{
    const char *base = getenv("TMPDIR");

    if (directory[0])
        return directory;
    snprintf(directory, sizeof directory, "%s/pf-cert-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(directory));
    return directory;
}

const char *cert_path(const char *name)
{
    static char paths[8][PATH_CAP * 2];
    static unsigned turn;
    char *path = paths[turn++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", cert_dir(), name);
    return path;
}

void cert_write(const char *name, const char *text)
{
    FILE *file = fopen(cert_path(name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void cert_dir_remove(void)
{
    DIR *all = directory[0] ? opendir(directory) : NULL;
    struct dirent *one;

    if (!all)
        return;
    while ((one = readdir(all)))
        unlink(cert_path(one->d_name));
    closedir(all);
    rmdir(directory);
    directory[0] = 0;
}

static void add_extension(X509 *x509, int which, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, which, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void write_pair(const struct cert *cert, X509 *x509, EVP_PKEY *key)
{
    char name[64];
    FILE *file;

    snprintf(name, sizeof name, "%s.pem", cert->file);
    file = fopen(cert_path(name), "we");
    assert_int_equal(PEM_write_X509(file, x509), 1);
    fclose(file);
    snprintf(name, sizeof name, "%s.key", cert->file);
    file = fopen(cert_path(name), "we");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static X509 *read_certificate(const char *name)
{
    char file[64];
    FILE *in;
    X509 *x509;

    snprintf(file, sizeof file, "%s.pem", name);
    in = fopen(cert_path(file), "re");
    assert_non_null(in);
    x509 = PEM_read_X509(in, NULL, NULL, NULL);
    fclose(in);
    assert_non_null(x509);
    return x509;
}

static EVP_PKEY *read_key(const char *name)
{
    char file[64];
    FILE *in;
    EVP_PKEY *key;

    snprintf(file, sizeof file, "%s.key", name);
    in = fopen(cert_path(file), "re");
    assert_non_null(in);
    key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    fclose(in);
    assert_non_null(key);
    return key;
}

static void sign(const struct cert *cert, X509 *x509, EVP_PKEY *own)
{
    X509 *signer = cert->signer ? read_certificate(cert->signer) : NULL;
    EVP_PKEY *key = cert->signer ? read_key(cert->signer) : NULL;

    X509_set_issuer_name(x509, X509_get_subject_name(signer ? signer : x509));
    assert_true(X509_sign(x509, key ? key : own, EVP_sha256()) > 0);
    X509_free(signer);
    EVP_PKEY_free(key);
}

static void add_extensions(const struct cert *cert, X509 *x509)
{
    if (cert->names)
        add_extension(x509, NID_subject_alt_name, cert->names);
    if (cert->odd)
        assert_int_equal(X509_add1_ext_i2d(x509, NID_subject_alt_name, (void *)(uintptr_t)cert->odd, 0, 0), 1);
    if (cert->usage)
        add_extension(x509, NID_ext_key_usage, cert->usage);
    if (cert->ca)
        add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
}

void cert_make(const struct cert *cert)
{
    static long serial;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    X509_NAME *subject = cert->subject ? X509_NAME_dup(cert->subject) : X509_NAME_new();

    assert_non_null(key);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), cert->from);
    X509_gmtime_adj(X509_getm_notAfter(x509), cert->until);
    if (!cert->subject)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)cert->file, -1, -1, 0);
    X509_set_subject_name(x509, subject);
    X509_set_pubkey(x509, key);
    add_extensions(cert, x509);
    sign(cert, x509, key);
    write_pair(cert, x509, key);
    X509_NAME_free(subject);
    X509_free(x509);
    EVP_PKEY_free(key);
}

struct pf_tls *tls_asking(struct pf_tls_tickets *tickets, const char *pair, const char *signer, bool common_name)
{
    char paths[3][PATH_CAP * 2];
    struct pf_tls_pair pairs = {paths[0], paths[1]};
    struct pf_tls_settings settings = {.pairs = &pairs, .pair_count = 1, .client_common_name = common_name};
    struct pf_tls *tls;

    snprintf(paths[0], sizeof paths[0], "%s/%s.pem", cert_dir(), pair);
    snprintf(paths[1], sizeof paths[1], "%s/%s.key", cert_dir(), pair);
    snprintf(paths[2], sizeof paths[2], "%s/%s.pem", cert_dir(), signer ? signer : "");
    settings.client_ca = signer ? paths[2] : NULL;
    tls = pf_tls_new(&settings, tickets, NULL);
    assert_non_null(tls);
    return tls;
}

static void show_certificate(struct client *client)
{
    X509 *x509 = read_certificate(client->certificate);
    EVP_PKEY *key = read_key(client->certificate);

    assert_int_equal(SSL_use_certificate(client->ssl, x509), 1);
    assert_int_equal(SSL_use_PrivateKey(client->ssl, key), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static int got_session(SSL *ssl, SSL_SESSION *session)
{
    struct client *client = SSL_get_app_data(ssl);

    SSL_SESSION_free(client->given);
    client->given = session; /* ours now */
    client->given_count++;
    return 1;
}

static void prepare(struct client *client, int fd)
{
    char name[256];

    client->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(client->ctx);
    SSL_CTX_set_security_level(client->ctx, 0); /* so that it can offer TLS 1.1 */
    SSL_CTX_set_min_proto_version(client->ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client->ctx, client->max_version);
    SSL_CTX_set_session_cache_mode(client->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->ctx, got_session);
    client->ssl = SSL_new(client->ctx);
    SSL_set_app_data(client->ssl, client);
    SSL_set_options(client->ssl, client->options);
    if (client->certificate)
        show_certificate(client);
    SSL_set_fd(client->ssl, fd);
    if (client->sni) { /* the macro for this casts a const away */
        snprintf(name, sizeof name, "%s", client->sni);
        SSL_ctrl(client->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name);
    }
    if (client->alpn)
        SSL_set_alpn_protos(client->ssl, (const unsigned char *)client->alpn, (unsigned)strlen(client->alpn));
    if (client->session)
        assert_int_equal(SSL_set_session(client->ssl, client->session), 1);
    SSL_set_connect_state(client->ssl);
}

static void note(struct client *client)
{
    X509 *x509 = SSL_get1_peer_certificate(client->ssl);
    const unsigned char *selected = NULL;

    if (x509)
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, client->subject,
                                  sizeof client->subject);
    X509_free(x509);
    SSL_get0_alpn_selected(client->ssl, &selected, &client->selected_len);
    if (selected)
        memcpy(client->selected, selected, client->selected_len);
}

/* A failed client writes on the socket no more, but must have sent its alert. */
static void step(struct client *client)
{
    int result, problem;

    if (client->done || client->failed)
        return;
    ERR_clear_error();
    result = SSL_do_handshake(client->ssl);
    problem = SSL_get_error(client->ssl, result);
    if (result == 1) {
        client->done = true;
        note(client);
    } else if (problem != SSL_ERROR_WANT_READ && problem != SSL_ERROR_WANT_WRITE) {
        client->failed = true;
        client->why = ERR_get_error();
        ERR_clear_error();
    }
}

void client_shake(struct spot *spot, struct pf_tls *tls, struct client *client)
{
    prepare(client, spot->client);
    spot->tls_ends = 0;
    spot->inside = true;
    assert_int_equal(pf_conn_start_tls(spot->conn, tls, NULL), PF_OK);
    spot->inside = false;
    while (!spot->tls_ends || !(client->done || client->failed)) {
        step(client);
        peer_turn(spot);
    }
    assert_int_equal(spot->tls_ends, 1);
}

int client_read(struct client *client, void *at, int cap)
{
    ERR_clear_error();
    return SSL_read(client->ssl, at, cap);
}

void client_done(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    SSL_SESSION_free(client->given);
    *client = (struct client){.ssl = NULL};
}
