#include "store/mbox/state.h"

#include "store/mbox/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static const char where[] = "mbox_state";

enum {
    STATE_MAX = 1 << 30, /* five million messages */
    OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
};

static enum pf_code fresh_seed(const struct pf_mbox_place *p, struct pf_mbox_state *s, struct pf_err *err)
{
    if (getrandom(s->seed, sizeof s->seed, 0) == sizeof s->seed)
        return PF_OK;
    return pf_mbox_failed(p, where, "needs random octets", err);
}

static enum pf_code read_file(const struct pf_mbox_place *p, int fd, struct pf_mbox_state *s,
                              struct pf_err *err)
{
    enum pf_code code;
    struct stat st;
    char *text;
    int64_t got;

    if (fstat(fd, &st) != 0)
        return pf_mbox_failed(p, where, "has state that cannot be looked at", err);
    if (!S_ISREG(st.st_mode) || st.st_size > STATE_MAX)
        return pf_fail(err, PF_PERM, 0, where, "%s has a state that is no file of sane size", p->path);
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the state of %s", p->path);
    got = pf_mbox_read_at(fd, text, (size_t)st.st_size, 0);
    if (got < 0)
        code = pf_mbox_failed(p, where, "has state that cannot be read", err);
    else if (pf_mbox_state_torn(pf_bytes_from(text, (size_t)got)))
        code = fresh_seed(p, s, err); /* it held no UIDL yet, or holds none any more */
    else
        code = pf_mbox_state_parse(pf_bytes_from(text, (size_t)got), p->path, s, err);
    free(text);
    return code;
}

enum pf_code pf_mbox_state_load(const struct pf_mbox_place *p, struct pf_mbox_state *s, struct pf_err *err)
{
    int fd = openat(p->side, p->state, O_RDONLY | OPEN_FLAGS);
    enum pf_code code;

    *s = (struct pf_mbox_state){0};
    if (fd < 0 && errno == ENOENT)
        return fresh_seed(p, s, err);
    if (fd < 0)
        return pf_mbox_failed(p, where, "has state that cannot be opened", err);
    code = read_file(p, fd, s, err);
    close(fd);
    if (code)
        pf_mbox_state_done(s);
    return code;
}

enum pf_code pf_mbox_state_save(const struct pf_mbox_place *p, const struct pf_mbox_state *s,
                                const struct pf_mbox_mails *mails, const struct pf_mbox_mails *old,
                                struct pf_err *err)
{
    struct pf_maildir_text text = {0};
    enum pf_code code;

    if (pf_mbox_state_print(&text, s, mails, old))
        code = pf_mbox_side_save(p, p->state, pf_bytes_from(text.at, text.len), err);
    else
        code = pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to write the state of %s", p->path);
    free(text.at);
    return code;
}

enum pf_code pf_mbox_state_append(const struct pf_mbox_place *p, const struct pf_mbox_state *s,
                                  const char *uidl, const uint64_t id[2], struct pf_err *err)
{
    struct pf_mbox_mails none = {0};
    enum pf_code code = PF_OK;
    char line[PF_UIDL_MAX + 64];
    int fd, len;

    if (!s->there) {
        code = pf_mbox_state_save(p, s, &none, &none, err);
        if (code)
            return code;
    }
    len = uidl ? snprintf(line, sizeof line, "n %s %" PRIx64 " %" PRIx64 "\n", uidl, id[0], id[1])
               : snprintf(line, sizeof line, "d\n");
    fd = openat(p->side, p->state, O_RDWR | OPEN_FLAGS);
    if (fd < 0)
        return pf_mbox_failed(p, where, "has state that cannot be opened", err);
    if (pf_mbox_put_lines(fd, pf_bytes_from(line, (size_t)len)) != 0 || (uidl && fsync(fd) != 0))
        code = pf_mbox_failed(p, where, "has state that cannot be written", err);
    close(fd);
    return code;
}
