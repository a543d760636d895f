#include "auth/record.h"

#include "auth/auth_source.h"
#include "auth/record_file.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>

enum {
    EVERY = 60 * 1000, /* from one writing to the next */
    NOTES_MAX = 100000 /* that wait while the file is written; more than a loop can log in */
};

struct seen {
    int64_t at;
    char from[48];
};

struct person {
    TAILQ_ENTRY(person) link; /* who was seen longest ago stands first */
    struct seen last;
    struct seen *unsafe; /* by kind, from PF_RECORD_LAST + 1 on; NULL for those who are safe */
    char user[];
};

struct note {
    STAILQ_ENTRY(note) link;
    int64_t at;
    unsigned kinds;
    char from[48];
    char user[];
};

struct pf_record {
    struct pf_job job; /* the first member */
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_timer *timer;
    char *file;
    void *tree; /* of persons, by user; while a thread writes, the loop keeps away from it */
    TAILQ_HEAD(, person) people;
    size_t count;
    STAILQ_HEAD(, note) notes; /* that came while a thread was writing */
    size_t note_count;
    bool dirty, armed, writing, leaving;
    bool told, trouble; /* the writing goes wrong: is that said, is it still to be said? */
    pf_time written;
    struct pf_err err;     /* of the last writing: the thread's while one is under way */
    struct pf_err failure; /* to be said */
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct person *)a)->user, ((const struct person *)b)->user);
}

static void drop(struct pf_record *record, struct person *person)
{
    tdelete(person, &record->tree, compare);
    TAILQ_REMOVE(&record->people, person, link);
    record->count--;
    free(person->unsafe);
    free(person);
}

/* The user's entry, as the latest; NULL without memory. */
static struct person *take(struct pf_record *record, const char *user)
{
    size_t len = strlen(user) + 1;
    struct person *fresh = calloc(1, sizeof *fresh + len), **slot;

    if (!fresh)
        return NULL;
    memcpy(fresh->user, user, len);
    slot = tsearch(fresh, &record->tree, compare);
    if (!slot || *slot != fresh) {
        free(fresh);
        if (!slot)
            return NULL;
        fresh = *slot;
        TAILQ_REMOVE(&record->people, fresh, link);
    } else {
        record->count++;
    }
    TAILQ_INSERT_TAIL(&record->people, fresh, link);
    if (record->count > PF_RECORD_USERS)
        drop(record, TAILQ_FIRST(&record->people));
    return fresh;
}

static struct seen *seen_of(struct person *person, size_t kind)
{
    if (kind == PF_RECORD_LAST)
        return &person->last;
    if (!person->unsafe)
        person->unsafe = calloc(PF_RECORD_KINDS - 1, sizeof person->unsafe[0]);
    return person->unsafe ? &person->unsafe[kind - 1] : NULL;
}

static void put(struct person *person, size_t kind, const char *from, int64_t at)
{
    struct seen *seen = seen_of(person, kind);

    if (!seen)
        return;
    seen->at = at;
    pf_text_safe(seen->from, sizeof seen->from, pf_bytes_of(from));
}

static void apply(struct pf_record *record, const struct note *note)
{
    struct person *person = take(record, note->user);

    for (size_t i = 0; person && i < PF_RECORD_KINDS; i++)
        if (note->kinds & 1U << i)
            put(person, i, note->from, note->at);
    record->dirty = true;
}

static void apply_notes(struct pf_record *record)
{
    struct note *note;

    while ((note = STAILQ_FIRST(&record->notes))) {
        STAILQ_REMOVE_HEAD(&record->notes, link);
        apply(record, note);
        free(note);
    }
    record->note_count = 0;
}

struct walk {
    FILE *to;
    bool ok;
};

static void put_person(const void *node, VISIT visit, void *self)
{
    const struct person *person = *(struct person *const *)node;
    struct pf_record_row row = {.user = person->user};
    struct walk *walk = self;

    if ((visit != postorder && visit != leaf) || !walk->ok)
        return;
    for (size_t i = 0; i < PF_RECORD_KINDS; i++) {
        const struct seen *seen = i == PF_RECORD_LAST ? &person->last
                                  : person->unsafe    ? &person->unsafe[i - 1]
                                                      : NULL;

        row.at[i] = seen ? seen->at : 0;
        if (row.at[i])
            memcpy(row.from[i], seen->from, sizeof seen->from);
    }
    walk->ok = pf_record_put(walk->to, &row);
}

static bool put_all(FILE *to, const void *self)
{
    const struct pf_record *record = self;
    struct walk walk = {to, true};

    twalk_r(record->tree, put_person, &walk);
    return walk.ok;
}

static void write_now(struct pf_job *job)
{
    struct pf_record *record = (struct pf_record *)job;

    record->err = (struct pf_err){0};
    pf_record_write(record->file, put_all, record, &record->err);
}

/* At once when the last time is a minute ago, so that a server that starts soon shows whether it can. */
static void arm(struct pf_record *record)
{
    if (!record->dirty || record->armed || record->writing)
        return;
    record->armed = true;
    pf_timer_set(record->timer, record->written ? record->written + EVERY : pf_loop_now(record->loop));
}

static void fire(struct pf_timer *timer, void *self)
{
    struct pf_record *record = self;

    (void)timer;
    record->armed = false;
    record->written = pf_loop_now(record->loop);
    record->writing = true;
    record->dirty = false;
    if (pf_pool_submit(record->pool, &record->job))
        return;
    record->writing = false;
    record->dirty = true;
    arm(record);
}

static void finish(struct pf_record *record)
{
    struct person *person;

    apply_notes(record);
    if (record->dirty)
        write_now(&record->job);
    while ((person = TAILQ_FIRST(&record->people)))
        drop(record, person);
    pf_timer_free(record->timer);
    free(record->file);
    free(record);
}

static void written(struct pf_job *job)
{
    struct pf_record *record = (struct pf_record *)job;

    record->writing = false;
    if (record->err.code == PF_OK) {
        record->told = record->trouble = false;
    } else {
        record->dirty = true;
        record->trouble = !record->told;
        record->failure = record->err;
    }
    if (record->leaving) {
        finish(record);
        return;
    }
    apply_notes(record);
    arm(record);
}

static int by_last(const void *a, const void *b)
{
    int64_t one = ((const struct pf_record_row *)a)->at[PF_RECORD_LAST],
            two = ((const struct pf_record_row *)b)->at[PF_RECORD_LAST];

    return one < two ? -1 : one > two;
}

static void load(struct pf_record *record, struct pf_record_row *rows, size_t count)
{
    if (count)
        qsort(rows, count, sizeof rows[0], by_last);
    for (size_t i = 0; i < count; i++) {
        struct person *person = take(record, rows[i].user);

        for (size_t k = 0; person && k < PF_RECORD_KINDS; k++)
            if (rows[i].at[k])
                put(person, k, rows[i].from[k], rows[i].at[k]);
    }
}

static void set_aside(const char *file, const struct pf_err *why, struct pf_err *err)
{
    char aside[PATH_MAX];
    int len = snprintf(aside, sizeof aside, "%s.broken", file);
    bool kept = len > 0 && (size_t)len < sizeof aside && rename(file, aside) == 0;

    pf_fail(err, why->code, why->sys, why->where, "%s; the record begins anew, the old one %s%s", why->log,
            kept ? "is kept as " : "is lost", kept ? aside : "");
}

/* False without memory. */
static bool read_file(struct pf_record *record, struct pf_err *err)
{
    struct pf_record_row *rows = NULL;
    struct pf_err why = {0};
    size_t count = 0;
    enum pf_code code = pf_record_read(record->file, &rows, &count, &why);

    if (code == PF_OK)
        load(record, rows, count);
    pf_record_rows_free(rows, count);
    if (code == PF_NO_MEMORY)
        return false;
    if (code != PF_OK && why.sys != ENOENT)
        set_aside(record->file, &why, err);
    return true;
}

struct pf_record *pf_record_new(struct pf_loop *loop, struct pf_pool *pool, const char *file, struct pf_err *err)
{
    struct pf_record *record = calloc(1, sizeof *record);

    if (record) {
        *record = (struct pf_record){.job = {.work = write_now, .done = written}, .loop = loop, .pool = pool,
                                     .file = strdup(file)};
        TAILQ_INIT(&record->people);
        STAILQ_INIT(&record->notes);
        record->timer = pf_timer_new(loop, fire, record);
        if (record->timer && record->file && read_file(record, err))
            return record;
        pf_record_free(record);
    }
    pf_fail(err, PF_NO_MEMORY, ENOMEM, "record", "no memory for the record of logins");
    return NULL;
}

void pf_record_note(struct pf_record *record, const char *user, const char *peer, unsigned kinds, int64_t now)
{
    size_t len = strlen(user) + 1;
    struct note *note;

    if (!pf_auth_name_ok(pf_bytes_of(user)) || record->note_count == NOTES_MAX)
        return;
    note = calloc(1, sizeof *note + len);
    if (!note)
        return;
    note->at = now;
    note->kinds = kinds | 1U << PF_RECORD_LAST;
    memcpy(note->user, user, len);
    pf_text_safe(note->from, sizeof note->from, pf_bytes_of(peer && peer[0] ? peer : "unknown"));
    STAILQ_INSERT_TAIL(&record->notes, note, link);
    record->note_count++;
    if (!record->writing)
        apply_notes(record);
    arm(record);
}

bool pf_record_trouble(struct pf_record *record, struct pf_err *out_err)
{
    if (!record->trouble)
        return false;
    record->trouble = false;
    record->told = true;
    *out_err = record->failure;
    return true;
}

void pf_record_free(struct pf_record *record)
{
    if (!record)
        return;
    record->leaving = true;
    if (record->writing)
        return; /* `written` goes on */
    finish(record);
}
