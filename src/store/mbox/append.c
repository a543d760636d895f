#include "store/mbox/append.h"

#include "store/mbox/numbers.h"
#include "store/mbox/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char where[] = "mbox_append";
static const char kind[] = "postfach-append 1";

enum {
    KIND = sizeof kind - 1,
    VERSION = 2, /* of kind, with the space before it */
    FIRST = KIND + PF_MBOX_NUMBER + 1,
    NUMBERS = 11,
    FRONT = 1024, /* octets: one with a date, a subject and an address is unlike any other */
    KEPT = 65536, /* octets: most messages */
    FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
};

static enum pf_code failed(const struct pf_mbox_locks *l, const char *what, struct pf_err *err)
{
    return pf_mbox_failed(l->place, where, what, err);
}

int pf_mbox_front_sum(int fd, uint64_t at, uint64_t out_sum[2])
{
    uint64_t len = at < FRONT ? at : FRONT;

    return pf_mbox_sum_part(fd, at - len, len, out_sum);
}

static void print(const struct pf_mbox_record *r, char to[PF_MBOX_RECORD + 1])
{
    const uint64_t n[NUMBERS] = {r->id[0], r->id[1],    r->ino,      r->dev,    r->at,    r->len,
                                 r->lead,  r->front[0], r->front[1], r->sum[0], r->sum[1]};

    memcpy(to, "a ", 2);
    memcpy(to + 2, r->uidl, PF_MBOX_UIDL_LEN);
    pf_mbox_numbers_put(to + 2 + PF_MBOX_UIDL_LEN, n, NUMBERS);
    memcpy(to + PF_MBOX_RECORD - 3, r->done ? " d\n" : " o\n", 4);
}

static bool parse(const char text[PF_MBOX_RECORD], struct pf_mbox_record *r)
{
    uint64_t n[NUMBERS];
    const char *end = text + PF_MBOX_RECORD - 3;

    if (memcmp(text, "a ", 2) != 0 || !pf_mbox_numbers_get(text + 2 + PF_MBOX_UIDL_LEN, n, NUMBERS) ||
        (memcmp(end, " d\n", 3) != 0 && memcmp(end, " o\n", 3) != 0) ||
        !pf_mbox_uidl_legal(pf_bytes_from(text + 2, PF_MBOX_UIDL_LEN)))
        return false;
    *r = (struct pf_mbox_record){
        .id = {n[0], n[1]}, .ino = n[2], .dev = n[3], .at = n[4], .len = n[5], .lead = n[6],
        .front = {n[7], n[8]}, .sum = {n[9], n[10]}, .done = end[1] == 'd'};
    memcpy(r->uidl, text + 2, PF_MBOX_UIDL_LEN);
    return r->at <= INT64_MAX / 2 && r->len <= INT64_MAX / 2 && r->lead <= r->len;
}

/* A first line that a crash tore is like none: no record was synced behind it. */
static enum pf_code take_first(const struct pf_mbox_locks *l, struct pf_mbox_appends *a, bool *there,
                               struct pf_err *err)
{
    char text[FIRST] = "";
    int64_t got = pf_mbox_read_at(a->fd, text, FIRST, 0);

    if (got < 0)
        return failed(l, "has a list of appends that cannot be read", err);
    *there = got == FIRST && memcmp(text, kind, KIND) == 0;
    if (!*there && got > KIND && memcmp(text, kind, KIND - VERSION) == 0)
        return pf_fail(err, PF_PERM, 0, where, "%s has a list of appends of a later version: update Postfach",
                       l->place->path);
    if (*there && !pf_mbox_numbers_get(text + KIND, &a->named, 1))
        a->named = 0;
    return PF_OK;
}

static enum pf_code walk(const struct pf_mbox_locks *l, struct pf_mbox_appends *a, struct pf_err *err)
{
    char text[PF_MBOX_RECORD];
    bool there = false;
    enum pf_code code = take_first(l, a, &there, err);
    int64_t got;

    a->end = FIRST;
    while (!code && there && (got = pf_mbox_read_at(a->fd, text, PF_MBOX_RECORD, a->end)) != 0) {
        if (got < 0)
            return failed(l, "has a list of appends that cannot be read", err);
        if (got != PF_MBOX_RECORD || !parse(text, &a->last))
            break;
        if (!a->last.done) {
            a->live = true;
            break;
        }
        a->end += PF_MBOX_RECORD;
        a->count++;
    }
    return code;
}

enum pf_code pf_mbox_appends_open(const struct pf_mbox_locks *l, bool create, struct pf_mbox_appends *out_appends,
                                  struct pf_err *err)
{
    const struct pf_mbox_place *p = l->place;
    struct pf_mbox_appends a = {.fd = openat(p->side, p->append, FLAGS)};
    enum pf_code code = PF_OK;

    if (a.fd < 0 && errno == ENOENT && create) {
        a.fd = openat(p->side, p->append, FLAGS | O_CREAT | O_EXCL, 0600);
        if (a.fd >= 0)
            (void)pf_mbox_give(p, a.fd);
    } else if (a.fd < 0 && errno == ENOENT) {
        *out_appends = a;
        return PF_OK;
    }
    if (a.fd < 0)
        return failed(l, "has no list of appends: is the folder writable, or is there a state_folder?", err);
    code = walk(l, &a, err);
    if (code)
        close(a.fd);
    else
        *out_appends = a;
    return code;
}

void pf_mbox_appends_close(struct pf_mbox_appends *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

/* The names of this file and of the mbox have to outlast a power cut as their octets do. */
static int sync_names(const struct pf_mbox_locks *l, struct pf_mbox_appends *a, uint64_t ino)
{
    const struct pf_mbox_place *p = l->place;
    char text[FIRST + 1];

    if (a->named == ino)
        return 0;
    if (fsync(p->folder) != 0 || (p->apart && fsync(p->side) != 0))
        return -1;
    memcpy(text, kind, KIND);
    pf_mbox_numbers_put(text + KIND, &ino, 1);
    text[FIRST - 1] = '\n';
    return pf_mbox_write_at(a->fd, pf_bytes_from(text, FIRST), 0);
}

enum pf_code pf_mbox_append_note(const struct pf_mbox_locks *l, struct pf_mbox_appends *a, struct pf_mbox_record *r,
                                 const struct stat *st, struct pf_err *err)
{
    char text[PF_MBOX_RECORD + 1];

    r->ino = st->st_ino;
    r->dev = st->st_dev;
    r->at = (uint64_t)st->st_size;
    r->done = false;
    if (sync_names(l, a, r->ino) != 0 || pf_mbox_front_sum(l->fd, r->at, r->front) != 0 ||
        pf_mbox_sum_part(a->fd, a->end + PF_MBOX_RECORD, r->len, r->sum) != 0)
        return failed(l, "cannot be prepared for a message", err);
    print(r, text);
    if (pf_mbox_write_at(a->fd, pf_bytes_from(text, PF_MBOX_RECORD), a->end) != 0 || fdatasync(a->fd) != 0)
        return failed(l, "cannot be prepared for a message", err);
    a->named = r->ino;
    return PF_OK;
}

/* Not synced: after a power cut the octets are compared once more, and found to be all there. A small copy stays
 * until the next one is written over it, for a file that neither shrinks nor grows is quicker to sync. */
void pf_mbox_append_done(struct pf_mbox_appends *a, uint64_t len)
{
    if (pf_mbox_write_at(a->fd, PF_LIT("d"), a->end + PF_MBOX_RECORD - 2) != 0)
        return;
    a->end += PF_MBOX_RECORD;
    a->count++;
    a->live = false;
    if (len > KEPT)
        (void)!ftruncate(a->fd, (off_t)a->end);
}

void pf_mbox_append_drop(struct pf_mbox_appends *a)
{
    a->live = false;
    (void)!ftruncate(a->fd, (off_t)a->end);
}

enum pf_code pf_mbox_append_put(struct pf_mbox_locks *l, struct pf_mbox_appends *a, const struct pf_mbox_record *r,
                                struct pf_err *err)
{
    struct pf_mbox_sink to = {.fd = l->fd, .at = r->at, .locks = l};
    enum pf_code code;

    if (pf_mbox_copy(a->fd, a->end + PF_MBOX_RECORD, r->len, &to) == 0 && fsync(l->fd) == 0) {
        pf_mbox_append_done(a, r->len);
        return PF_OK;
    }
    code = failed(l, "cannot be appended to", err);
    /* Who is told of a failure delivers again: half a message must not stay (MB-017). If it cannot be taken
     * away now, the record stays, and whoever has the locks next does it. */
    if (ftruncate(l->fd, (off_t)r->at) == 0 && fsync(l->fd) == 0)
        pf_mbox_append_drop(a);
    return code;
}

bool pf_mbox_appends_get(const struct pf_mbox_appends *a, uint32_t index, struct pf_mbox_record *out_record)
{
    char text[PF_MBOX_RECORD];
    int64_t got = pf_mbox_read_at(a->fd, text, PF_MBOX_RECORD, FIRST + (uint64_t)index * PF_MBOX_RECORD);

    if (got == PF_MBOX_RECORD && parse(text, out_record))
        return true;
    errno = got < 0 ? errno : EIO;
    return false;
}

bool pf_mbox_appends_clear(struct pf_mbox_appends *a)
{
    if (ftruncate(a->fd, FIRST) != 0)
        return false;
    a->end = FIRST;
    a->count = 0;
    return true;
}
