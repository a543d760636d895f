/* Maildir in crash tests: names of every sort, and what may lie beside the messages. */
#include "store/crash/crash.h"
#include "store/maildir/box.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* The third and fourth cannot be UIDLs; the second bears its sizes. */
static const char *const names[CRASH_PARCEL] = {
    "cur/1700000001.M1P1.h:2,S", "new/1700000002.M1P1.h,S=39,W=43", "new/msg.12 a", "cur/msg.4:2,",
    "new/1700000005.M1P1.h",
};

/* The store takes stamps for settled at once, as it would after some seconds; scenes see to it that
 * they are. */
static struct pf_twin *make(void)
{
    const struct pf_maildir_settings settings = {
        .cache = true, .mark_seen = true, .create = true, .host = "crash.example"};
    struct pf_twin *twin = pf_maildir_new(&settings, NULL);

    if (twin)
        ((struct pf_maildir *)twin)->clock_ahead = INT64_C(10000000000);
    return twin;
}

static const char *at(struct crash_scene *s, const char *name)
{
    static char path[sizeof s->path + 64];

    snprintf(path, sizeof path, "%s/%s", s->path, name);
    return path;
}

static void put(struct crash_scene *s)
{
    static const char *const folders[] = {"", "tmp", "new", "cur"};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(at(s, folders[i]), 0700) != 0)
            crash_stop(at(s, folders[i]));
    for (int i = 0; i < CRASH_PARCEL; i++)
        crash_put_file(at(s, names[i]), crash_mails[i].text, crash_mails[i].arrival);
    crash_put_file(at(s, "tmp/1600000000.M1P1.h"), "an old delivery that", 1600000000);
}

/* The name of the first file that is not in the list; a list of NULL allows none. */
static void find_strange(struct crash_scene *s, const char *folder, const char *const *allowed,
                         char room[CRASH_WORDS])
{
    DIR *dir = opendir(at(s, folder));
    struct dirent *entry;

    if (!dir)
        crash_stop(at(s, folder));
    while (!room[0] && (entry = readdir(dir))) {
        bool known = entry->d_name[0] == '.';

        for (const char *const *a = allowed; *a && !known; a++)
            known = strcmp(*a, entry->d_name) == 0;
        if (!known)
            snprintf(room, CRASH_WORDS, "%.20s/%.100s", folder, entry->d_name);
    }
    closedir(dir);
}

static void sweep(struct crash_scene *s, char room[CRASH_WORDS])
{
    static const char *const own[] = {"tmp", "new", "cur", "postfach-lock", "postfach-uidl",
                                      "postfach-cache", "maildirsize", NULL};
    const int64_t years = 10 * 366 * 86400;
    uint32_t count = 0;
    struct pf_err err;

    if (pf_maildir_sweep(s->path, (int64_t)time(NULL) + years, &count, &err) != PF_OK)
        snprintf(room, CRASH_WORDS, "%.150s", err.log);
    find_strange(s, "tmp", own + 6, room);
    find_strange(s, "", own, room);
}

static bool message(const char *name)
{
    return strncmp(name, "box/new/", 8) == 0 || strncmp(name, "box/cur/", 8) == 0;
}

static bool matters(const char *name)
{
    return message(name) || strcmp(name, "box/postfach-uidl") == 0 || strcmp(name, "box") == 0 ||
           strcmp(name, "box/new") == 0 || strcmp(name, "box/cur") == 0;
}

const struct crash_kind crash_maildir = {
    .make = make, .put = put, .sweep = sweep, .matters = matters, .message = message};
