#include "store/mbox/append.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char where[] = "mbox_state";

enum {
    HEAD_ROOM = 160, /* octets: the first line and more */
    FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
};

static enum pf_code failed(const struct pf_mbox_place *p, const char *what, struct pf_err *err)
{
    return pf_mbox_failed(p, where, what, err);
}

/* A delivery needs the seed, not what may be megabytes of messages. What is no good first line is left to him who
 * reads all. */
static enum pf_code read_head(const struct pf_mbox_place *p, int fd, struct pf_mbox_state *s, struct pf_err *err)
{
    char text[HEAD_ROOM];
    int64_t got = pf_mbox_read_at(fd, text, sizeof text, 0);
    struct pf_bytes b = pf_bytes_from(text, got > 0 ? (size_t)got : 0);
    size_t len = pf_find(b, '\n');

    if (got < 0)
        return failed(p, "has state that cannot be read", err);
    if (len == b.len)
        return pf_mbox_state_load(p, s, err);
    *s = (struct pf_mbox_state){0};
    return pf_mbox_state_parse(pf_bytes_head(b, len + 1), p->path, s, err);
}

enum pf_code pf_mbox_state_head(const struct pf_mbox_place *p, struct pf_mbox_state *s, struct pf_err *err)
{
    const struct pf_mbox_mails none = {0};
    int fd = openat(p->side, p->state, O_RDONLY | FLAGS);
    enum pf_code code;

    if (fd < 0 && errno != ENOENT)
        return failed(p, "has state that cannot be opened", err);
    code = fd < 0 ? pf_mbox_state_load(p, s, err) : read_head(p, fd, s, err);
    if (fd >= 0)
        close(fd);
    if (!code && !s->there)
        code = pf_mbox_state_save(p, s, &none, &none, err);
    if (code)
        pf_mbox_state_done(s);
    return code;
}

enum pf_code pf_mbox_state_add(const struct pf_mbox_place *p, struct pf_bytes lines, struct pf_err *err)
{
    int fd = openat(p->side, p->state, O_RDWR | FLAGS);
    enum pf_code code = PF_OK;

    if (fd < 0)
        return failed(p, "has state that cannot be opened", err);
    if (pf_mbox_put_lines(fd, lines) != 0 || fsync(fd) != 0)
        code = failed(p, "has state that cannot be written", err);
    close(fd);
    return code;
}
