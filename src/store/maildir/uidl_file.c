#include "store/maildir/uidl_file.h"

#include "base/text.h"
#include "store/maildir/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char where[] = "maildir_uidl";
static const char file[] = "postfach-uidl";
static const char file_tmp[] = "postfach-uidl.tmp";
static const char head[] = "postfach-uidl 1\n";

enum {
    HEAD_LEN = sizeof head - 1,
    FILE_MAX = 1 << 30,
    OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
};

bool pf_maildir_text_put(struct pf_maildir_text *t, struct pf_bytes b)
{
    size_t need, cap;
    char *at;

    if (__builtin_add_overflow(t->len, b.len, &need))
        return false;
    if (need > t->cap) {
        cap = need + need / 2 + 256;
        at = cap > need ? realloc(t->at, cap) : NULL;
        if (!at)
            return false;
        t->at = at;
        t->cap = cap;
    }
    if (b.len)
        memcpy(t->at + t->len, b.at, b.len);
    t->len = need;
    return true;
}

static int hex(unsigned char c)
{
    if (pf_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unescape(struct pf_bytes in, struct pf_span *out)
{
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = in.at[i];

        if (c < 0x21 || c > 0x7e)
            return false;
        if (c == '\\') {
            if (in.len - i < 4 || in.at[i + 1] != 'x' || hex(in.at[i + 2]) < 0 ||
                hex(in.at[i + 3]) < 0)
                return false;
            c = (unsigned char)(hex(in.at[i + 2]) << 4 | hex(in.at[i + 3]));
            i += 3;
        }
        if (!pf_span_put(out, pf_bytes_from(&c, 1)))
            return false;
    }
    return out->len > 0;
}

static void escape(struct pf_bytes in, struct pf_span *out)
{
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = in.at[i];

        if (c < 0x21 || c > 0x7e || c == '\\')
            pf_span_format(out, "\\x%02x", c);
        else
            pf_span_put(out, pf_bytes_from(&c, 1));
    }
}

/* The text up to a space, which is taken off *rest too. */
static struct pf_bytes word(struct pf_bytes *rest)
{
    struct pf_bytes w = pf_bytes_head(*rest, pf_find(*rest, ' '));

    *rest = pf_bytes_skip(*rest, w.len + 1);
    return w;
}

static bool parse_time(struct pf_bytes b, int64_t *out_time)
{
    bool negative = b.len && b.at[0] == '-';
    uint64_t n;

    if (pf_bytes_equal(b, PF_LIT("-"))) {
        *out_time = PF_MAILDIR_NO_TIME;
        return true;
    }
    if (!pf_parse_u64(pf_bytes_skip(b, negative), &n) || n > INT64_MAX)
        return false;
    *out_time = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

bool pf_maildir_line_parse(struct pf_bytes text, unsigned char room[PF_MAILDIR_BASE_MAX],
                           struct pf_maildir_line *out_line)
{
    struct pf_maildir_line line = {.uidl = word(&text), .size = PF_MAILDIR_NO_SIZE};
    struct pf_bytes size = word(&text);
    struct pf_span base = {room, 0, PF_MAILDIR_BASE_MAX};

    if (!line.uidl.len || line.uidl.len > PF_UIDL_MAX)
        return false;
    for (size_t i = 0; i < line.uidl.len; i++)
        if (line.uidl.at[i] < 0x21 || line.uidl.at[i] > 0x7e)
            return false;
    if (!pf_bytes_equal(size, PF_LIT("-")) && !pf_parse_u64(size, &line.size))
        return false;
    if (!parse_time(word(&text), &line.mtime) || !unescape(text, &base))
        return false;
    line.base = pf_span_bytes(&base);
    *out_line = line;
    return true;
}

bool pf_maildir_line_put(struct pf_maildir_text *t, const struct pf_maildir_line *line)
{
    unsigned char text[PF_UIDL_MAX + 64 + 4 * PF_MAILDIR_BASE_MAX];
    struct pf_span s = {text, 0, sizeof text};

    pf_span_put(&s, line->uidl);
    if (line->size == PF_MAILDIR_NO_SIZE)
        pf_span_format(&s, " -");
    else
        pf_span_format(&s, " %" PRIu64, line->size);
    if (line->mtime == PF_MAILDIR_NO_TIME)
        pf_span_format(&s, " - ");
    else
        pf_span_format(&s, " %" PRId64 " ", line->mtime);
    escape(line->base, &s);
    pf_span_format(&s, "\n");
    return pf_maildir_text_put(t, pf_span_bytes(&s));
}

static enum pf_code failed(const char *path, const char *what, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, pf_code_of_errno(sys), sys, where, "%s/%s %s: %s", path, file, what,
                   strerror(sys));
}

static enum pf_code read_all(int fd, const char *path, struct pf_maildir_text *out_text,
                             struct pf_err *err)
{
    struct pf_maildir_text text = {0};
    struct stat st;
    ssize_t got = 1;

    if (fstat(fd, &st) != 0)
        return failed(path, "cannot be looked at", err);
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        return pf_fail(err, PF_PERM, 0, where, "%s/%s is no file of sane size", path, file);
    text.cap = (size_t)st.st_size + 1;
    text.at = malloc(text.cap);
    if (!text.at)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for %s/%s", path, file);
    while (got > 0 && text.len < (size_t)st.st_size) {
        got = pread(fd, text.at + text.len, (size_t)st.st_size - text.len, (off_t)text.len);
        if (got > 0)
            text.len += (size_t)got;
    }
    if (got >= 0) {
        *out_text = text;
        return PF_OK;
    }
    free(text.at);
    return failed(path, "cannot be read", err);
}

enum pf_code pf_maildir_uidl_load(int root, const char *path, struct pf_maildir_text *out_text,
                                  struct pf_err *err)
{
    int fd = openat(root, file, O_RDONLY | OPEN_FLAGS);
    enum pf_code code;

    if (fd < 0 && errno == ENOENT) {
        *out_text = (struct pf_maildir_text){0};
        return PF_OK;
    }
    if (fd < 0)
        return failed(path, "cannot be opened", err);
    code = read_all(fd, path, out_text, err);
    close(fd);
    return code;
}

enum pf_code pf_maildir_uidl_lines(struct pf_bytes text, const char *path,
                                   struct pf_bytes *out_lines, size_t *out_good,
                                   struct pf_err *err)
{
    size_t good = text.len;

    if (text.len < HEAD_LEN && (!text.len || memcmp(text.at, head, text.len) == 0)) {
        *out_lines = (struct pf_bytes){0};
        *out_good = 0;
        return PF_OK;
    }
    if (text.len < HEAD_LEN || memcmp(text.at, head, HEAD_LEN) != 0)
        return pf_fail(err, PF_PERM, 0, where,
                       "%s/%s is of a later version, or something else: update Postfach, or "
                       "move the file away (clients will fetch some mail again)", path, file);
    while (good > 0 && text.at[good - 1] != '\n')
        good--;
    *out_lines = pf_bytes_skip(pf_bytes_head(text, good), HEAD_LEN);
    *out_good = good;
    return PF_OK;
}

static bool write_all(int fd, struct pf_bytes b, size_t at)
{
    while (b.len) {
        ssize_t put = pwrite(fd, b.at, b.len, (off_t)at);

        if (put <= 0) {
            if (put == 0)
                errno = EIO;
            return false;
        }
        at += (size_t)put;
        b = pf_bytes_skip(b, (size_t)put);
    }
    return true;
}

/* Cuts at the last good line, writes, syncs; `good` 0 begins with a head. */
static bool write_lines(int fd, size_t good, const struct pf_maildir_text *lines)
{
    struct pf_bytes first = good ? (struct pf_bytes){0} : pf_bytes_from(head, HEAD_LEN);

    return ftruncate(fd, (off_t)good) == 0 && write_all(fd, first, good) &&
           write_all(fd, pf_bytes_from(lines->at, lines->len), good + first.len) && fsync(fd) == 0;
}

enum pf_code pf_maildir_uidl_append(int root, const char *path, size_t good,
                                    const struct pf_maildir_text *lines, struct pf_err *err)
{
    int fd = pf_maildir_own_file(root, file, O_WRONLY);
    enum pf_code code = PF_OK;

    if (fd < 0)
        return failed(path, "cannot be opened for writing", err);
    if (!write_lines(fd, good, lines)) {
        code = failed(path, "cannot be written", err);
        if (ftruncate(fd, (off_t)good) != 0)
            code = failed(path, "cannot be cut again", err);
    }
    close(fd);
    /* A file that this call made has to be in the folder for good, too. */
    if (!code && !good && fsync(root) != 0)
        code = failed(path, "cannot be synced", err);
    return code;
}

enum pf_code pf_maildir_uidl_replace(int root, const char *path,
                                     const struct pf_maildir_text *lines, struct pf_err *err)
{
    enum pf_code code = PF_OK;
    int fd;

    unlinkat(root, file_tmp, 0);
    fd = openat(root, file_tmp, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
    if (fd < 0)
        return failed(path, "cannot be written anew", err);
    if (!pf_maildir_give(root, fd) || !write_lines(fd, 0, lines))
        code = failed(path, "cannot be written anew", err);
    close(fd);
    if (!code && (renameat(root, file_tmp, root, file) != 0 || fsync(root) != 0))
        code = failed(path, "cannot be replaced", err);
    if (code)
        unlinkat(root, file_tmp, 0);
    return code;
}
