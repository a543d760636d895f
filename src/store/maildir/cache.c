#include "store/maildir/cache.h"

#include "store/maildir/mix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char file[] = "postfach-cache";
static const char file_tmp[] = "postfach-cache.tmp";

/* Says version, order of octets and sizes of the structures in one number. */
#define KIND ((uint64_t)0x7066636100010000u + sizeof(struct pf_row) * 256 + sizeof(struct pf_maildir_file))

enum { OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, WHOLE_MAX = 1 << 30 };

struct head {
    uint64_t kind;
    uint64_t sum; /* of everything, with 0 in this place */
    uint64_t len; /* of the whole file */
    uint64_t octets;
    uint32_t count;
    uint32_t blob_len;
    uint32_t settled;
    uint32_t doubts;
    struct pf_maildir_stamp stamps[3]; /* new, cur, postfach-uidl */
};

_Static_assert(sizeof(struct head) == 168, "head of the cache has no holes");
_Static_assert(sizeof(struct pf_maildir_file) == 40, "file of the cache has no holes");
_Static_assert(sizeof(struct pf_row) == 16, "row of the cache has no holes");

static bool whole_len(const struct head *h, size_t *out_len)
{
    uint64_t each = sizeof(struct pf_row) + sizeof(struct pf_maildir_file);
    uint64_t len = sizeof *h + h->count * each + h->blob_len; /* 32 bit counts cannot overflow it */

    *out_len = (size_t)len;
    return len <= WHOLE_MAX;
}

static uint64_t sum_of(void *memory, size_t len)
{
    struct head *h = memory;
    uint64_t kept = h->sum, sum;

    h->sum = 0;
    sum = pf_maildir_sum(memory, len);
    h->sum = kept;
    return sum;
}

void pf_maildir_cache_sum(void *memory, size_t len)
{
    struct head *h = memory;

    if (len >= sizeof *h)
        h->sum = sum_of(memory, len);
}

static bool good_row(const struct pf_maildir_image *m, uint32_t i)
{
    const struct pf_row *r = &m->rows[i];
    const struct pf_maildir_file *f = &m->files[i];
    uint64_t name_end = (uint64_t)f->name_at + PF_MAILDIR_FOLDER_LEN + f->name_len;
    const char *name = m->blob + f->name_at;

    return name_end < m->blob_len && m->blob[name_end] == 0 && f->base_len &&
           f->base_len <= f->name_len &&
           (memcmp(name, "cur/", 4) == 0 || memcmp(name, "new/", 4) == 0) &&
           (uint64_t)r->uidl_at + r->uidl_len <= m->blob_len && r->uidl_len &&
           r->uidl_len <= PF_UIDL_MAX;
}

static bool good_rows(const struct pf_maildir_image *m)
{
    uint64_t octets = 0;

    for (uint32_t i = 0; i < m->count; i++)
        if (!good_row(m, i) || __builtin_add_overflow(octets, m->rows[i].octets, &octets))
            return false;
    return octets == m->octets;
}

static bool good_head(void *memory, size_t len)
{
    const struct head *h = memory;
    size_t whole;

    return len >= sizeof *h && h->kind == KIND && h->len == len && whole_len(h, &whole) &&
           whole == len && sum_of(memory, len) == h->sum;
}

bool pf_maildir_cache_parse(void *memory, size_t len, struct pf_maildir_image *out_image,
                            struct pf_maildir_state *out_state)
{
    const struct head *h = memory;
    struct pf_maildir_image m;

    if (!good_head(memory, len))
        return false;
    m = (struct pf_maildir_image){
        .count = h->count,
        .cap = h->count,
        .blob_len = h->blob_len,
        .blob_cap = h->blob_len,
        .octets = h->octets,
        .loaded = memory,
    };
    m.rows = (void *)((char *)memory + sizeof *h);
    m.files = (void *)(m.rows + h->count);
    m.blob = (char *)(m.files + h->count);
    if (!good_rows(&m))
        return false;
    *out_image = m;
    *out_state = (struct pf_maildir_state){
        .folders = {h->stamps[0], h->stamps[1]},
        .uidls = h->stamps[2],
        .settled = h->settled,
        .doubts = h->doubts,
    };
    return true;
}

static bool read_all(int fd, char *memory, size_t len)
{
    size_t at = 0;

    while (at < len) {
        ssize_t got = pread(fd, memory + at, len - at, (off_t)at);

        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static void *read_file(int fd, size_t *out_len)
{
    struct stat st;
    void *memory;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct head) ||
        st.st_size > WHOLE_MAX)
        return NULL;
    *out_len = (size_t)st.st_size;
    memory = malloc(*out_len);
    if (!memory || read_all(fd, memory, *out_len))
        return memory;
    free(memory);
    return NULL;
}

bool pf_maildir_cache_load(int root, struct pf_maildir_image *out_image,
                           struct pf_maildir_state *out_state)
{
    int fd = openat(root, file, O_RDONLY | OPEN_FLAGS);
    size_t len = 0;
    void *memory;

    if (fd < 0)
        return false;
    memory = read_file(fd, &len);
    close(fd);
    if (!memory)
        return false;
    if (pf_maildir_cache_parse(memory, len, out_image, out_state))
        return true;
    free(memory);
    return false;
}

static void *put(void *to, const void *from, size_t len)
{
    if (len)
        memcpy(to, from, len);
    return (char *)to + len;
}

static void *make(const struct pf_maildir_image *m, const struct pf_maildir_state *s,
                  size_t *out_len)
{
    struct head h = {
        .kind = KIND,
        .octets = m->octets,
        .count = m->count,
        .blob_len = m->blob_len,
        .settled = s->settled,
        .doubts = s->doubts,
        .stamps = {s->folders[0], s->folders[1], s->uidls},
    };
    void *memory = whole_len(&h, out_len) ? malloc(*out_len) : NULL;
    void *at = memory;

    if (!memory)
        return NULL;
    h.len = *out_len;
    at = put(at, &h, sizeof h);
    at = put(at, m->rows, m->count * sizeof *m->rows);
    at = put(at, m->files, m->count * sizeof *m->files);
    put(at, m->blob, m->blob_len);
    pf_maildir_cache_sum(memory, *out_len);
    return memory;
}

static bool write_all(int fd, const char *memory, size_t len)
{
    size_t at = 0;

    while (at < len) {
        ssize_t got = pwrite(fd, memory + at, len - at, (off_t)at);

        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

bool pf_maildir_cache_save(int root, const struct pf_maildir_image *m,
                           const struct pf_maildir_state *s)
{
    size_t len = 0;
    void *memory = make(m, s, &len);
    bool ok;
    int fd;

    if (!memory)
        return false;
    unlinkat(root, file_tmp, 0);
    fd = openat(root, file_tmp, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
    ok = fd >= 0 && pf_maildir_give(root, fd) && write_all(fd, memory, len);
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    ok = ok && renameat(root, file_tmp, root, file) == 0;
    if (!ok)
        unlinkat(root, file_tmp, 0);
    free(memory);
    return ok;
}
