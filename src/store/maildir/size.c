#include "store/maildir/size.h"

#include "base/crlf.h"
#include "store/maildir/dirs.h"
#include "store/maildir/squeeze.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE = 32768, TRIES = 3 };

static int look(int fd, struct pf_maildir_measure *m)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    m->size = (uint64_t)st.st_size;
    m->mtime = pf_maildir_ns(st.st_mtim);
    return 0;
}

static int count(int fd, struct pf_crlf *crlf, uint64_t *out_size)
{
    unsigned char piece[PIECE];
    uint64_t at = 0;
    ssize_t got;

    while ((got = pread(fd, piece, sizeof piece, (off_t)at)) > 0) {
        pf_crlf_add(crlf, pf_bytes_from(piece, (size_t)got));
        at += (uint64_t)got;
    }
    *out_size = at;
    return got < 0 ? errno : 0;
}

static int count_text(struct pf_maildir_squeeze *s, struct pf_crlf *crlf)
{
    unsigned char piece[PIECE];
    bool end = false;
    int bad = 0;

    while (!bad && !end) {
        size_t got = 0;

        bad = pf_maildir_squeeze_read(s, piece, sizeof piece, &got, &end);
        if (!bad)
            pf_crlf_add(crlf, pf_bytes_from(piece, got));
    }
    return bad;
}

static int head_of(int fd, unsigned char room[PF_MAILDIR_MAGIC], struct pf_bytes *out_head)
{
    ssize_t got = pread(fd, room, PF_MAILDIR_MAGIC, 0);

    if (got < 0)
        return errno;
    *out_head = pf_bytes_from(room, (size_t)got);
    return 0;
}

/* *out_stored is what the file must still be long when all was read. */
static int count_any(int fd, struct pf_maildir_measure *m, struct pf_crlf *crlf,
                     uint64_t *out_stored)
{
    unsigned char room[PF_MAILDIR_MAGIC];
    struct pf_maildir_squeeze *s;
    struct pf_bytes head;
    int bad = head_of(fd, room, &head);

    if (bad)
        return bad;
    m->squeezed = pf_maildir_squeeze_is(head);
    if (!m->squeezed)
        return count(fd, crlf, out_stored);
    *out_stored = m->size;
    s = pf_maildir_squeeze_new(fd, head);
    if (!s)
        return ENOMEM;
    bad = count_text(s, crlf);
    m->size = pf_maildir_squeeze_at(s);
    pf_maildir_squeeze_free(s);
    return bad;
}

static int measure(int fd, struct pf_maildir_measure *out_measure)
{
    for (int i = 0; i < TRIES; i++) {
        struct pf_maildir_measure before = {0}, after = {0};
        struct pf_crlf crlf = {0};
        struct pf_maildir_measure found;
        uint64_t stored = 0;
        int bad = look(fd, &before);

        found = before;
        if (!bad)
            bad = count_any(fd, &found, &crlf, &stored);
        if (!bad)
            bad = look(fd, &after);
        if (bad)
            return bad;
        if (before.size == stored && after.size == stored && before.mtime == after.mtime) {
            found.wire = pf_crlf_total(&crlf);
            *out_measure = found;
            return 0;
        }
    }
    return EBUSY;
}

static int open_message(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int pf_maildir_measure(int dir, const char *name, struct pf_maildir_measure *out_measure)
{
    int fd = open_message(dir, name);
    int bad;

    if (fd < 0)
        return errno;
    bad = measure(fd, out_measure);
    close(fd);
    return bad;
}

bool pf_maildir_is_squeezed(int dir, const char *name)
{
    unsigned char room[PF_MAILDIR_MAGIC];
    int fd = open_message(dir, name);
    struct pf_bytes head;
    bool is;

    if (fd < 0)
        return false;
    is = head_of(fd, room, &head) == 0 && pf_maildir_squeeze_is(head);
    close(fd);
    return is;
}
