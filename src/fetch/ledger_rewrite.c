#include "fetch/ledger_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LINES_FEW = 2000, /* so few lines are read in no time */
    DEAD_RATIO = 3,   /* one who lives has two lines, `will` and `done` */
    PIECE = 65536
};

/* The new file, gathered in pieces. */
struct sheet {
    int fd;
    struct pf_span text;
    bool ok;
    int failed; /* errno */
};

bool pf_ledger_is_mostly_dead(const struct pf_ledger *l)
{
    return l->records > LINES_FEW && l->records / DEAD_RATIO > l->own.live + l->elsewhere.live;
}

static void flush(struct sheet *s)
{
    size_t done = 0;

    while (s->ok && done < s->text.len) {
        ssize_t n = write(s->fd, s->text.at + done, s->text.len - done);

        if (n < 0 && errno != EINTR) {
            s->failed = errno;
            s->ok = false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    s->text.len = 0;
}

/* Room for one line more. */
static struct pf_span *room(struct sheet *s)
{
    if (pf_span_room(&s->text) < PF_LEDGER_LINE_MAX)
        flush(s);
    return &s->text;
}

static void put_all(struct sheet *s, struct pf_ledger *l)
{
    struct pf_ledger_note note;
    uint32_t who = 0, last = 0;

    s->ok = s->ok && pf_span_put(room(s), PF_LIT(PF_LEDGER_FIRST "\n")) &&
            (!l->delivered || pf_ledger_fetched_line(l->delivered, l->last, room(s)));
    for (size_t i = 0; i < l->elsewhere.live; i++) {
        pf_ledger_table_at(&l->elsewhere, i, &note, &who);
        if (i == 0 || who != last)
            s->ok = s->ok && pf_ledger_who_line(pf_bytes_of(l->others[who]), room(s));
        last = who;
        s->ok = s->ok && pf_ledger_line(&note, room(s));
    }
    s->ok = s->ok && pf_ledger_who_line(l->who, room(s));
    for (size_t i = 0; i < l->own.live; i++) {
        pf_ledger_table_at(&l->own, i, &note, NULL);
        s->ok = s->ok && pf_ledger_line(&note, room(s));
    }
    flush(s);
    if (s->ok && fsync(s->fd) != 0) {
        s->failed = errno;
        s->ok = false;
    }
}

static enum pf_code replace(struct pf_ledger *l, const char *path, struct pf_err *err)
{
    unsigned char *memory = malloc(PIECE);
    struct sheet s = {.fd = -1, .text = {memory, 0, PIECE}, .ok = memory != NULL, .failed = ENOMEM};
    enum pf_code code = PF_OK;

    (void)unlink(path); /* of a run that was killed here; the lock is ours */
    if (s.ok)
        code = pf_ledger_file(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, &s.fd, err);
    if (code == PF_OK && s.ok)
        put_all(&s, l);
    free(memory);
    if (code == PF_OK && s.ok && rename(path, l->path) != 0) {
        s.failed = errno;
        s.ok = false;
    }
    if (code == PF_OK && !s.ok)
        code = pf_fail(err, pf_code_of_errno(s.failed), s.failed, "ledger", "%s: %s", path,
                       strerror(s.failed));
    if (code != PF_OK) {
        if (s.fd >= 0)
            (void)close(s.fd);
        (void)unlink(path);
        return code;
    }
    (void)close(l->fd);
    l->fd = s.fd;
    return pf_ledger_sync_folder(l->path, err);
}

enum pf_code pf_ledger_rewrite(struct pf_ledger *l, struct pf_err *err)
{
    char *path = pf_ledger_beside(l->path, ".new");
    enum pf_code code;

    if (!path)
        return pf_fail(err, PF_NO_MEMORY, 0, "ledger", "no memory for the record of fetched mail");
    code = replace(l, path, err);
    free(path);
    return code;
}
