#include "fetch/place_private.h"

#include "base/words.h"

#include <postfach/pop3_client.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "place";

enum {
    GIVE_UP = 86400 * 1000
}; /* ms: sweepers of tmp take what is older for abandoned, after a margin */

enum pf_code pf_place_trouble(struct pf_err *err, int sys, const char *path, const char *what)
{
    enum pf_code code = pf_code_of_errno(sys);
    const char *hint = "";

    if (sys == ENOSPC)
        hint = pf_words(": make room on that disk");
    else if (sys == EDQUOT)
        hint = pf_words(": your quota on that disk is used up");
    else if (sys == EROFS)
        hint = pf_words(": that file system can only be read now");
    else if (sys == EACCES || sys == EPERM)
        hint = pf_words(": see to its owner and rights");
    if (sys == EFBIG)
        code = PF_TEMP; /* this message's trouble alone */
    else if (code == PF_PERM)
        code = PF_CONFIG;
    return pf_fail(err, code, sys, where, "%s: mail cannot be %s: %s%s", path, pf_words(what),
                   strerror(sys), hint);
}

void pf_place_break(struct pf_place *p, const struct pf_err *err)
{
    if (!p->broken.code)
        p->broken = *err;
}

void pf_place_wake(struct pf_place *p)
{
    if (p->later.queued)
        return;
    p->holds++;
    pf_loop_later(p->settings.loop, &p->later);
}

void pf_place_release(struct pf_place *p)
{
    if (--p->holds)
        return;
    free(p->kind_private);
    free(p);
}

struct pf_letter *pf_place_next(struct pf_place *p)
{
    struct pf_letter *l = p->line;

    if (!l)
        return NULL;
    p->line = l->next;
    if (!p->line)
        p->line_end = &p->line;
    l->next = NULL;
    return l;
}

struct pf_ledger_note pf_place_note(const struct pf_letter *l, enum pf_ledger_state state)
{
    struct pf_ledger_note note = {
        .state = state == PF_LEDGER_DONE && l->doubt ? PF_LEDGER_SKIPPED : state,
        .when = time(NULL),
        .octets = l->octets,
        .uid = pf_bytes_from(l->uid, l->uid_len),
        .name = state == PF_LEDGER_WILL      ? pf_bytes_of(l->record)
                : state == PF_LEDGER_REFUSED ? pf_bytes_head(pf_bytes_of(l->err.log), PF_LEDGER_NAME_MAX)
                                             : (struct pf_bytes){0},
    };

    memcpy(note.head, l->head, sizeof note.head);
    return note;
}

void pf_place_lost(struct pf_letter *l)
{
    l->place->kind->drop(l->place, l);
    if (l->file.fd >= 0)
        close(l->file.fd);
    free(l);
}

void pf_place_told(struct pf_place *p, struct pf_letter *l)
{
    struct pf_ledger_note note = pf_place_note(l, l->state);
    struct pf_err err = l->err;
    void *of = l->of;

    if (l->state != PF_LEDGER_GONE && !pf_ledger_learn(p->settings.ledger, &note, 1)) {
        struct pf_err lack;

        pf_fail(&lack, PF_NO_MEMORY, 0, where, "no memory to remember what was fetched");
        pf_place_break(p, &lack);
    }
    pf_place_lost(l);
    p->waiting--;
    p->settings.done(p->settings.self, of, &err);
}

static void run_later(struct pf_later *later)
{
    struct pf_place *p = (struct pf_place *)(void *)((char *)later - offsetof(struct pf_place, later));

    if (!p->freed)
        p->kind->work(p);
    pf_place_release(p);
}

struct pf_place *pf_place_new(const struct pf_place_settings *settings, struct pf_err *err)
{
    struct pf_place *p = calloc(1, sizeof *p);
    enum pf_code code;

    if (!p) {
        pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the place of mail");
        return NULL;
    }
    p->settings = *settings;
    p->holds = 1;
    p->later.run = run_later;
    p->line_end = &p->line;
    code = settings->account->maildir ? pf_place_maildir(p, err) : pf_place_carried(p, err);
    if (!code)
        return p;
    pf_place_release(p);
    return NULL;
}

void pf_place_settle(struct pf_place *p)
{
    p->kind->settle(p);
}

static void enter(struct pf_letter *l)
{
    l->begun_next = l->place->begun;
    l->begun = &l->place->begun;
    if (l->begun_next)
        l->begun_next->begun = &l->begun_next;
    l->place->begun = l;
}

static void leave(struct pf_letter *l)
{
    *l->begun = l->begun_next;
    if (l->begun_next)
        l->begun_next->begun = l->begun;
    l->begun = NULL;
}

struct pf_letter *pf_place_begin(struct pf_place *p, const struct pf_ledger_note *identity,
                                 void *letter_of, struct pf_err *err)
{
    struct pf_letter *l;

    if (p->broken.code) {
        *err = p->broken;
        return NULL;
    }
    l = calloc(1, sizeof *l + identity->uid.len);
    if (!l) {
        pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a letter");
        return NULL;
    }
    l->place = p;
    l->of = letter_of;
    l->file.fd = -1;
    l->octets = identity->octets;
    l->uid_len = identity->uid.len;
    memcpy(l->uid, identity->uid.at, identity->uid.len);
    l->deadline = pf_loop_now(p->settings.loop) + GIVE_UP;
    enter(l);
    if (!p->kind->begin(p, l, err))
        return l;
    pf_letter_drop(l);
    if (err->code != PF_TEMP)
        pf_place_break(p, err);
    return NULL;
}

/* A letter that failed keeps its reason; one that failed for a reason of all takes the others with it.
 */
static enum pf_code failed(struct pf_letter *l, const struct pf_err *why, struct pf_err *err)
{
    l->err = *why;
    if (why->code != PF_TEMP && why->code != PF_PERM)
        pf_place_break(l->place, why);
    if (err)
        *err = *why;
    return why->code;
}

enum pf_code pf_letter_write(struct pf_letter *l, struct pf_bytes wire, struct pf_err *err)
{
    struct pf_err why;
    int sys;

    if (l->err.code) {
        *err = l->err;
        return err->code;
    }
    if (l->place->broken.code)
        return failed(l, &l->place->broken, err);
    sys = pf_place_file_add(&l->file, wire, l->place->kind->wrote, l);
    if (!sys)
        return PF_OK;
    pf_place_trouble(&why, sys, l->place->text, "written");
    return failed(l, &why, err);
}

/* Fewer octets came than were told, whether a line's end is one of them or two: some servers count wrong, but
 * here nobody knows which do. The record says it before the message can be found. */
static enum pf_code doubt(struct pf_letter *l, uint64_t wire, struct pf_err *err)
{
    char record[sizeof l->record];
    int len;

    if (l->octets == wire || l->octets <= l->file.size)
        return PF_OK;
    len = snprintf(record, sizeof record, "%s%s", PF_LEDGER_DOUBT, l->record);
    if (len < 0 || (size_t)len >= sizeof record)
        return pf_fail(err, PF_TEMP, 0, where, "the name of a message is too long for the record of fetched mail");
    memcpy(l->record, record, sizeof record);
    l->doubt = true;
    return PF_OK;
}

static enum pf_code finish(struct pf_letter *l, uint64_t wire, const char *folder, struct pf_err *err)
{
    struct pf_place *p = l->place;
    enum pf_code code;
    int sys;

    if (p->broken.code) {
        *err = p->broken;
        return err->code;
    }
    if (pf_loop_now(p->settings.loop) > l->deadline)
        return pf_fail(err, PF_TEMP, 0, where, "%s: a message took more than a day to come", p->text);
    sys = pf_place_file_end(&l->file, p->kind->wrote, l);
    if (sys)
        return pf_place_trouble(err, sys, p->text, "written");
    code = p->kind->end(p, l, folder, err);
    return code ? code : doubt(l, wire, err);
}

void pf_letter_end(struct pf_letter *l, const unsigned char head[PF_LEDGER_HEAD], uint64_t wire,
                   const char *folder)
{
    struct pf_place *p = l->place;
    struct pf_err why;

    leave(l);
    memcpy(l->head, head, sizeof l->head);
    if (l->octets == PF_OCTETS_UNKNOWN)
        l->octets = wire;
    if (!l->err.code && finish(l, wire, folder, &why))
        failed(l, &why, NULL);
    *p->line_end = l;
    p->line_end = &l->next;
    p->waiting++;
    pf_place_wake(p);
}

void pf_letter_drop(struct pf_letter *l)
{
    if (!l)
        return;
    leave(l);
    pf_place_lost(l);
}

unsigned pf_place_waiting(const struct pf_place *p)
{
    return p->waiting;
}

const char *pf_place_text(const struct pf_place *p)
{
    return p->text;
}

static bool copy_old(const struct pf_ledger_note *note, struct pf_place_old *o)
{
    if (note->uid.len > PF_LEDGER_UID_MAX || note->name.len > PF_LEDGER_NAME_MAX)
        return false;
    o->note = *note;
    memcpy(o->room, note->uid.at, note->uid.len);
    if (note->name.len)
        memcpy(o->room + note->uid.len, note->name.at, note->name.len);
    o->note.uid = pf_bytes_from(o->room, note->uid.len);
    o->note.name = pf_bytes_from(o->room + note->uid.len, note->name.len);
    return true;
}

bool pf_place_olds(const struct pf_ledger *ledger, struct pf_place_old **out_olds, size_t *out_count)
{
    size_t all = pf_ledger_count(ledger), count = 0, n = 0;
    struct pf_ledger_note note;
    struct pf_place_old *olds;

    for (size_t i = 0; i < all; i++) {
        pf_ledger_at(ledger, i, &note);
        count += note.state == PF_LEDGER_WILL;
    }
    olds = count ? calloc(count, sizeof *olds) : NULL;
    if (count && !olds)
        return false;
    for (size_t i = 0; i < all; i++) {
        pf_ledger_at(ledger, i, &note);
        if (note.state == PF_LEDGER_WILL && n < count && copy_old(&note, &olds[n]))
            n++;
    }
    *out_olds = olds;
    *out_count = n;
    return true;
}

void pf_place_free(struct pf_place *p)
{
    if (!p)
        return;
    while (p->begun)
        pf_letter_drop(p->begun);
    p->freed = true;
    p->kind->free(p);
    pf_place_release(p);
}
