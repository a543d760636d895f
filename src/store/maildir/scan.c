#include "store/maildir/scan.h"

#include "store/maildir/mix.h"
#include "store/maildir/name.h"
#include "store/maildir/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "maildir_scan";

enum {
    DIR_BUFFER = 65536,     /* some hundred names for each system call */
    ROUNDS = 8,             /* a folder that changes all the time is not chased for ever */
    LOCK_STALE_SECONDS = 120 /* Dovecot itself takes a uidlist lock of that age for dead */
};

struct pass {
    const struct pf_maildir_scanner *scanner;
    struct pf_maildir_image *image;
    char *buffer;
};

static bool regular(const struct pass *p, int dir, const struct dirent64 *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    p->scanner->counts->stats++;
    return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static enum pf_code take(struct pass *p, int dir, const char *folder, const struct dirent64 *entry,
                         struct pf_err *err)
{
    struct pf_bytes name = pf_bytes_of(entry->d_name);

    if (entry->d_name[0] == '.' || name.len > PF_MAILDIR_NAME_MAX || !regular(p, dir, entry))
        return PF_OK;
    return pf_maildir_image_add(p->image, folder, name, entry->d_ino, err);
}

static enum pf_code read_folder(struct pass *p, int dir, const char *folder, struct pf_err *err)
{
    ssize_t len = lseek(dir, 0, SEEK_SET) == 0 ? getdents64(dir, p->buffer, DIR_BUFFER) : -1;

    while (len > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct dirent64 *entry = (const void *)(p->buffer + at);
            enum pf_code code = take(p, dir, folder, entry, err);

            if (code)
                return code;
            at += entry->d_reclen;
        }
        len = getdents64(dir, p->buffer, DIR_BUFFER);
    }
    if (len < 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, where, "%s/%s: %s", p->scanner->path,
                       folder, strerror(errno));
    return PF_OK;
}

static enum pf_code read_folders(const struct pf_maildir_scanner *s, struct pf_maildir_image *image,
                                 struct pf_err *err)
{
    struct pass p = {s, image, malloc(DIR_BUFFER)};
    enum pf_code code;

    if (!p.buffer)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to read %s", s->path);
    s->counts->scans++;
    code = read_folder(&p, s->dirs->fresh, "new/", err);
    if (!code)
        code = read_folder(&p, s->dirs->cur, "cur/", err);
    free(p.buffer);
    return code;
}

static bool dovecot_works(const struct pf_maildir_scanner *s)
{
    struct stat st;

    return fstatat(s->dirs->root, "dovecot-uidlist.lock", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           time(NULL) - st.st_mtim.tv_sec < LOCK_STALE_SECONDS;
}

/* One pass; quiet when the folders have the same stamps behind it as before it. */
static enum pf_code one_pass(const struct pf_maildir_scanner *s, struct pf_maildir_scan *scan,
                             struct pf_err *err)
{
    struct pf_maildir_stamp after[2];
    enum pf_code code = pf_maildir_dirs_stamps(s->dirs, s->path, scan->stamps, err);

    if (!code)
        code = read_folders(s, &scan->image, err);
    if (!code)
        code = pf_maildir_dirs_stamps(s->dirs, s->path, after, err);
    if (code)
        return code;
    scan->quiet = pf_maildir_stamp_equal(&scan->stamps[0], &after[0]) &&
                  pf_maildir_stamp_equal(&scan->stamps[1], &after[1]);
    return PF_OK;
}

/* A pass that was not quiet is joined with those before it. */
static enum pf_code keep(const struct pf_maildir_scanner *s, struct pf_maildir_scan *sum,
                         struct pf_maildir_scan *scan, struct pf_err *err)
{
    enum pf_code code = PF_OK;

    if (!scan->quiet)
        code = pf_maildir_scan_join(s, &scan->image, &sum->image, err);
    pf_maildir_image_done(&sum->image);
    *sum = *scan;
    return code;
}

enum pf_code pf_maildir_scan(const struct pf_maildir_scanner *s, struct pf_maildir_scan *out_scan,
                             struct pf_err *err)
{
    struct pf_maildir_scan sum = {0};
    enum pf_code code = PF_OK;

    for (int round = 0; round < ROUNDS && !code && !sum.quiet; round++) {
        struct pf_maildir_scan scan = {0};

        code = one_pass(s, &scan, err);
        if (!code && dovecot_works(s))
            scan.quiet = false;
        if (!code)
            code = keep(s, &sum, &scan, err);
        else
            pf_maildir_image_done(&scan.image);
    }
    if (code)
        pf_maildir_image_done(&sum.image);
    else
        *out_scan = sum;
    return code;
}

bool pf_maildir_scan_index(uint64_t seed, const struct pf_maildir_image *image,
                           struct pf_maildir_table *out_table)
{
    if (!pf_maildir_table_init(out_table, image->count))
        return false;
    for (uint32_t i = 0; i < image->count; i++)
        pf_maildir_table_put(out_table, pf_maildir_hash(seed, pf_maildir_image_base(image, i)), i);
    return true;
}

uint32_t pf_maildir_scan_find(uint64_t seed, const struct pf_maildir_image *image,
                              const struct pf_maildir_table *table, struct pf_bytes base,
                              uint32_t *cursor)
{
    uint32_t hash = pf_maildir_hash(seed, base);

    for (;;) {
        uint32_t i = pf_maildir_table_next(table, hash, cursor);

        if (i == PF_MAILDIR_NONE || pf_bytes_equal(pf_maildir_image_base(image, i), base))
            return i;
    }
}

static const char *folder_of(const struct pf_maildir_image *image, uint32_t i)
{
    return pf_maildir_image_in_cur(image, i) ? "cur/" : "new/";
}

enum pf_code pf_maildir_scan_join(const struct pf_maildir_scanner *s, struct pf_maildir_image *into,
                                  const struct pf_maildir_image *from, struct pf_err *err)
{
    struct pf_maildir_table table;
    enum pf_code code = PF_OK;

    if (!from->count)
        return PF_OK;
    if (!pf_maildir_scan_index(s->seed, into, &table))
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", s->path);
    for (uint32_t i = 0; i < from->count && !code; i++) {
        struct pf_bytes base = pf_maildir_image_base(from, i);
        uint32_t cursor = 0;

        if (pf_maildir_scan_find(s->seed, into, &table, base, &cursor) == PF_MAILDIR_NONE)
            code = pf_maildir_image_add(into, folder_of(from, i), pf_maildir_image_name(from, i),
                                        from->files[i].ino, err);
    }
    pf_maildir_table_done(&table);
    return code;
}
