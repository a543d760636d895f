#include "store/maildir/size.h"

#include "base/crlf.h"
#include "store/maildir/dirs.h"

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

static int measure(int fd, struct pf_maildir_measure *out_measure)
{
    for (int i = 0; i < TRIES; i++) {
        struct pf_maildir_measure before = {0}, after = {0};
        struct pf_crlf crlf = {0};
        uint64_t size = 0;
        int bad = look(fd, &before);

        if (!bad)
            bad = count(fd, &crlf, &size);
        if (!bad)
            bad = look(fd, &after);
        if (bad)
            return bad;
        if (before.size == size && after.size == size && before.mtime == after.mtime) {
            after.wire = pf_crlf_total(&crlf);
            *out_measure = after;
            return 0;
        }
    }
    return EBUSY;
}

int pf_maildir_measure(int dir, const char *name, struct pf_maildir_measure *out_measure)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int bad;

    if (fd < 0)
        return errno;
    bad = measure(fd, out_measure);
    close(fd);
    return bad;
}
