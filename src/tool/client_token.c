/* An access token by a program of its own: what speaks HTTP needs more memory than all the rest of a
 * client. */
#include "tool/secret.h"

#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Beside this program (the build folder), or where it is installed. */
static void helper_path(char path[PATH_MAX])
{
    static const char name[] = "postfach-token";
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof name - 1);
    char *slash;

    path[len > 0 ? len : 0] = 0;
    slash = strrchr(path, '/');
    if (slash)
        memcpy(slash + 1, name, sizeof name);
    if (!slash || access(path, X_OK) != 0)
        snprintf(path, PATH_MAX, "%s/%s", PF_LIBEXECDIR, name);
}

static enum pf_code code_of(struct pf_bytes name)
{
    for (int code = 1; code < PF_CODES; code++)
        if (pf_bytes_equal(name, pf_bytes_of(pf_verdict((enum pf_code)code)->name)))
            return (enum pf_code)code;
    return PF_TEMP;
}

/* `token TEXT` or `error CODE TEXT`. */
static enum pf_code take_answer(struct pf_secret *out, struct pf_err *err)
{
    struct pf_bytes line = pf_bytes_from(out->text, out->len);
    enum pf_code code;
    size_t word;

    if (line.len > 6 && memcmp(line.at, "token ", 6) == 0) {
        out->len -= 6;
        memmove(out->text, out->text + 6, out->len + 1);
        return PF_OK;
    }
    if (line.len <= 6 || memcmp(line.at, "error ", 6) != 0)
        return pf_fail(err, PF_CONFIG, 0, "token",
                       "postfach-token is of another version: install Postfach anew");
    line = pf_bytes_skip(line, 6);
    word = pf_find(line, ' ');
    code = code_of(pf_bytes_head(line, word));
    line = pf_bytes_skip(line, word + 1);
    return pf_fail(err, code, 0, "token", "%.*s", (int)(line.len < PF_ERR_LOG ? line.len : PF_ERR_LOG),
                   (const char *)line.at);
}

enum pf_code pf_secret_token(const struct pf_account *a, const struct pf_secret_way *way,
                             struct pf_secret *out, struct pf_err *err)
{
    int64_t timeout = way->timeout ? way->timeout : 60000;
    char path[PATH_MAX], time[24];
    const char *argv[] = {path,
                          a->token_url,
                          a->client_id,
                          a->refresh_token_file,
                          a->client_secret_file ? a->client_secret_file : "",
                          a->token_scope ? a->token_scope : "",
                          way->ca ? way->ca : "",
                          time,
                          NULL};
    enum pf_code code;

    helper_path(path);
    snprintf(time, sizeof time, "%lld", (long long)timeout);
    code = pf_secret_run(argv, timeout + 5000, out,
                         err); /* its own limit comes first, with the better words */
    if (code == PF_OK)
        code = take_answer(out, err);
    if (code)
        pf_secret_wipe(out);
    return code;
}
