#include "tool/secret.h"

#include "auth/oauth_http.h"
#include "auth/oauth_json.h"
#include "base/text.h"
#include "base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { FORM_MAX = 3 * (2 * PF_SECRET_MAX + 4096) }; /* each octet of two secrets and the words, encoded */

/* application/x-www-form-urlencoded, in its strictest spelling. */
static bool put_field(struct pf_span *form, const char *name, const char *text)
{
    bool good = pf_span_format(form, "%s%s=", form->len ? "&" : "", name);

    for (; good && *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = pf_is_digit(c) || (pf_lower(c) >= 'a' && pf_lower(c) <= 'z') || strchr("-._", c);

        good = plain ? pf_span_put(form, pf_bytes_from(&c, 1)) : pf_span_format(form, "%%%02X", c);
    }
    return good;
}

static bool fill_form(const struct pf_account *a, const struct pf_secret *token, const struct pf_secret *client,
                      struct pf_span *form)
{
    return put_field(form, "grant_type", "refresh_token") && put_field(form, "refresh_token", token->text) &&
           put_field(form, "client_id", a->client_id) &&
           (!a->client_secret_file || put_field(form, "client_secret", client->text)) &&
           (!a->token_scope || put_field(form, "scope", a->token_scope));
}

/* In place of the old one at once or not at all: a half token locks its owner out. */
static enum pf_code keep_token(const char *path, struct pf_bytes token, struct pf_err *err)
{
    char temporary[PATH_MAX];
    int fd, len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    bool good;

    if (len < 0 || (size_t)len >= sizeof temporary)
        return pf_fail(err, PF_CONFIG, 0, "token", "%s: the path is too long", path);
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 600 */
    if (fd < 0)
        return pf_fail(err, PF_CONFIG, errno, "token", "%s: the new refresh token cannot be kept: %s", path,
                       strerror(errno));
    good = write(fd, token.at, token.len) == (ssize_t)token.len && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    good = close(fd) == 0 && good && rename(temporary, path) == 0;
    if (good)
        return PF_OK;
    pf_fail(err, PF_IO, errno, "token", "%s: the new refresh token cannot be kept: %s", path, strerror(errno));
    unlink(temporary);
    return PF_IO;
}

static enum pf_code refused(const char *url, long status, const json_t *object, struct pf_err *err)
{
    struct pf_bytes word = {0};
    char clean[80] = "";

    if (object && pf_oauth_json_text(object, "error", &word))
        pf_text_safe(clean, sizeof clean, word);
    return pf_fail(err, status >= 400 && status < 500 && status != 429 ? PF_AUTH : PF_TEMP, 0, "token",
                   "%s gives no token: status %ld %s%s", url, status, clean,
                   strcmp(clean, "invalid_grant") == 0
                       ? pf_words(": the refresh token is no longer good, get a new one")
                       : "");
}

static enum pf_code take_answer(const struct pf_account *a, const struct pf_oauth_answer *answer, const char *old,
                                struct pf_secret *out, struct pf_err *err)
{
    json_t *object = pf_oauth_json(pf_bytes_from(answer->at, answer->len));
    struct pf_bytes token = {0}, renewed = {0};
    enum pf_code code = PF_OK;

    if (!object || answer->status != 200 || !pf_oauth_json_text(object, "access_token", &token) || token.len == 0 ||
        token.len > PF_SECRET_MAX || memchr(token.at, 0, token.len))
        code = refused(a->token_url, answer->status, object, err);
    if (code == PF_OK && pf_oauth_json_text(object, "refresh_token", &renewed) && renewed.len &&
        renewed.len <= PF_SECRET_MAX && !pf_bytes_equal(renewed, pf_bytes_of(old)) &&
        !memchr(renewed.at, '\n', renewed.len))
        code = keep_token(a->refresh_token_file, renewed, err);
    if (code == PF_OK) {
        memcpy(out->text, token.at, token.len);
        out->text[token.len] = 0;
        out->len = token.len;
    }
    json_decref(object);
    return code;
}

static enum pf_code ask(const struct pf_account *a, const struct pf_secret_way *way, const struct pf_secret secrets[2],
                        struct pf_secret *out, struct pf_err *err)
{
    unsigned char *room = malloc(FORM_MAX);
    struct pf_span form = {room, 0, FORM_MAX};
    struct pf_oauth_answer answer = {0};
    struct pf_oauth_call call = {.url = a->token_url, .ca = way->ca, .timeout = way->timeout ? way->timeout : 60000};
    enum pf_code code;

    if (!room || !fill_form(a, &secrets[0], &secrets[1], &form)) {
        free(room);
        return pf_fail(err, PF_NO_MEMORY, 0, "token", "the question for a token does not fit");
    }
    call.form = pf_span_bytes(&form);
    code = pf_oauth_http(&call, &answer, err);
    pf_wipe(room, form.len);
    free(room);
    if (code)
        return code;
    code = take_answer(a, &answer, secrets[0].text, out, err);
    if (answer.at)
        pf_wipe(answer.at, answer.len);
    free(answer.at);
    return code;
}

enum pf_code pf_secret_token(const struct pf_account *a, const struct pf_secret_way *way, struct pf_secret *out,
                             struct pf_err *err)
{
    struct pf_secret *secrets = calloc(2, sizeof *secrets);
    enum pf_code code;

    if (!secrets)
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, "token", "out of memory");
    code = pf_oauth_url_check(a->token_url, err);
    if (code == PF_OK)
        code = pf_secret_file(a->refresh_token_file, &secrets[0], err);
    if (code == PF_OK && a->client_secret_file)
        code = pf_secret_file(a->client_secret_file, &secrets[1], err);
    if (code == PF_OK)
        code = ask(a, way, secrets, out, err);
    pf_wipe(secrets, 2 * sizeof *secrets);
    free(secrets);
    return code;
}
