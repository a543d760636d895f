#include "auth/oauth_ask.h"

#include "auth/oauth_claims.h"
#include "auth/oauth_http.h"
#include "auth/oauth_json.h"
#include "auth/oauth_memo.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SECRET_MAX = 1024,
    ENCODED_MAX = 3 * SECRET_MAX + 1, /* each octet as %XX */
    ID_MAX = 3 * 255 + 1              /* client-id has at most 255 octets */
};

struct pf_oauth_asker {
    const struct pf_conf_oauth *conf;
    struct pf_oauth_memo *memo;
    atomic_bool silent;  /* the last question had no answer */
    atomic_flag probing; /* then only who sets it asks */
    char id[ID_MAX], secret[ENCODED_MAX];
};

/* application/x-www-form-urlencoded, all that need not stand for itself as %XX. */
static bool put_encoded(struct pf_span *span, struct pf_bytes in)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = in.at[i],
                      escaped[3] = {'%', (unsigned char)digits[c >> 4], (unsigned char)digits[c & 15]};
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c == '.' || c == '_';

        if (!pf_span_put(span,
                         plain ? (struct pf_bytes){&c, 1} : (struct pf_bytes){escaped, sizeof escaped}))
            return false;
    }
    return true;
}

/* As a C string: RFC 6749 section 2.3.1 wants name and secret encoded before Basic encodes them. */
static bool encode(struct pf_bytes in, char *out, size_t cap)
{
    struct pf_span span = {(unsigned char *)out, 0, cap};

    return put_encoded(&span, in) && pf_span_put(&span, PF_LIT("\0"));
}

static enum pf_code read_line(const char *path, char out_line[SECRET_MAX + 1], struct pf_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t len = 0;
    ssize_t got = 1;
    int sys;

    if (fd < 0)
        return pf_fail(err, PF_CONFIG, errno, "oauth", "client-secret-file %s: %s", path,
                       strerror(errno));
    while (got > 0 && len < SECRET_MAX) {
        got = read(fd, out_line + len, SECRET_MAX - len);
        len += got > 0 ? (size_t)got : 0;
    }
    sys = errno;
    close(fd);
    out_line[len] = 0;
    if (got < 0)
        return pf_fail(err, PF_CONFIG, sys, "oauth", "client-secret-file %s: %s", path, strerror(sys));
    out_line[strcspn(out_line, "\r\n")] = 0;
    return out_line[0] && strlen(out_line) < SECRET_MAX
               ? PF_OK
               : pf_fail(err, PF_CONFIG, 0, "oauth",
                         "client-secret-file %s: its first line is no secret of at most %d "
                         "octets",
                         path, SECRET_MAX - 1);
}

static enum pf_code read_secret(struct pf_oauth_asker *asker, struct pf_err *err)
{
    const struct pf_conf_oauth *conf = asker->conf;
    char line[SECRET_MAX + 1];
    enum pf_code code = PF_OK;

    if (conf->client_secret_file && !conf->client_id)
        return pf_fail(err, PF_CONFIG, 0, "oauth", "client-secret-file is set, but client-id is not");
    if (conf->client_id && !encode(pf_bytes_of(conf->client_id), asker->id, sizeof asker->id))
        return pf_fail(err, PF_CONFIG, 0, "oauth", "client-id is longer than 255 octets");
    if (!conf->client_secret_file)
        return PF_OK;
    code = read_line(conf->client_secret_file, line, err);
    if (code == PF_OK)
        encode(pf_bytes_of(line), asker->secret, sizeof asker->secret);
    pf_wipe(line, sizeof line);
    return code;
}

struct pf_oauth_asker *pf_oauth_asker_new(const struct pf_conf_oauth *conf, struct pf_err *err)
{
    struct pf_oauth_asker *asker = calloc(1, sizeof *asker);

    if (asker) {
        asker->conf = conf;
        asker->memo = pf_oauth_memo_new();
        atomic_flag_clear(&asker->probing);
    }
    if (!asker || !asker->memo)
        pf_fail(err, PF_NO_MEMORY, 0, "oauth", "no memory to ask about tokens");
    else if (pf_oauth_url_check(conf->introspect, err) == PF_OK && read_secret(asker, err) == PF_OK)
        return asker;
    pf_oauth_asker_free(asker);
    return NULL;
}

void pf_oauth_asker_free(struct pf_oauth_asker *asker)
{
    if (!asker)
        return;
    pf_oauth_memo_free(asker->memo);
    pf_wipe(asker, sizeof *asker);
    free(asker);
}

/* RFC 7662 section 2.2; section 2.3: 401 is about us, never about the token. */
static enum pf_code judge(const struct pf_oauth_asker *asker, const struct pf_oauth_answer *answer,
                          int64_t now, struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    const char *url = asker->conf->introspect;
    const json_t *active;
    enum pf_code code;
    json_t *claims;

    if (answer->status == 400 || answer->status == 401 || answer->status == 403)
        return pf_fail(err, PF_TEMP, 0, "oauth",
                       "introspect %s: client-id or its secret is refused (HTTP status %ld)", url,
                       answer->status);
    if (answer->status != 200)
        return pf_fail(err, PF_TEMP, 0, "oauth",
                       "introspect %s: the server answers with HTTP status %ld", url, answer->status);
    claims = pf_oauth_json(pf_bytes_from(answer->at, answer->len));
    active = json_object_get(claims, "active");
    if (!json_is_boolean(active))
        code =
            pf_fail(err, PF_TEMP, 0, "oauth", "introspect %s: the answer is not that of RFC 7662", url);
    else if (!json_is_true(active))
        code = pf_fail(err, PF_AUTH, 0, "oauth", "the token is not active");
    else
        code = pf_oauth_claims_check(claims, asker->conf, true, now, out_grant, err);
    json_decref(claims);
    return code;
}

static enum pf_code put_question(struct pf_oauth_asker *asker, struct pf_bytes token,
                                 struct pf_oauth_answer *answer, struct pf_err *err)
{
    static const char head[] = "token_type_hint=access_token&token=";
    size_t cap = sizeof head + 3 * token.len; /* at most 64 KiB of token */
    struct pf_span form = {malloc(cap), 0, cap};
    struct pf_oauth_call call = {.url = asker->conf->introspect,
                                 .ca = asker->conf->ca,
                                 .user = asker->conf->client_id ? asker->id : NULL,
                                 .password = asker->secret,
                                 .timeout = asker->conf->timeout};
    enum pf_code code;

    if (!form.at || !pf_span_put(&form, pf_bytes_of(head)) || !put_encoded(&form, token)) {
        free(form.at);
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, "oauth", "no memory to ask about a token");
    }
    call.form = pf_span_bytes(&form);
    code = pf_oauth_http(&call, answer, err);
    pf_wipe(form.at, form.len);
    free(form.at);
    return code;
}

enum pf_code pf_oauth_ask(struct pf_oauth_asker *asker, struct pf_bytes token, int64_t now,
                          struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    struct pf_oauth_answer answer = {0};
    bool probe = atomic_load(&asker->silent);
    enum pf_code code;

    if (pf_oauth_memo_find(asker->memo, token, now, out_grant))
        return PF_OK;
    if (probe && atomic_flag_test_and_set(&asker->probing))
        return pf_fail(err, PF_TEMP, 0, "oauth", "introspect %s: it does not answer",
                       asker->conf->introspect);
    code = put_question(asker, token, &answer, err);
    if (code != PF_NO_MEMORY)
        atomic_store(&asker->silent, code != PF_OK);
    if (probe)
        atomic_flag_clear(&asker->probing);
    if (code == PF_OK)
        code = judge(asker, &answer, now, out_grant, err);
    free(answer.at);
    if (code == PF_OK)
        pf_oauth_memo_keep(asker->memo, token, now, out_grant);
    return code == PF_NO_MEMORY ? PF_TEMP : code;
}
