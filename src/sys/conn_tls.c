#include "base/text.h"
#include "base/words.h"
#include "sys/conn_private.h"
#include "sys/tls_private.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum { EXPORTED = 32 /* RFC 9266 section 2 */ };

/* OpenSSL's errors are per thread and sticky: an old one would be taken for the next call's. */
static void before_call(void)
{
    ERR_clear_error();
    errno = 0;
}

static void fault(struct pf_conn *conn, int problem)
{
    conn->tls_errno = problem == SSL_ERROR_SYSCALL ? errno : 0;
    conn->tls_fault = ERR_get_error();
    conn->layer = PF_LAYER_DEAD;
    ERR_clear_error();
}

static enum pf_code say_fault(const struct pf_conn *conn, const char *where, const char *doing,
                              struct pf_err *err)
{
    const char *reason = conn->tls_fault ? ERR_reason_error_string(conn->tls_fault) : NULL;

    if (ERR_GET_LIB(conn->tls_fault) == ERR_LIB_SYS)
        reason = strerror(ERR_GET_REASON(conn->tls_fault));
    else if (!conn->tls_fault && conn->tls_errno)
        reason = strerror(conn->tls_errno);
    else if (!conn->tls_fault)
        reason = pf_words("the peer closed the connection");
    pf_fail(err, PF_IO, conn->tls_errno, where, "%s: %s", pf_words(doing),
            reason ? reason : pf_words("unknown trouble"));
    if (err)
        snprintf(err->say, sizeof err->say, "TLS trouble");
    return PF_IO;
}

static enum pf_io dead(const struct pf_conn *conn, const char *where, const char *doing, struct pf_err *err)
{
    say_fault(conn, where, doing, err);
    return PF_IO_FAILED;
}

bool pf_conn_tls_pending(const struct pf_conn *conn)
{
    return conn->layer == PF_LAYER_TLS &&
           (SSL_pending(conn->ssl) > 0 || (!conn->starved && SSL_has_pending(conn->ssl)));
}

enum pf_io pf_conn_tls_read(struct pf_conn *conn, unsigned char *at, size_t cap, size_t *out_len,
                            struct pf_err *err)
{
    int problem;

    if (conn->layer == PF_LAYER_DEAD)
        return dead(conn, __func__, "TLS", err);
    if (conn->half_record)
        return PF_IO_WAIT;
    before_call();
    conn->read_needs_write = false;
    conn->starved = false;
    if (SSL_read_ex(conn->ssl, at, cap, out_len) == 1)
        return PF_IO_DONE;
    problem = SSL_get_error(conn->ssl, 0);
    if (problem == SSL_ERROR_ZERO_RETURN)
        return PF_IO_EOF;
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) {
        conn->read_needs_write = problem == SSL_ERROR_WANT_WRITE;
        conn->starved = true;
        return PF_IO_WAIT;
    }
    fault(conn, problem);
    return dead(conn, __func__, "reading TLS", err);
}

/* One record, for that is what SSL_write sends at once by the mode that we set. */
static enum pf_io write_record(struct pf_conn *conn, struct pf_bytes b, size_t *out_len, struct pf_err *err)
{
    int problem;

    before_call();
    conn->write_needs_read = conn->half_record = false;
    if (SSL_write_ex(conn->ssl, b.at, b.len, out_len) == 1)
        return PF_IO_DONE;
    problem = SSL_get_error(conn->ssl, 0);
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) {
        conn->write_needs_read = problem == SSL_ERROR_WANT_READ;
        conn->half_record = true;
        return PF_IO_WAIT;
    }
    fault(conn, problem);
    return dead(conn, __func__, "writing TLS", err);
}

/* Uncorked also where nothing was written: what was before may not wait for a peer that takes nothing. */
enum pf_io pf_conn_tls_write(struct pf_conn *conn, struct pf_bytes b, size_t *out_len, struct pf_err *err)
{
    bool many = b.len > SSL3_RT_MAX_PLAIN_LENGTH;
    enum pf_io result;
    size_t sent = 0;

    if (conn->layer == PF_LAYER_DEAD)
        return dead(conn, __func__, "TLS", err);
    if (many || conn->more)
        pf_conn_cork(conn, true);
    do {
        size_t len = 0;

        result = write_record(conn, pf_bytes_skip(b, sent), &len, err);
        sent += len;
    } while (result == PF_IO_DONE && sent < b.len);
    if (!conn->more)
        pf_conn_cork(conn, false);
    if (sent == 0)
        return result;
    *out_len = sent; /* what came behind is told by the next call */
    return PF_IO_DONE;
}

enum pf_code pf_conn_start_tls(struct pf_conn *conn, struct pf_tls *tls, struct pf_err *err)
{
    SSL *ssl;

    assert(!conn->closed);
    if (conn->layer != PF_LAYER_PLAIN)
        return pf_fail(err, PF_STATE, 0, __func__, "TLS was started before");
    before_call();
    ssl = SSL_new(pf_tls_context(tls));
    if (!ssl || SSL_set_fd(ssl, conn->fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for a TLS connection");
    }
    SSL_set_accept_state(ssl);
    conn->ssl = ssl;
    conn->tls = pf_tls_hold(tls);
    conn->layer = PF_LAYER_SHAKING;
    pf_conn_arm(conn);
    return PF_OK;
}

static void note_outcome(struct pf_conn *conn)
{
    struct pf_conn_info *info = &conn->info;
    const char *name = SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name);
    char text[PF_TLS_NAME] = "";

    info->tls = true;
    info->tls_version = SSL_get_version(conn->ssl);
    info->tls_cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(conn->ssl));
    info->tls_resumed = SSL_session_reused(conn->ssl) == 1;
    if (name)
        pf_text_safe(text, sizeof text, pf_bytes_of(name));
    pf_conn_keep_text(&info->sni, text);
    text[0] = '\0';
    if (conn->tls) /* not where we are the client */
        pf_tls_client(conn->tls, conn->ssl, text);
    pf_conn_keep_text(&info->certificate, text);
}

bool pf_conn_tls_shake(struct pf_conn *conn)
{
    int result, problem;

    before_call();
    conn->read_needs_write = false;
    pf_conn_cork(conn, SSL_is_server(conn->ssl) && !SSL_in_before(conn->ssl)); /* a ticket, and then the greeting */
    result = SSL_do_handshake(conn->ssl);
    if (result == 1) {
        conn->layer = PF_LAYER_TLS;
        note_outcome(conn);
        return true;
    }
    problem = SSL_get_error(conn->ssl, result);
    if ((problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) && !conn->broken) {
        conn->read_needs_write = problem == SSL_ERROR_WANT_WRITE;
        return false;
    }
    fault(conn, problem);
    return true;
}

enum pf_code pf_conn_tls_result(const struct pf_conn *conn, struct pf_err *err)
{
    if (conn->info.tls)
        return PF_OK;
    if (conn->layer == PF_LAYER_DEAD)
        return say_fault(conn, __func__, "TLS handshake", err);
    return pf_fail(err, PF_STATE, 0, __func__, "no TLS handshake has ended");
}

/* RFC 9266 section 2: a context that is there and empty, which before TLS 1.3 is another thing than
 * none (RFC 5705 section 4). Without extended master secret two connections may have the same
 * (RFC 7627 section 1). */
static size_t export_binding(SSL *ssl, unsigned char *at, size_t cap)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    static const unsigned char empty[1];
    bool sound = SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1;

    if (!sound || cap < EXPORTED ||
        SSL_export_keying_material(ssl, at, EXPORTED, label, sizeof label - 1, empty, 0, 1) != 1)
        return 0;
    return EXPORTED;
}

/* RFC 5929 section 3.1: the first Finished message of the handshake. The client sends it in a full
 * one, the server in one that resumes. */
static size_t first_finished(SSL *ssl, unsigned char *at, size_t cap)
{
    unsigned char finished[EVP_MAX_MD_SIZE];
    bool resumed = SSL_session_reused(ssl) == 1;
    size_t len;

    if (SSL_version(ssl) >= TLS1_3_VERSION || (resumed && SSL_get_extms_support(ssl) != 1))
        return 0;
    len = resumed == (SSL_is_server(ssl) == 1) ? SSL_get_finished(ssl, finished, sizeof finished)
                                               : SSL_get_peer_finished(ssl, finished, sizeof finished);
    if (len == 0 || len > sizeof finished || len > cap)
        return 0;
    memcpy(at, finished, len);
    return len;
}

size_t pf_conn_binding(const struct pf_conn *conn, enum pf_conn_binding kind, unsigned char *at, size_t cap)
{
    size_t len = 0;

    if (conn->layer != PF_LAYER_TLS)
        return 0;
    before_call();
    switch (kind) {
    case PF_BINDING_EXPORTER:
        len = export_binding(conn->ssl, at, cap);
        break;
    case PF_BINDING_UNIQUE:
        len = first_finished(conn->ssl, at, cap);
        break;
    }
    ERR_clear_error();
    return len;
}

/* A record that is half sent has to be the last: an alert in its middle would be a broken record,
 * and the peer is right to see that output was cut off. */
bool pf_conn_tls_goodbye(struct pf_conn *conn)
{
    int result;

    if (conn->layer != PF_LAYER_TLS || conn->half_record)
        return true;
    before_call();
    result = SSL_shutdown(conn->ssl);
    if (result < 0 && SSL_get_error(conn->ssl, result) == SSL_ERROR_WANT_WRITE)
        return false;
    ERR_clear_error();
    return true;
}

void pf_conn_tls_drop(struct pf_conn *conn)
{
    SSL_free(conn->ssl);
    pf_tls_free(conn->tls);
    conn->ssl = NULL;
    conn->tls = NULL;
    conn->layer = PF_LAYER_PLAIN;
}
