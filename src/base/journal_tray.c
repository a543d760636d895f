#include "base/journal.h"

#include <stdlib.h>

enum {
    FIRST = 16384,   /* some dozens of records: a turn of a busy loop */
    KEPT = 1 << 20   /* what a client that removes all its mail needed is not kept for ever */
};

static void give_back(struct pf_journal_tray *t)
{
    free(t->at);
    t->at = NULL;
    t->cap = 0;
}

void pf_journal_tray_took(struct pf_journal_tray *t, size_t n)
{
    t->len -= n;
    if (t->len)
        memmove(t->at, t->at + n, t->len);
    else if (t->cap > KEPT)
        give_back(t);
}

/* Lines from the front, half of all at least, so that moving the rest is paid for. */
static void drop_oldest(struct pf_journal_tray *t)
{
    size_t n = 0;

    while (n < t->len && n <= t->len / 2) {
        const unsigned char *end = memchr(t->at + n, '\n', t->len - n);

        n = end ? (size_t)(end - t->at) + 1 : t->len;
        t->lost++;
    }
    pf_journal_tray_took(t, n);
}

static bool grow(struct pf_journal_tray *t, size_t wanted)
{
    size_t cap = t->cap ? t->cap : FIRST;
    unsigned char *at;

    while (cap < wanted)
        cap *= 2;
    if (cap > t->most)
        cap = t->most;
    at = realloc(t->at, cap);
    if (!at)
        return false;
    t->at = at;
    t->cap = cap;
    return true;
}

void pf_journal_tray_put(struct pf_journal_tray *t, struct pf_bytes line)
{
    while (t->len && (t->len > t->most || line.len > t->most - t->len)) /* `most` may be another than before */
        drop_oldest(t);
    if (line.len > t->most || (line.len > t->cap - t->len && !grow(t, t->len + line.len))) {
        t->lost++;
        return;
    }
    memcpy(t->at + t->len, line.at, line.len);
    t->len += line.len;
}

void pf_journal_tray_done(struct pf_journal_tray *t)
{
    free(t->at);
    *t = (struct pf_journal_tray){.most = t->most};
}
