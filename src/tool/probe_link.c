#include "tool/probe_link.h"

#include "sys/dial.h"
#include "sys/dns_tlsa.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

double pf_probe_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

size_t pf_probe_escape(char *out_text, size_t cap, struct pf_bytes b)
{
    static const struct {
        unsigned char octet;
        const char *text;
    } short_forms[] = {{'\r', "\\r"}, {'\n', "\\n"}, {'\t', "\\t"}, {'\\', "\\\\"}};
    size_t len = 0;

    for (size_t i = 0; i < b.len; i++) {
        char text[8] = {(char)b.at[i], 0};
        size_t n;

        if (b.at[i] < 0x20 || b.at[i] > 0x7e)
            snprintf(text, sizeof text, "\\x%02X", b.at[i]);
        for (size_t k = 0; k < sizeof short_forms / sizeof short_forms[0]; k++)
            if (b.at[i] == short_forms[k].octet)
                snprintf(text, sizeof text, "%s", short_forms[k].text);
        n = strlen(text);
        if (len + n >= cap)
            break;
        memcpy(out_text + len, text, n);
        len += n;
    }
    out_text[len] = 0;
    return len;
}

static void remember(struct pf_probe_link *link, char side, struct pf_bytes b)
{
    size_t room = sizeof link->trace - link->trace_len;
    int n;

    if (link->trace_side != side && room > 8) {
        n = snprintf(link->trace + link->trace_len, room, "%s%c ", link->trace_len ? " " : "", side);
        link->trace_len += (size_t)n;
        link->trace_side = side;
        room -= (size_t)n;
    }
    if (link->trace_side == side && room > 1)
        link->trace_len += pf_probe_escape(link->trace + link->trace_len, room, b);
}

void pf_probe_mark(struct pf_probe_link *link)
{
    link->trace_len = 0;
    link->trace_side = 0;
    link->trace[0] = 0;
}

struct dialled {
    struct pf_loop *loop;
    int fd;
    struct pf_err *err;
};

static void dialled(void *self, int fd, const struct pf_err *err)
{
    struct dialled *d = self;

    d->fd = fd;
    if (fd < 0)
        *d->err = *err;
    pf_loop_stop(d->loop);
}

struct pf_probe_link *pf_probe_connect(struct pf_loop *loop, const char *address, unsigned port,
                                       pf_time wait, struct pf_err *err)
{
    struct dialled d = {loop, -1, err};
    const struct pf_dial_settings settings = {
        .host = address, .port = port, .time = wait, .done = dialled, .self = &d};
    struct pf_dial *dial = pf_dial_new(loop, NULL, &settings, err);
    struct pf_probe_link *link;

    if (!dial)
        return NULL;
    pf_loop_run(loop);
    pf_dial_free(dial);
    if (d.fd < 0)
        return NULL;
    link = calloc(1, sizeof *link);
    if (!link) {
        close(d.fd);
        pf_fail(err, PF_NO_MEMORY, 0, "probe", "no memory");
        return NULL;
    }
    link->fd = d.fd;
    link->wait = wait;
    return link;
}

void pf_probe_close(struct pf_probe_link *link)
{
    if (!link)
        return;
    ERR_clear_error();
    if (link->ssl && SSL_is_init_finished(link->ssl))
        SSL_shutdown(link->ssl);
    SSL_free(link->ssl);
    SSL_CTX_free(link->context);
    close(link->fd);
    free(link);
}

static enum pf_code wait_for(struct pf_probe_link *link, short what, double until, struct pf_err *err)
{
    struct pollfd poll_fd = {.fd = link->fd, .events = what};

    for (;;) {
        double left = until - pf_probe_clock();
        int n = left > 0 ? poll(&poll_fd, 1, (int)left + 1) : 0;

        if (n > 0)
            return PF_OK;
        if (n == 0)
            return pf_fail(err, PF_TEMP, 0, "probe", "no answer within %.0f seconds",
                           (double)link->wait / 1000);
        if (errno != EINTR)
            return pf_fail(err, PF_TEMP, errno, "probe", "the server cannot be waited for");
    }
}

bool pf_probe_hears(struct pf_probe_link *link, pf_time ms)
{
    return wait_for(link, POLLIN, pf_probe_clock() + (double)ms, NULL) == PF_OK;
}

/* What an SSL call wants before it can go on. */
static enum pf_code ssl_wait(struct pf_probe_link *link, int result, double until, struct pf_err *err)
{
    int problem = SSL_get_error(link->ssl, result);

    if (problem == SSL_ERROR_WANT_READ)
        return wait_for(link, POLLIN, until, err);
    if (problem == SSL_ERROR_WANT_WRITE)
        return wait_for(link, POLLOUT, until, err);
    if (problem == SSL_ERROR_SSL && ERR_peek_last_error())
        return pf_fail(err, PF_GONE, 0, "probe", "TLS: %s",
                       ERR_reason_error_string(ERR_peek_last_error()));
    return pf_fail(err, PF_GONE, 0, "probe", "the server closed the connection");
}

enum pf_code pf_probe_send(struct pf_probe_link *link, struct pf_bytes b, struct pf_err *err)
{
    double until = pf_probe_clock() + (double)link->wait;
    enum pf_code code = PF_OK;

    remember(link, '>', b);
    while (b.len && code == PF_OK) {
        ssize_t n;

        ERR_clear_error();
        n = link->ssl ? SSL_write(link->ssl, b.at, (int)b.len)
                      : send(link->fd, b.at, b.len, MSG_NOSIGNAL);
        if (n > 0)
            b = pf_bytes_skip(b, (size_t)n);
        else if (link->ssl)
            code = ssl_wait(link, (int)n, until, err);
        else if (errno == EAGAIN || errno == EINTR)
            code = wait_for(link, POLLOUT, until, err);
        else
            code = pf_fail(err, PF_GONE, errno, "probe", "the connection broke");
    }
    return code;
}

enum pf_code pf_probe_receive(struct pf_probe_link *link, struct pf_span *to, pf_time until,
                              struct pf_err *err)
{
    enum pf_code code = PF_OK;

    while (code == PF_OK) {
        size_t room = to->cap - to->len;
        ssize_t n;

        ERR_clear_error();
        n = link->ssl ? SSL_read(link->ssl, to->at + to->len, (int)room)
                      : recv(link->fd, to->at + to->len, room, 0);
        if (n > 0) {
            remember(link, '<', pf_bytes_from(to->at + to->len, (size_t)n));
            to->len += (size_t)n;
            return PF_OK;
        }
        if (link->ssl)
            code = ssl_wait(link, (int)n, (double)until, err);
        else if (n < 0 && (errno == EAGAIN || errno == EINTR))
            code = wait_for(link, POLLIN, (double)until, err);
        else
            code = pf_fail(err, PF_GONE, n < 0 ? errno : 0, "probe", "the server closed the connection");
    }
    return code;
}

bool pf_probe_numeric(const char *name)
{
    return strchr(name, ':') || strspn(name, "0123456789.") == strlen(name);
}

/* Records that OpenSSL does not know are of no use to anybody who runs on it. */
static bool add_records(struct pf_probe_link *link, const struct pf_tlsa_list *list)
{
    if (SSL_CTX_dane_enable(link->context) != 1 ||
        SSL_CTX_set_default_verify_paths(link->context) != 1 ||
        SSL_dane_enable(link->ssl, list->base) != 1)
        return false;
    SSL_dane_set_flags(link->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7671 section 5.1 */
    for (size_t i = 0; i < list->count; i++)
        SSL_dane_tlsa_add(link->ssl, list->at[i].usage, list->at[i].selector, list->at[i].matching,
                          list->at[i].data.at, list->at[i].data.len);
    return true;
}

bool pf_probe_dane(const struct pf_probe_link *link)
{
    return SSL_get_verify_result(link->ssl) == X509_V_OK &&
           SSL_get0_dane_authority(link->ssl, NULL, NULL) >= 0;
}

/* Everything that OpenSSL knows is tried, were it never so weak: what is found is told, and nothing
 * that matters is sent. */
static bool prepare(struct pf_probe_link *link, const struct pf_probe_tls_wish *wish)
{
    static const unsigned char alpn[] = "\4pop3";
    char name[256];

    link->context = SSL_CTX_new(TLS_client_method());
    if (!link->context)
        return false;
    SSL_CTX_set_security_level(link->context, 0);
    SSL_CTX_set_options(link->context, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_verify(link->context, SSL_VERIFY_NONE, NULL);
    if (SSL_CTX_set_cipher_list(link->context, "ALL:!aNULL:@SECLEVEL=0") != 1 ||
        SSL_CTX_set_min_proto_version(link->context, wish->lowest ? wish->lowest : TLS1_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(link->context, wish->highest) != 1)
        return false;
    link->ssl = SSL_new(link->context);
    if (!link->ssl || SSL_set_fd(link->ssl, link->fd) != 1 ||
        SSL_set_alpn_protos(link->ssl, alpn, sizeof alpn - 1))
        return false;
    if (wish->tlsa)
        return add_records(link, wish->tlsa);
    snprintf(name, sizeof name, "%s", wish->name ? wish->name : "");
    return !name[0] || pf_probe_numeric(name) || SSL_set_tlsext_host_name(link->ssl, name) == 1;
}

enum pf_code pf_probe_handshake(struct pf_probe_link *link, const struct pf_probe_tls_wish *wish,
                                struct pf_err *err)
{
    double until = pf_probe_clock() + (double)link->wait;
    enum pf_code code = PF_OK;

    if (!prepare(link, wish))
        return pf_fail(err, PF_CONFIG, 0, "probe", "this OpenSSL cannot do that");
    while (code == PF_OK) {
        int result;

        ERR_clear_error();
        result = SSL_connect(link->ssl);
        if (result == 1)
            return PF_OK;
        code = ssl_wait(link, result, until, err);
    }
    return code;
}
