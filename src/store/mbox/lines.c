#include "store/mbox/lines.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t pf_mbox_read_at(int fd, void *at, size_t len, uint64_t from)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, (char *)at + done, len - done, (off_t)(from + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int pf_mbox_write_at(int fd, struct pf_bytes b, uint64_t to)
{
    while (b.len) {
        ssize_t put = pwrite(fd, b.at, b.len, (off_t)to);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put ? errno : EIO;
            return -1;
        }
        to += (uint64_t)put;
        b = pf_bytes_skip(b, (size_t)put);
    }
    return 0;
}

int pf_mbox_put_lines(int fd, struct pf_bytes lines)
{
    struct stat st;
    uint64_t size;
    char last = '\n';

    if (fstat(fd, &st) != 0)
        return -1;
    size = (uint64_t)st.st_size;
    if (size && pf_mbox_read_at(fd, &last, 1, size - 1) != 1)
        return -1;
    if (last != '\n' && pf_mbox_write_at(fd, PF_LIT("\n"), size++) != 0)
        return -1;
    return pf_mbox_write_at(fd, lines, size);
}

static int fill(struct pf_mbox_lines *l)
{
    size_t kept = l->len - l->pos;
    uint64_t next = l->at + kept;
    uint64_t left = l->end > next ? l->end - next : 0;
    size_t want = PF_MBOX_BUFFER - kept;
    int64_t got;

    if (kept)
        memmove(l->buffer, l->buffer + l->pos, kept);
    l->pos = 0;
    l->len = kept;
    if (want > left)
        want = (size_t)left;
    got = pf_mbox_read_at(l->fd, l->buffer + kept, want, next);
    if (got < 0)
        return -1;
    l->len += (size_t)got;
    if ((size_t)got == want)
        return 0;
    errno = EIO;
    return -1;
}

int pf_mbox_lines_next(struct pf_mbox_lines *l, struct pf_mbox_piece *out_piece)
{
    struct pf_mbox_piece p = {.begins = !l->mid_line};
    size_t have = l->len - l->pos;
    const unsigned char *lf = have ? memchr(l->buffer + l->pos, '\n', have) : NULL;

    if (!lf && (have == 0 || (p.begins && have < PF_MBOX_LOOK)) && l->at + have < l->end) {
        if (fill(l) != 0)
            return -1;
        have = l->len;
        lf = memchr(l->buffer, '\n', have);
    }
    if (!have)
        return 0;
    p.at = l->at;
    p.ends = lf != NULL;
    p.text = pf_bytes_from(l->buffer + l->pos, lf ? (size_t)(lf - (l->buffer + l->pos)) + 1 : have);
    l->mid_line = !p.ends;
    l->pos += p.text.len;
    l->at += p.text.len;
    *out_piece = p;
    return 1;
}
