/* HTTP for key sets and questions: one request, one answer, blocking, bounded in time and size.
 *
 * https only; http on a loopback address, for a helper beside the server. No redirect is followed (who
 * moved is asked at his new address by a change of the settings), and nothing of the environment or of a
 * home folder has a say: no proxy, no .netrc. libcurl is named here only. */
#ifndef POSTFACH_AUTH_OAUTH_HTTP_H
#define POSTFACH_AUTH_OAUTH_HTTP_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_oauth_call {
    const char *url, *ca;        /* ca: a PEM file, or NULL */
    const char *user, *password; /* for Basic (RFC 7617), or NULL */
    struct pf_bytes form;        /* a form to post; at NULL: nothing, it is a GET */
    int64_t timeout;             /* ms */
};

struct pf_oauth_answer {
    long status;
    unsigned char *at; /* free it */
    size_t len;
};

/* PF_OK, or PF_CONFIG for a URL that is not taken. Also makes libcurl ready. */
enum pf_code pf_oauth_url_check(const char *url, struct pf_err *err);
/* From any thread. Anything that is not an answer of HTTP is PF_TEMP. */
enum pf_code pf_oauth_http(const struct pf_oauth_call *, struct pf_oauth_answer *out,
                           struct pf_err *err);

#endif
