/* The crash tests tested: programs that do it wrong, each in one of the ways that crash tests are for. What
 * they break has to be counted. */
#include "store/crash/crash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char parcel_name[] = "1700864003.M1P1.crash.example";
static const char fifth[] = "new/1700000005.M1P1.h";

static int box_of(struct crash_scene *s)
{
    return open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int make(int box, const char *name)
{
    return openat(box, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static void promise_delivery(struct crash_scene *s)
{
    memcpy(s->told->uidl[CRASH_PARCEL], parcel_name, sizeof parcel_name);
    s->told->delivered = true;
    crash_mark(CRASH_SEALED);
}

/* Two writes, right where sessions look; nothing is synced, nothing is checked. */
static void write_in_place(struct crash_scene *s)
{
    const char *text = crash_mails[CRASH_PARCEL].text;
    char name[64];
    int fd;

    s->told->delivering = true;
    snprintf(name, sizeof name, "new/%s", parcel_name);
    fd = make(box_of(s), name);
    if (write(fd, text, 99) < 0 || write(fd, text + 99, strlen(text) - 99) < 0)
        text = NULL;
    close(fd);
    promise_delivery(s);
}

/* All in its order but for the syncs. */
static void rename_unsynced(struct crash_scene *s)
{
    const char *text = crash_mails[CRASH_PARCEL].text;
    int box = box_of(s), fd = make(box, "tmp/parcel");
    char name[64];

    s->told->delivering = true;
    snprintf(name, sizeof name, "new/%s", parcel_name);
    if (write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0 &&
        renameat(box, "tmp/parcel", box, name) == 0)
        promise_delivery(s);
}

static void promise_then_remove(struct crash_scene *s)
{
    int box = box_of(s);

    s->told->expunging = s->told->expunged = true;
    s->told->removed = 1;
    crash_mark(CRASH_REMOVED);
    unlinkat(box, fifth, 0);
}

static void remove_unsynced(struct crash_scene *s)
{
    int box = box_of(s);

    s->told->expunging = true;
    if (unlinkat(box, fifth, 0) == 0) {
        s->told->removed = 1;
        s->told->expunged = true;
        crash_mark(CRASH_REMOVED);
    }
}

/* A new name first, then the old one goes: for a moment there are two, and then another UIDL. */
static void copy_and_remove(struct crash_scene *s)
{
    int box = box_of(s);

    if (linkat(box, fifth, box, "new/1700000005.M2P2.h", 0) == 0)
        unlinkat(box, fifth, 0);
}

/* The old one first, then the new one. */
static void remove_and_write(struct crash_scene *s)
{
    const char *text = crash_mails[4].text;
    int box = box_of(s), fd;

    unlinkat(box, fifth, 0);
    fd = make(box, fifth);
    if (write(fd, text, strlen(text)) >= 0)
        close(fd);
}

static void leave_litter(struct crash_scene *s)
{
    int box = box_of(s), fd = make(box, "journal");

    close(fd);
    unlinkat(box, "journal", 0);
}

static void crash_by_itself(struct crash_scene *s)
{
    if (box_of(s) < 0)
        abort();
}

#define WRONG(f, marked, ...) \
    {.name = #f, .kind = &crash_maildir, .run = f, .known = true, .meant = true, .remove = marked, \
     .steps = {__VA_ARGS__}}

enum { LOSSES = 1, DUPLICATES = 2, TORN = 4, UIDLS = 8, LEFTOVERS = 16, ORDER = 32, OTHER = 64 };

static const struct crash_scenario scenarios[] = {
    WRONG(write_in_place, 0, NULL), WRONG(rename_unsynced, 0, NULL),
    WRONG(promise_then_remove, 16, "unlinkat *", "told removed"), WRONG(remove_unsynced, 16, NULL),
    WRONG(copy_and_remove, 0, NULL), WRONG(remove_and_write, 0, NULL), WRONG(leave_litter, 0, NULL),
    WRONG(crash_by_itself, 0, NULL),
};

static const unsigned breaks[] = {
    LOSSES | TORN | ORDER, ORDER, DUPLICATES | ORDER, ORDER, DUPLICATES | UIDLS, LOSSES | TORN, LEFTOVERS,
    OTHER,
};

/* What may be found, too, now and then: a message that was written anew in place is another one to who saw it
 * before. */
static const unsigned perhaps[sizeof breaks / sizeof *breaks] = {[5] = UIDLS};

static unsigned found(const struct crash_counts *c)
{
    return (c->losses ? LOSSES : 0u) | (c->duplicates ? DUPLICATES : 0u) | (c->torn ? TORN : 0u) |
           (c->uidls ? UIDLS : 0u) | (c->leftovers ? LEFTOVERS : 0u) | (c->order ? ORDER : 0u) |
           (c->other ? OTHER : 0u);
}

int main(void)
{
    const unsigned count = sizeof breaks / sizeof *breaks;
    const char *why = crash_impossible();
    bool all = true;

    if (why) {
        printf("1..0 # SKIP system calls cannot be traced: %s\n", why);
        return 0;
    }
    crash_one_processor();
    printf("1..%u\n", count);
    for (unsigned i = 0; i < count; i++) {
        struct crash_counts c;
        bool ok;

        crash_play(&scenarios[i], &c);
        ok = (found(&c) & breaks[i]) == breaks[i] && (found(&c) & ~(breaks[i] | perhaps[i] | OTHER)) == 0;
        all = all && ok;
        printf("%s %u - %s is found out: %u points, %u losses, %u duplicates, %u torn, %u UIDLs, %u leftovers, "
               "%u order, %u other\n", ok ? "ok" : "not ok", i + 1, scenarios[i].name, c.points, c.losses,
               c.duplicates, c.torn, c.uidls, c.leftovers, c.order, c.other);
    }
    return !all;
}
