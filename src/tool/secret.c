#include "tool/secret.h"

#include "base/text.h"
#include "base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void pf_secret_wipe(struct pf_secret *secret)
{
    pf_wipe(secret, sizeof *secret);
}

static enum pf_code check_owner(int fd, const char *path, struct pf_err *err)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return pf_fail(err, PF_IO, errno, "secret", "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return pf_fail(err, PF_CONFIG, 0, "secret", "%s: not a regular file", path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return pf_fail(err, PF_CONFIG, 0, "secret", "%s: the file is somebody else's", path);
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return pf_fail(err, PF_CONFIG, 0, "secret", "%s: others may read it (mode %03o): chmod 600", path,
                       (unsigned)status.st_mode & 0777u);
    return PF_OK;
}

static enum pf_code read_whole(int fd, const char *path, unsigned char **out_at, size_t *out_len, struct pf_err *err)
{
    unsigned char *room = malloc(PF_SECRET_FILE_MAX + 1);
    size_t len = 0;
    ssize_t got = 1;

    if (!room)
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, "secret", "%s: out of memory", path);
    while (got > 0 && len <= PF_SECRET_FILE_MAX) {
        got = read(fd, room + len, PF_SECRET_FILE_MAX + 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0 && len <= PF_SECRET_FILE_MAX) {
        *out_at = room;
        *out_len = len;
        return PF_OK;
    }
    pf_wipe(room, len);
    free(room);
    return pf_fail(err, PF_CONFIG, errno, "secret", "%s: %s", path,
                   got < 0 ? strerror(errno) : pf_words("the file is too large"));
}

enum pf_code pf_secret_load(const char *path, unsigned char **out_at, size_t *out_len, struct pf_err *err)
{
    /* Non-blocking, so that a FIFO holds nobody up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum pf_code code;

    if (fd < 0)
        return pf_fail(err, errno == ENOENT ? PF_AUTH : PF_CONFIG, errno, "secret", "%s: %s", path, strerror(errno));
    code = check_owner(fd, path, err);
    if (code == PF_OK)
        code = read_whole(fd, path, out_at, out_len, err);
    close(fd);
    return code;
}

enum pf_code pf_secret_file(const char *path, struct pf_secret *out, struct pf_err *err)
{
    unsigned char *at = NULL;
    size_t len = 0, line;
    enum pf_code code = pf_secret_load(path, &at, &len, err);

    if (code)
        return code;
    line = pf_find(pf_bytes_from(at, len), '\n');
    if (line && at[line - 1] == '\r')
        line--;
    if (line == 0 || line > PF_SECRET_MAX || memchr(at, 0, line)) {
        code = pf_fail(err, PF_CONFIG, 0, "secret", "%s: the first line is %s", path,
                       line == 0              ? pf_words("empty")
                       : line > PF_SECRET_MAX ? pf_words("too long")
                                              : pf_words("no text"));
    } else {
        memcpy(out->text, at, line);
        out->text[line] = 0;
        out->len = line;
    }
    pf_wipe(at, len);
    free(at);
    return code;
}

static enum pf_code from_keyring(const struct pf_account *a, int64_t timeout, struct pf_secret *out,
                                 struct pf_err *err)
{
    const char *argv[PF_ACCOUNT_WORDS_MOST + 3] = {"secret-tool", "lookup"};

    for (size_t i = 0; i < PF_ACCOUNT_WORDS_MOST && a->keyring[i]; i++)
        argv[i + 2] = a->keyring[i];
    return pf_secret_run(argv, timeout, out, err);
}

static enum pf_code from_settings(const char *password, struct pf_secret *out)
{
    out->len = strlen(password); /* the settings' reader bounds it */
    memcpy(out->text, password, out->len + 1);
    return PF_OK;
}

/* Nothing is said: ~/.netrc, then a person. */
static enum pf_code unsaid(const struct pf_account *a, const struct pf_secret_way *way, struct pf_secret *out,
                           struct pf_err *err)
{
    enum pf_code code = PF_AUTH;
    char text[PATH_MAX];

    if (a->netrc && way->home && way->host) {
        snprintf(text, sizeof text, "%s/.netrc", way->home);
        code = pf_secret_netrc_file(text, way->host, a->user, out, err);
    }
    if (code != PF_AUTH)
        return code;
    if (!a->ask || !way->terminal)
        return pf_fail(err, PF_AUTH, 0, "secret",
                       "there is no password for %s: set password-command, keyring or password-file",
                       a->user ? a->user : pf_words("this account"));
    snprintf(text, sizeof text, "Password of %s at %s: ", a->user ? a->user : "?", way->host ? way->host : "?");
    return pf_secret_ask(way->terminal, text, out, err);
}

static enum pf_code from_source(const struct pf_account *a, const struct pf_secret_way *way, struct pf_secret *out,
                                struct pf_err *err)
{
    int64_t timeout = way->timeout ? way->timeout : 60000;

    if (a->password)
        return from_settings(a->password, out);
    if (a->password_file)
        return pf_secret_file(a->password_file, out, err);
    if (a->password_command)
        return pf_secret_run(a->password_command, timeout, out, err);
    if (a->keyring)
        return from_keyring(a, timeout, out, err);
    if (a->token_command)
        return pf_secret_run(a->token_command, timeout, out, err);
    if (a->token_url)
        return pf_secret_token(a, way, out, err);
    return unsaid(a, way, out, err);
}

enum pf_code pf_secret_get(const struct pf_account *a, const struct pf_secret_way *way, struct pf_secret *out,
                           struct pf_err *err)
{
    enum pf_code code;

    pf_secret_wipe(out);
    code = from_source(a, way, out, err);
    if (code)
        pf_secret_wipe(out);
    return code;
}
