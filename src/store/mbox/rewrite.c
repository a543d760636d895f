#include "store/mbox/rewrite.h"

#include "store/mbox/journal.h"
#include "store/mbox/lines.h"

#include <errno.h>

static const char where[] = "mbox_rewrite";

enum { PIECE = 32768 };

const uint64_t pf_mbox_sum_seed[2] = {0x706f737466616368u, 0x6a6f75726e616c31u};

int pf_mbox_copy(int from, uint64_t at, uint64_t len, struct pf_mbox_sink *to)
{
    unsigned char piece[PIECE];

    while (len) {
        size_t want = len < PIECE ? (size_t)len : PIECE;
        int64_t got = pf_mbox_read_at(from, piece, want, at);
        struct pf_bytes b = pf_bytes_from(piece, got > 0 ? (size_t)got : 0);

        if (got >= 0 && (size_t)got != want)
            errno = EIO;
        if (got < 0 || (size_t)got != want || (to->fd >= 0 && pf_mbox_write_at(to->fd, b, to->at) != 0))
            return -1;
        if (to->sum)
            pf_mbox_digest_add(to->sum, b);
        if (to->locks)
            pf_mbox_lock_touch(to->locks);
        to->at += b.len;
        at += b.len;
        len -= b.len;
    }
    return 0;
}

int pf_mbox_copy_kept(const struct pf_mbox_mails *m, uint32_t first, int from, uint64_t size, struct pf_mbox_sink *to)
{
    uint32_t i = first;

    while (i < m->count) {
        uint32_t next = i;
        uint64_t end;

        while (next < m->count && !(m->at[next].flags & PF_MBOX_GONE))
            next++;
        end = next < m->count ? m->at[next].from_at : size;
        if (next > i && pf_mbox_copy(from, m->at[i].from_at, end - m->at[i].from_at, to) != 0)
            return -1;
        i = next + 1;
    }
    return 0;
}

static void move_offsets(struct pf_mbox_mails *m, uint64_t size)
{
    uint64_t less = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        uint64_t end = i + 1 < m->count ? m->at[i + 1].from_at : size;

        if (m->at[i].flags & PF_MBOX_GONE) {
            less += end - m->at[i].from_at;
            continue;
        }
        m->at[i].from_at -= less;
        m->at[i].text_at -= less;
    }
}

int pf_mbox_sum_part(int fd, uint64_t at, uint64_t len, uint64_t out_sum[2])
{
    struct pf_mbox_digest sum;
    struct pf_mbox_sink to = {.fd = -1, .sum = &sum};

    pf_mbox_digest_init(&sum, pf_mbox_sum_seed);
    if (pf_mbox_copy(fd, at, len, &to) != 0)
        return -1;
    pf_mbox_digest_end(&sum, out_sum);
    return 0;
}

enum pf_code pf_mbox_rewrite(struct pf_mbox_locks *l, struct pf_mbox_mails *m, struct pf_err *err)
{
    enum pf_code code;
    struct stat st;

    if (fstat(l->fd, &st) != 0)
        return pf_mbox_failed(l->place, where, "cannot be looked at", err);
    code = pf_mbox_journal_rewrite(l, m, &st, err);
    if (!code)
        move_offsets(m, (uint64_t)st.st_size);
    return code;
}
