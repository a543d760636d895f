#include "store/maildir/uidl.h"

#include "base/text.h"
#include "store/maildir/image.h"
#include "store/maildir/mix.h"
#include "store/maildir/uidl_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char where[] = "maildir_uidl";

enum {
    /* Dead lines are kept for long: a folder that was moved away for an hour comes back, and with it
     * come the clients that know its UIDLs. */
    COMPACT_FROM = 4096, /* lines; some hundred KiB, which are read in a millisecond */
    COMPACT_SHARE = 4,   /* and no more than one in so many is alive */
    SECOND = 1000000000
};

static enum pf_code no_memory(const struct pf_maildir_uidls *u, struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the UIDLs of %s", u->path);
}

static struct pf_bytes base_of(const struct pf_maildir_uidls *u, const struct pf_maildir_record *r)
{
    return pf_bytes_from(u->pool.at + r->base_at, r->base_len);
}

static struct pf_bytes uidl_of(const struct pf_maildir_uidls *u, const struct pf_maildir_record *r)
{
    return pf_bytes_from(u->pool.at + r->uidl_at, r->uidl_len);
}

static bool room(struct pf_maildir_uidls *u)
{
    uint32_t cap = u->cap + u->cap / 2 + 64;
    struct pf_maildir_record *records;

    if (u->count < u->cap)
        return true;
    records = cap > u->cap ? reallocarray(u->records, cap, sizeof *records) : NULL;
    if (!records)
        return false;
    u->records = records;
    u->cap = cap;
    return true;
}

static bool keep(struct pf_maildir_uidls *u, const struct pf_maildir_line *line)
{
    struct pf_maildir_record r = {
        .base_at = u->pool.len,
        .base_len = (uint32_t)line->base.len,
        .uidl_at = u->pool.len + line->base.len,
        .uidl_len = (uint32_t)line->uidl.len,
        .size = line->size,
        .mtime = line->mtime,
    };

    if (!room(u) || !pf_maildir_text_put(&u->pool, line->base) ||
        !pf_maildir_text_put(&u->pool, line->uidl))
        return false;
    u->records[u->count++] = r;
    return true;
}

/* Lines are put into the table from the last to the first, so that the later one is found first. */
static bool index_records(struct pf_maildir_uidls *u)
{
    if (!pf_maildir_table_init(&u->table, u->count))
        return false;
    for (uint32_t i = u->count; i-- > 0;)
        pf_maildir_table_put(&u->table, pf_maildir_hash(u->seed, base_of(u, &u->records[i])), i);
    return true;
}

static enum pf_code take_lines(struct pf_maildir_uidls *u, struct pf_bytes text, struct pf_err *err)
{
    while (text.len) {
        unsigned char base[PF_MAILDIR_BASE_MAX];
        struct pf_maildir_line line;
        size_t len = pf_find(text, '\n');

        if (pf_maildir_line_parse(pf_bytes_head(text, len), base, &line) && !keep(u, &line))
            return no_memory(u, err);
        text = pf_bytes_skip(text, len + 1);
    }
    return u->count && !index_records(u) ? no_memory(u, err) : PF_OK;
}

enum pf_code pf_maildir_uidls_open(struct pf_maildir_uidls *u, int root, const char *path,
                                   uint64_t seed, struct pf_err *err)
{
    struct pf_maildir_text text = {0};
    struct pf_bytes lines;
    enum pf_code code;

    *u = (struct pf_maildir_uidls){.root = root, .path = path, .seed = seed};
    code = pf_maildir_uidl_load(root, path, &text, err);
    if (!code) {
        code = pf_maildir_uidl_lines(pf_bytes_from(text.at, text.len), path, &lines, &u->good, err);
        if (!code)
            code = take_lines(u, lines, err);
    }
    free(text.at);
    if (code)
        pf_maildir_uidls_done(u);
    return code;
}

void pf_maildir_uidls_done(struct pf_maildir_uidls *u)
{
    free(u->records);
    free(u->pool.at);
    free(u->fresh.at);
    pf_maildir_table_done(&u->table);
    *u = (struct pf_maildir_uidls){.root = -1};
}

static struct pf_maildir_record *next(const struct pf_maildir_uidls *u, struct pf_bytes base,
                                      uint32_t hash, uint32_t *cursor)
{
    for (;;) {
        uint32_t i = pf_maildir_table_next(&u->table, hash, cursor);

        if (i == PF_MAILDIR_NONE)
            return NULL;
        if (pf_bytes_equal(base_of(u, &u->records[i]), base))
            return &u->records[i];
    }
}

bool pf_maildir_uidls_knows(const struct pf_maildir_uidls *u, struct pf_bytes base)
{
    uint32_t cursor = 0;

    return u->count && next(u, base, pf_maildir_hash(u->seed, base), &cursor);
}

static bool same_time(int64_t a, int64_t b)
{
    return a == b || a == PF_MAILDIR_NO_TIME || b == PF_MAILDIR_NO_TIME ||
           (a / SECOND == b / SECOND && (a % SECOND == 0 || b % SECOND == 0));
}

bool pf_maildir_uidls_find(struct pf_maildir_uidls *u, struct pf_bytes base, uint64_t size,
                           int64_t mtime, struct pf_bytes *out_uidl)
{
    uint32_t hash, cursor = 0;
    struct pf_maildir_record *r;

    if (!u->count)
        return false;
    hash = pf_maildir_hash(u->seed, base);
    while ((r = next(u, base, hash, &cursor))) {
        if ((r->size != size && r->size != PF_MAILDIR_NO_SIZE && size != PF_MAILDIR_NO_SIZE) ||
            !same_time(r->mtime, mtime))
            continue;
        u->live += !r->live;
        r->live = true;
        *out_uidl = uidl_of(u, r);
        return true;
    }
    return false;
}

/* The letter keeps it apart from base names that are UIDLs: these begin with a digit. */
static bool random_uidl(char out_uidl[PF_MAILDIR_UIDL_LEN])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char random[(PF_MAILDIR_UIDL_LEN - 1) / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    out_uidl[0] = 'R';
    for (size_t i = 0; i < sizeof random; i++) {
        out_uidl[1 + 2 * i] = hex[random[i] >> 4];
        out_uidl[2 + 2 * i] = hex[random[i] & 15];
    }
    return true;
}

enum pf_code pf_maildir_uidls_make(struct pf_maildir_uidls *u, struct pf_bytes base, uint64_t size,
                                   int64_t mtime, char out_uidl[PF_MAILDIR_UIDL_LEN],
                                   struct pf_err *err)
{
    char uidl[PF_MAILDIR_UIDL_LEN];
    struct pf_maildir_line line = {pf_bytes_from(uidl, sizeof uidl), base, size, mtime};

    if (!random_uidl(uidl))
        return pf_fail(err, PF_TEMP, errno, where, "no random octets for a UIDL of %s", u->path);
    if (!pf_maildir_line_put(&u->fresh, &line))
        return no_memory(u, err);
    memcpy(out_uidl, uidl, sizeof uidl);
    return PF_OK;
}

static enum pf_code rewrite(struct pf_maildir_uidls *u, struct pf_err *err)
{
    struct pf_maildir_text text = {0};
    enum pf_code code;
    bool ok = true;

    for (uint32_t i = 0; i < u->count && ok; i++) {
        const struct pf_maildir_record *r = &u->records[i];
        struct pf_maildir_line line = {uidl_of(u, r), base_of(u, r), r->size, r->mtime};

        if (r->live)
            ok = pf_maildir_line_put(&text, &line);
    }
    ok = ok && pf_maildir_text_put(&text, pf_bytes_from(u->fresh.at, u->fresh.len));
    code = ok ? pf_maildir_uidl_replace(u->root, u->path, &text, err) : no_memory(u, err);
    free(text.at);
    return code;
}

enum pf_code pf_maildir_uidls_commit(struct pf_maildir_uidls *u, bool tidy, struct pf_err *err)
{
    if (tidy && u->count >= COMPACT_FROM && u->live && u->live < u->count / COMPACT_SHARE)
        return rewrite(u, err);
    if (!u->fresh.len)
        return PF_OK;
    return pf_maildir_uidl_append(u->root, u->path, u->good, &u->fresh, err);
}

void pf_maildir_uidls_stamp(int root, struct pf_maildir_stamp *out_stamp)
{
    struct stat st;

    *out_stamp = (struct pf_maildir_stamp){0};
    if (fstatat(root, "postfach-uidl", &st, AT_SYMLINK_NOFOLLOW) == 0)
        pf_maildir_stamp_of(&st, out_stamp);
}
