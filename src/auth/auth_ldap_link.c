#include "auth/auth_ldap.h"

#include "auth/auth_sql.h"
#include "base/text.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIND "ldap"

/* libldap reads no file and no variable when it is set. Before there are threads: setenv(3) may not be called later. */
__attribute__((constructor)) static void ignore_settings_of_others(void)
{
    setenv("LDAPNOINIT", "1", 1);
}

/* Its first call sets up what all share, and that is not for two threads at once. */
static void prepare_library(void)
{
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    int version = 0;

    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
        sched_yield();
    ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

static enum pf_code take_url(struct pf_ldap *self, const char *text, struct pf_err *err)
{
    LDAPURLDesc *url;

    if (self->url_count == PF_LDAP_URLS)
        return pf_fail(err, PF_CONFIG, 0, KIND, "userdb ldap: connect: there are more than %d URLs", PF_LDAP_URLS);
    if (ldap_url_parse(text, &url) != LDAP_URL_SUCCESS)
        return pf_fail(err, PF_CONFIG, 0, KIND, "userdb ldap: connect: `%.200s` is no LDAP URL", text);
    self->urls[self->url_count++] = (struct pf_ldap_url){
        .text = text,
        .tls = self->userdb->starttls && strcmp(url->lud_scheme, "ldap") == 0 && !pf_ldap_is_local(url)};
    ldap_free_urldesc(url);
    return PF_OK;
}

enum pf_code pf_ldap_urls(struct pf_ldap *self, struct pf_err *err)
{
    const char *connect = self->userdb->connect;
    enum pf_code code = PF_OK;
    char *at = self->room;

    prepare_library();
    if (strlen(connect) > PF_LDAP_TEXT_MAX)
        return pf_fail(err, PF_CONFIG, 0, KIND, "userdb ldap: connect is too long");
    memcpy(at, connect, strlen(connect) + 1);
    for (at += strspn(at, " \t"); *at && code == PF_OK; at += strspn(at, " \t")) {
        const char *text = at;

        at += strcspn(at, " \t");
        if (*at)
            *at++ = 0;
        code = take_url(self, text, err);
    }
    if (code == PF_OK && self->url_count == 0)
        return pf_fail(err, PF_CONFIG, 0, KIND, "userdb ldap: connect has no URL");
    return code;
}

static struct timeval until(pf_time deadline)
{
    pf_time left = deadline - pf_sql_now();

    if (left < 1)
        left = 1; /* nothing would be for ever */
    return (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
}

/* Debian's, Fedora's, and those of the BSDs. */
static const char *authorities(const struct pf_conf_userdb *userdb)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/cert.pem"};

    if (userdb->ca)
        return userdb->ca;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return files[0];
}

static int set_tls(LDAP *ld, const struct pf_conf_userdb *userdb)
{
    static const int demand = LDAP_OPT_X_TLS_DEMAND, least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
    int failed = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);

    if (failed == LDAP_OPT_SUCCESS)
        failed = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, authorities(userdb));
    if (failed == LDAP_OPT_SUCCESS)
        failed = ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &least);
    if (failed == LDAP_OPT_SUCCESS)
        failed = ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
    return failed;
}

static int set_options(LDAP *ld, pf_time deadline)
{
    static const int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER;
    struct timeval time = until(deadline);
    unsigned silence = (unsigned)(time.tv_sec * 1000 + time.tv_usec / 1000);

    ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ld, LDAP_OPT_DEREF, &never);
    ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
    ldap_set_option(ld, LDAP_OPT_TCP_USER_TIMEOUT, &silence);
    ldap_set_option(ld, LDAP_OPT_TIMEOUT, &time);
    return ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &time);
}

/* A part of a message that does not come must not keep a read waiting. */
static void bound_reads(LDAP *ld, pf_time limit)
{
    struct timeval time = {.tv_sec = limit / 1000, .tv_usec = limit % 1000 * 1000};
    int fd = -1;

    if (ldap_get_option(ld, LDAP_OPT_DESC, &fd) == LDAP_OPT_SUCCESS && fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    }
}

LDAPMessage *pf_ldap_await(LDAP *ld, int id, pf_time deadline, int *out_failed)
{
    struct timeval time = until(deadline);
    LDAPMessage *message = NULL;
    int got = ldap_result(ld, id, LDAP_MSG_ONE, &time, &message);

    if (got > 0)
        return message;
    *out_failed = LDAP_TIMEOUT;
    if (got < 0)
        ldap_get_option(ld, LDAP_OPT_RESULT_CODE, out_failed);
    if (*out_failed == LDAP_SUCCESS)
        *out_failed = LDAP_SERVER_DOWN;
    ldap_msgfree(message);
    return NULL;
}

/* The result of a question of which there is but one message. */
static int result_of(LDAP *ld, int id, pf_time deadline)
{
    int failed = LDAP_OTHER, code;
    LDAPMessage *message = pf_ldap_await(ld, id, deadline, &failed);

    if (!message)
        return failed;
    code = ldap_parse_result(ld, message, &failed, NULL, NULL, NULL, NULL, 1);
    return code == LDAP_SUCCESS ? failed : code;
}

int pf_ldap_bind(struct pf_ldap_link *link, const char *dn, struct pf_bytes secret, pf_time deadline)
{
    struct berval credential = {.bv_len = secret.len, .bv_val = (char *)(uintptr_t)secret.at};
    int id, failed;

    if (!dn[0] || secret.len == 0)
        return LDAP_INVALID_CREDENTIALS;
    failed = ldap_sasl_bind(link->ld, dn, LDAP_SASL_SIMPLE, &credential, NULL, NULL, &id);
    return failed == LDAP_SUCCESS ? result_of(link->ld, id, deadline) : failed;
}

static int start_tls(LDAP *ld, pf_time deadline)
{
    struct timeval time;
    int id, failed = ldap_start_tls(ld, NULL, NULL, &id);

    if (failed == LDAP_SUCCESS)
        failed = result_of(ld, id, deadline);
    if (failed != LDAP_SUCCESS)
        return failed;
    time = until(deadline);
    ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &time);
    return ldap_install_tls(ld);
}

static int dial(LDAP *ld, const struct pf_ldap *self, const struct pf_ldap_url *url, pf_time deadline)
{
    int failed = set_options(ld, deadline);

    if (failed == LDAP_SUCCESS)
        failed = set_tls(ld, self->userdb);
    if (failed == LDAP_SUCCESS)
        failed = ldap_connect(ld);
    if (failed != LDAP_SUCCESS)
        return failed;
    bound_reads(ld, self->userdb->timeout);
    return url->tls ? start_tls(ld, deadline) : LDAP_SUCCESS;
}

static struct pf_ldap_link *connect_to(const struct pf_ldap *self, struct pf_ldap_url *url, pf_time deadline,
                                       struct pf_err *err)
{
    struct pf_ldap_link *link = calloc(1, sizeof *link);
    int failed = link ? ldap_initialize(&link->ld, url->text) : LDAP_NO_MEMORY;

    if (link)
        link->url = url;
    if (failed == LDAP_SUCCESS)
        failed = dial(link->ld, self, url, deadline);
    if (failed == LDAP_SUCCESS)
        return link;
    pf_ldap_fail(link, url->text, failed, err);
    if (link && link->ld)
        pf_ldap_close(link);
    else
        free(link);
    return NULL;
}

struct pf_ldap_link *pf_ldap_connect(struct pf_ldap *self, pf_time deadline, struct pf_err *err)
{
    struct pf_err why = {0};

    for (size_t i = 0; i < self->url_count; i++) {
        pf_time now = pf_sql_now(), part = (deadline - now) / (pf_time)(self->url_count - i);
        struct pf_ldap_link *link;

        if (part <= 0 || !pf_links_may(&self->urls[i].rest, self->userdb->timeout))
            continue;
        link = connect_to(self, &self->urls[i], now + part, &why);
        if (link)
            return link;
        pf_links_went(&self->urls[i].rest, false);
    }
    if (why.code == PF_OK)
        pf_fail(&why, PF_TEMP, 0, KIND,
                KIND ": could not be used a moment ago, and is left alone until it is tried again");
    if (err)
        *err = why;
    return NULL;
}

void pf_ldap_close(void *connection)
{
    struct pf_ldap_link *link = connection;

    ldap_unbind_ext_s(link->ld, NULL, NULL);
    free(link);
}

enum pf_code pf_ldap_fail(struct pf_ldap_link *link, const char *doing, int failed, struct pf_err *err)
{
    char *more = NULL;

    if (link && link->ld)
        ldap_get_option(link->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
    pf_fail(err, PF_TEMP, failed == LDAP_TIMEOUT ? ETIMEDOUT : 0, KIND, KIND ": %.120s: %s%s%.100s", doing,
            failed == LDAP_TIMEOUT ? "no answer in time" : ldap_err2string(failed), more && more[0] ? ": " : "",
            more ? more : "");
    ldap_memfree(more);
    if (failed == LDAP_TIMEOUT) {
        if (link)
            pf_links_went(&link->url->rest, false);
        return PF_BUSY;
    }
    if (failed == LDAP_FILTER_ERROR || failed == LDAP_PARAM_ERROR || failed == LDAP_NO_MEMORY)
        return PF_TEMP;
    return failed < 0 || failed == LDAP_UNAVAILABLE ? PF_GONE : PF_TEMP;
}

void pf_ldap_well(struct pf_ldap_link *link)
{
    if (atomic_load(&link->url->rest.retry))
        pf_links_went(&link->url->rest, true);
}
