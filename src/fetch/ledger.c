#include "fetch/ledger_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct pf_ledger *make(const char *path, const char *who, struct pf_err *err)
{
    struct pf_ledger *l = calloc(1, sizeof *l);
    char *text;

    if (l) {
        l->fd = l->lock = -1;
        pf_ledger_table_begin(&l->own);
        pf_ledger_table_begin(&l->elsewhere);
        l->path = strdup(path);
        text = strdup(who);
        if (text)
            l->who = pf_bytes_of(text);
        if (l->path && text)
            return l;
        pf_ledger_close(l);
    }
    (void)pf_fail(err, PF_NO_MEMORY, 0, "ledger", "no memory for the record of fetched mail");
    return NULL;
}

void pf_ledger_close(struct pf_ledger *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        (void)close(l->fd);
    pf_ledger_unlock(l->lock);
    pf_ledger_table_done(&l->own);
    pf_ledger_table_done(&l->elsewhere);
    for (size_t i = 0; i < l->other_count; i++)
        free(l->others[i]);
    free(l->others);
    free(l->path);
    free((void *)(uintptr_t)l->who.at);
    free(l);
}

/* The words before the first record: the file's own, and whose the records will be. */
static enum pf_code begin_section(struct pf_ledger *l, struct pf_err *err)
{
    unsigned char room[sizeof PF_LEDGER_FIRST + PF_LEDGER_LINE_MAX];
    struct pf_span text = {room, 0, sizeof room};
    bool fresh = l->whole == 0;
    enum pf_code code;

    if ((fresh && !pf_span_put(&text, PF_LIT(PF_LEDGER_FIRST "\n"))) ||
        (!l->ours && !pf_ledger_who_line(l->who, &text)))
        return pf_fail(err, PF_CONFIG, 0, "ledger", "the name of the maildrop is too long");
    code = pf_ledger_append(l->fd, pf_span_bytes(&text), true, err);
    if (code == PF_OK && fresh)
        code = pf_ledger_sync_folder(l->path, err);
    return code;
}

static enum pf_code cut_torn_end(struct pf_ledger *l, struct pf_err *err)
{
    off_t end = lseek(l->fd, 0, SEEK_END);

    if (end < 0 || ((uint64_t)end > l->whole && ftruncate(l->fd, (off_t)l->whole) != 0))
        return pf_fail(err, PF_IO, errno, "ledger", "%s: the torn end cannot be cut off: %s", l->path,
                       strerror(errno));
    return PF_OK;
}

static enum pf_code load(struct pf_ledger *l, struct pf_err *err)
{
    enum pf_code code = pf_ledger_file(l->path, O_RDWR | O_APPEND | O_CREAT, &l->fd, err);

    if (code == PF_OK)
        code = pf_ledger_read(l, l->fd, err);
    if (code == PF_OK)
        code = cut_torn_end(l, err);
    /* What cannot be rewritten now can be another time. */
    if (code == PF_OK && pf_ledger_is_mostly_dead(l) && pf_ledger_rewrite(l, NULL) == PF_OK)
        return PF_OK;
    return code == PF_OK ? begin_section(l, err) : code;
}

static enum pf_code open_locked(struct pf_ledger *l, pf_time wait, struct pf_err *err)
{
    enum pf_code code = pf_ledger_folders(l->path, err);
    char *lock;

    if (code != PF_OK)
        return code;
    lock = pf_ledger_beside(l->path, ".lock");
    if (!lock)
        return pf_fail(err, PF_NO_MEMORY, 0, "ledger", "no memory for the record of fetched mail");
    code = pf_ledger_lock(lock, wait, &l->lock, err);
    free(lock);
    return code == PF_OK ? load(l, err) : code;
}

enum pf_code pf_ledger_open(const char *path, const char *who, pf_time wait, struct pf_ledger **out,
                            struct pf_err *err)
{
    struct pf_ledger *l = make(path, who, err);
    enum pf_code code;

    if (!l)
        return PF_NO_MEMORY;
    code = open_locked(l, wait, err);
    if (code != PF_OK) {
        pf_ledger_close(l);
        return code;
    }
    *out = l;
    return PF_OK;
}

enum pf_code pf_ledger_look(const char *path, const char *who, struct pf_ledger **out,
                            struct pf_err *err)
{
    struct pf_ledger *l = make(path, who, err);
    int fd = -1;
    enum pf_code code;

    if (!l)
        return PF_NO_MEMORY;
    code = pf_ledger_file(path, O_RDONLY, &fd, err);
    if (code == PF_OK) {
        code = pf_ledger_read(l, fd, err);
        (void)close(fd);
    }
    if (code != PF_OK && code != PF_GONE) {
        pf_ledger_close(l);
        return code;
    }
    *out = l;
    return PF_OK;
}

bool pf_ledger_find(const struct pf_ledger *l, struct pf_bytes uid, struct pf_ledger_note *out)
{
    return pf_ledger_table_find(&l->own, 0, uid, out);
}

size_t pf_ledger_count(const struct pf_ledger *l)
{
    return l->own.live;
}

void pf_ledger_at(const struct pf_ledger *l, size_t i, struct pf_ledger_note *out)
{
    pf_ledger_table_at((struct pf_ledger_table *)(uintptr_t)&l->own, i, out, NULL);
}

uint64_t pf_ledger_delivered(const struct pf_ledger *l, int64_t *out_last)
{
    *out_last = l->last;
    return l->delivered;
}

size_t pf_ledger_elsewhere_count(const struct pf_ledger *l)
{
    return l->elsewhere.live;
}

void pf_ledger_elsewhere_at(const struct pf_ledger *l, size_t i, struct pf_ledger_note *out)
{
    pf_ledger_table_at((struct pf_ledger_table *)(uintptr_t)&l->elsewhere, i, out, NULL);
}

/* May it be written? PF_OK: yes. */
static enum pf_code writable(const struct pf_ledger *l, struct pf_err *err)
{
    if (l->fd < 0)
        return pf_fail(err, PF_STATE, 0, "ledger", "%s was opened only to look", l->path);
    if (l->broken)
        return pf_fail(err, PF_IO, 0, "ledger",
                       "%s could not be written before, and what is in it is not known any more",
                       l->path);
    return PF_OK;
}

static enum pf_code append(struct pf_ledger *l, struct pf_bytes lines, bool sync, struct pf_err *err)
{
    enum pf_code code = pf_ledger_append(l->fd, lines, sync, err);

    l->broken = code != PF_OK;
    return code;
}

/* Room for lines: `at` is NULL when there is no memory. */
static struct pf_span room_for(const struct pf_ledger_note *notes, size_t n)
{
    struct pf_span text = {NULL, 0, 1};

    for (size_t i = 0; i < n; i++) {
        size_t most = PF_LEDGER_LINE_MAX - 3 * (PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX);
        size_t texts;

        if (__builtin_add_overflow(notes[i].uid.len, notes[i].name.len, &texts) ||
            __builtin_mul_overflow(texts, (size_t)3, &texts) ||
            __builtin_add_overflow(text.cap, most, &text.cap) ||
            __builtin_add_overflow(text.cap, texts, &text.cap))
            return (struct pf_span){NULL, 0, 0};
    }
    text.at = malloc(text.cap);
    return text;
}

enum pf_code pf_ledger_write(struct pf_ledger *l, const struct pf_ledger_note *notes, size_t n,
                             bool sync, struct pf_err *err)
{
    enum pf_code code = writable(l, err);
    struct pf_span text;

    if (code != PF_OK)
        return code;
    text = room_for(notes, n);
    if (!text.at)
        return pf_fail(err, PF_NO_MEMORY, 0, "ledger", "no memory for the record of fetched mail");
    for (size_t i = 0; i < n && code == PF_OK; i++)
        if (!pf_ledger_line(&notes[i], &text))
            code = pf_fail(err, PF_SYNTAX, 0, "ledger", "a message's identity cannot be noted");
    if (code == PF_OK)
        code = append(l, pf_span_bytes(&text), sync, err);
    free(text.at);
    return code;
}

bool pf_ledger_learn(struct pf_ledger *l, const struct pf_ledger_note *notes, size_t n)
{
    size_t texts = 0;
    bool ok;

    for (size_t i = 0; i < n; i++)
        if (notes[i].state != PF_LEDGER_GONE &&
            __builtin_add_overflow(texts, notes[i].uid.len + notes[i].name.len, &texts))
            return false;
    ok = pf_ledger_table_reserve(&l->own, texts);
    for (size_t i = 0; i < n && ok; i++)
        ok = pf_ledger_table_learn(&l->own, 0, &notes[i]);
    pf_ledger_table_settle(&l->own);
    return ok;
}

enum pf_code pf_ledger_settled(struct pf_ledger *l, struct pf_err *err)
{
    unsigned char room[PF_LEDGER_LINE_MAX];
    struct pf_span text = {room, 0, sizeof room};
    enum pf_code code = writable(l, err);

    if (code != PF_OK || l->elsewhere.live == 0)
        return code;
    if (!pf_ledger_settled_line(&text))
        return pf_fail(err, PF_PERM, 0, "ledger", "the record of fetched mail");
    code = append(l, pf_span_bytes(&text), true, err);
    if (code == PF_OK)
        pf_ledger_table_done(&l->elsewhere);
    return code;
}

int pf_ledger_fd(const struct pf_ledger *l)
{
    return l->fd;
}

int pf_ledger_lock_fd(const struct pf_ledger *l)
{
    return l->lock;
}
