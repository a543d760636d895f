/* A kill leaves what was written; a power cut leaves what was synced. So the calls of an
 * undisturbed run are gone through with a list of what is not yet safe: octets of files, and
 * entries of folders. */
#include "store/crash/crash.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { PENDING = 64 }; /* more at a time than any scenario makes */

struct pending {
    char names[PENDING][CRASH_WORDS];
    uint32_t count;
};

struct ledger {
    struct crash_scene *scene;
    struct pending octets;  /* files with octets that are not synced */
    struct pending entries; /* folders in which a name that matters came or went */
};

static void add(struct ledger *l, struct pending *p, const char *name)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (strcmp(p->names[i], name) == 0)
            return;
    if (p->count == PENDING)
        crash_complain(l->scene, &l->scene->counts.other, "too much is unsynced at a time");
    else
        snprintf(p->names[p->count++], CRASH_WORDS, "%s", name);
}

static bool take(struct pending *p, const char *name)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (strcmp(p->names[i], name) == 0) {
            memmove(p->names[i], p->names[p->count - 1], CRASH_WORDS);
            p->count--;
            return true;
        }
    return false;
}

static const char *relative(const struct crash_scene *s, const char *path)
{
    size_t len = strlen(s->home);

    if (strcmp(path, s->home) == 0)
        return ".";
    return strncmp(path, s->home, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static void add_folder(struct ledger *l, const char *name)
{
    const char *slash = strrchr(name, '/');
    char folder[CRASH_WORDS];

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - name) : 1, slash ? name : ".");
    add(l, &l->entries, folder);
}

/* A name is given to a file: its octets have to be safe before. */
static void on_name(struct ledger *l, const char *from, const char *to, bool moved)
{
    const struct crash_kind *kind = l->scene->scenario->kind;
    bool unsafe = moved && take(&l->octets, from);

    if (unsafe)
        add(l, &l->octets, to);
    for (uint32_t i = 0; !moved && i < l->octets.count; i++)
        unsafe = unsafe || strcmp(l->octets.names[i], from) == 0;
    if (!kind->matters(to) || (kind->message(from) && kind->message(to)))
        return;
    if (unsafe)
        crash_complain(l->scene, &l->scene->counts.order, "%s is named %s before its octets are synced",
                       from, to);
    add_folder(l, to);
}

static void on_promise(struct ledger *l, const char *what)
{
    struct crash_scene *s = l->scene;

    for (uint32_t i = 0; i < l->entries.count; i++)
        crash_complain(s, &s->counts.order, "%s before folder %s is synced", what, l->entries.names[i]);
    for (uint32_t i = 0; i < l->octets.count; i++)
        if (s->scenario->kind->matters(l->octets.names[i]))
            crash_complain(s, &s->counts.order, "%s before %s is synced", what, l->octets.names[i]);
}

static bool is(const struct crash_call *c, const char *names)
{
    return fnmatch(names, c->row->name, FNM_EXTMATCH) == 0;
}

static void on_call(struct ledger *l, const struct crash_call *c)
{
    const struct crash_kind *kind = l->scene->scenario->kind;
    const char *a = relative(l->scene, c->a), *b = relative(l->scene, c->b);

    if (c->result < 0)
        return;
    if (is(c, "@(write|writev|pwrite64|pwritev|ftruncate|fallocate|sendfile)"))
        add(l, &l->octets, a);
    else if (is(c, "@(fsync|fdatasync)")) {
        take(&l->octets, a);
        take(&l->entries, a);
    } else if (is(c, "link*"))
        on_name(l, a, b, false);
    else if (is(c, "rename*"))
        on_name(l, a, b, true);
    else if (is(c, "unlink*")) {
        take(&l->octets, a);
        if (kind->matters(a))
            add_folder(l, a);
    } else if (kind->matters(a) && !c->existed &&
               (is(c, "mkdir*") || (is(c, "openat") && c->args[2] & O_CREAT)))
        add_folder(l, a);
}

static const char *words(const struct crash_scene *s, const struct crash_call *c, char room[3 * CRASH_WORDS])
{
    static const char *const markers[] = {[CRASH_LISTED] = "told listed",
                                          [CRASH_REMOVED] = "told removed",
                                          [CRASH_SEALED] = "told sealed"};

    if (!c->row)
        return markers[c->marker];
    snprintf(room, 3 * CRASH_WORDS, "%s %s%s%s", c->row->name, relative(s, c->a), c->b[0] ? " " : "",
             relative(s, c->b));
    return room;
}

/* The steps that the scenario names, so that an order which nobody keeps is not found good for lack of
 * calls to look at. */
static void check_steps(struct crash_scene *s, const struct crash_record *record)
{
    const char *const *step = s->scenario->steps;
    char room[3 * CRASH_WORDS];

    for (uint32_t i = 0; i < record->count && *step; i++)
        if (record->calls[i].result >= 0 && fnmatch(*step, words(s, &record->calls[i], room), 0) == 0)
            step++;
    if (*step)
        crash_complain(s, &s->counts.order, "step \"%s\" was not seen in its place", *step);
}

void crash_order(struct crash_scene *s, const struct crash_record *record)
{
    static struct ledger l;
    char room[3 * CRASH_WORDS];

    l = (struct ledger){.scene = s};
    for (uint32_t i = 0; i < record->count; i++) {
        const struct crash_call *c = &record->calls[i];

        if (c->row)
            on_call(&l, c);
        else
            on_promise(&l, words(s, c, room));
    }
    check_steps(s, record);
}
