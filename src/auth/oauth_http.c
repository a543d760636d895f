#include "auth/oauth_http.h"

#include "auth/oauth_json.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct sink {
    unsigned char *at;
    size_t len;
};

/* libcurl's own start is safe among threads since 7.84 where it was built so, but once is enough. */
static bool ready(void)
{
    static atomic_int state; /* 0: not yet, 1: somebody does it, 2: done */

    for (;;) {
        int seen = 0;

        if (atomic_compare_exchange_strong(&state, &seen, 1)) {
            bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;

            atomic_store(&state, done ? 2 : 0);
            return done;
        }
        if (seen == 2)
            return true;
        sched_yield();
    }
}

static bool is_loopback(const char *host)
{
    struct in_addr four;

    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 ||
           strcmp(host, "[::1]") == 0; /* libcurl asks no server for either */
}

static bool parts_ok(CURLU *url)
{
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool good = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_loopback(host))) &&
                curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;

    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    return good;
}

enum pf_code pf_oauth_url_check(const char *text, struct pf_err *err)
{
    CURLU *url;
    bool good;

    if (!ready())
        return pf_fail(err, PF_TEMP, 0, "oauth", "libcurl does not start");
    url = curl_url();
    good = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK && parts_ok(url);
    curl_url_cleanup(url);
    return good
               ? PF_OK
               : pf_fail(
                     err, PF_CONFIG, 0, "oauth",
                     "%s: only https URLs without a user are taken, and http ones of a loopback address",
                     text);
}

static size_t take(char *at, size_t size, size_t count, void *self)
{
    struct sink *sink = self;
    size_t len = size * count; /* size is always 1 */
    unsigned char *more;

    if (len > PF_OAUTH_JSON_MAX - sink->len)
        return 0;
    more = realloc(sink->at, sink->len + len + 1);
    if (!more)
        return 0;
    memcpy(more + sink->len, at, len);
    sink->at = more;
    sink->len += len;
    return len;
}

#define SET(option, value) (curl_easy_setopt(curl, CURLOPT_##option, value) == CURLE_OK)

static bool set_bounds(CURL *curl, const struct pf_oauth_call *call)
{
    return SET(PROTOCOLS_STR, "https,http") && SET(FOLLOWLOCATION, 0L) && SET(NOSIGNAL, 1L) &&
           SET(PROXY, "") && SET(NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(TIMEOUT_MS, (long)call->timeout) && SET(CONNECTTIMEOUT_MS, (long)call->timeout) &&
           SET(MAXFILESIZE, (long)PF_OAUTH_JSON_MAX) && SET(SSL_VERIFYPEER, 1L) &&
           SET(SSL_VERIFYHOST, 2L) && SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (!call->ca || SET(CAINFO, call->ca)) && (!call->ca || SET(CAPATH, NULL)) &&
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static bool set_words(CURL *curl, const struct pf_oauth_call *call, struct curl_slist *headers)
{
    if (!SET(URL, call->url) || !SET(HTTPHEADER, headers) || !SET(USERAGENT, "postfach/" PF_VERSION))
        return false;
    if (call->user && !(SET(HTTPAUTH, (long)CURLAUTH_BASIC) && SET(USERNAME, call->user) &&
                        SET(PASSWORD, call->password ? call->password : "")))
        return false;
    return !call->form.at || (SET(POST, 1L) && SET(POSTFIELDS, call->form.at) &&
                              SET(POSTFIELDSIZE_LARGE, (curl_off_t)call->form.len));
}

static enum pf_code perform(CURL *curl, const struct pf_oauth_call *call, struct pf_oauth_answer *out,
                            struct pf_err *err)
{
    char why[CURL_ERROR_SIZE] = "";
    struct sink sink = {0};
    CURLcode code = SET(ERRORBUFFER, why) && SET(WRITEFUNCTION, take) && SET(WRITEDATA, &sink)
                        ? curl_easy_perform(curl)
                        : CURLE_OUT_OF_MEMORY;

    if (code == CURLE_OK)
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    if (code == CURLE_OK) {
        out->at = sink.at;
        out->len = sink.len;
        return PF_OK;
    }
    free(sink.at);
    return pf_fail(err, PF_TEMP, 0, "oauth", "%s: %s", call->url,
                   code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED
                       ? "the answer is longer than 1 MiB"
                   : why[0] ? why
                            : curl_easy_strerror(code));
}

enum pf_code pf_oauth_http(const struct pf_oauth_call *call, struct pf_oauth_answer *out,
                           struct pf_err *err)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    CURL *curl = curl_easy_init();
    enum pf_code code;

    if (curl && headers && set_bounds(curl, call) && set_words(curl, call, headers))
        code = perform(curl, call, out, err);
    else
        code = pf_fail(err, PF_TEMP, 0, "oauth", "%s: libcurl does not take the request", call->url);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return code;
}
