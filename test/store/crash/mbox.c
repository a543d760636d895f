/* mbox in crash tests: one file, and what may stand beside it. */
#include "store/crash/crash.h"
#include "store/mbox/mbox.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Nobody but the dead can hold the locks, so there is nothing to wait for. */
static const struct pf_mbox_settings settings = {.dotlock = true, .lock_wait = 2, .create = true};

static struct pf_twin *make(void)
{
    return pf_mbox_new(&settings, NULL);
}

static void put(struct crash_scene *s)
{
    static char text[CRASH_TEXT_MAX];
    size_t len = 0;

    for (int i = 0; i < CRASH_PARCEL; i++) {
        const char *mail = crash_mails[i].text;
        time_t arrival = (time_t)crash_mails[i].arrival;
        struct tm tm;
        char date[32];

        gmtime_r(&arrival, &tm);
        strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm);
        len += (size_t)snprintf(text + len, sizeof text - len, "From anna@example.org %s\n%s%s\n", date, mail,
                                mail[strlen(mail) - 1] == '\n' ? "" : "\n");
    }
    crash_put_file(s->path, text, crash_mails[CRASH_PARCEL - 1].arrival);
}

static void sweep(struct crash_scene *s, char room[CRASH_WORDS])
{
    static const char *const own[] = {".", "..", "box", ".box.postfach-lock", ".box.postfach-state",
                                      ".box.postfach-append", NULL};
    const int64_t hour = 3600;
    struct pf_mbox_report report;
    struct pf_err err;
    DIR *dir = opendir(s->home);
    struct dirent *entry;

    if (!dir)
        crash_stop(s->home);
    if (pf_mbox_check(&settings, s->path, (int64_t)time(NULL) + hour, &report, &err) != PF_OK)
        snprintf(room, CRASH_WORDS, "%.150s", err.log);
    else if (report.torn || report.unfinished)
        snprintf(room, CRASH_WORDS, "something that two sessions did not mend");
    while (!room[0] && (entry = readdir(dir))) {
        bool known = false;

        for (const char *const *a = own; *a && !known; a++)
            known = strcmp(*a, entry->d_name) == 0;
        if (!known)
            snprintf(room, CRASH_WORDS, "%.150s", entry->d_name);
    }
    closedir(dir);
}

/* No rename of the one file is without danger. */
static bool message(const char *name)
{
    return !name;
}

/* In the list of appends the mark that one is done need not last: the scenarios name the sync that must be. */
static bool matters(const char *name)
{
    return strcmp(name, "box") == 0 || strcmp(name, ".box.postfach-state") == 0 ||
           strcmp(name, ".box.postfach-journal") == 0;
}

const struct crash_kind crash_mbox = {.make = make, .line_ends = true, .put = put, .sweep = sweep,
                                      .matters = matters, .message = message};
