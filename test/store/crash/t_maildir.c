/* Maildir: each system call of a delivery and of a session is a place to die or to fail. */
#include "store/crash/crash.h"

#include <stdio.h>
#include <string.h>

enum { FIRST = 1, SECOND = 2, THIRD = 4, FOURTH = 8, FIFTH = 16 };

/* So many lines about messages of long ago that the next session writes the list anew. */
static void old_lines(struct crash_scene *s)
{
    char path[sizeof s->path + 16];
    FILE *file;

    snprintf(path, sizeof path, "%s/postfach-uidl", s->path);
    file = fopen(path, "we");
    if (!file)
        crash_stop(path);
    fprintf(file, "postfach-uidl 1\nR00000000000000000000000000000004 - - msg.4\n");
    for (int i = 0; i < 4200; i++)
        fprintf(file, "R%032x - - gone.%d\n", i + 10, i);
    if (fclose(file) != 0)
        crash_stop(path);
}

/* A quota that has room, with a list that is due to be made anew. */
static void quota(struct crash_scene *s)
{
    static const char head[] = "1000000S,1000C\n", line[] = "           1            0\n";
    static char text[5200];
    char path[sizeof s->path + 16];
    size_t len = sizeof head - 1;

    memcpy(text, head, len);
    for (; len < 5100; len += sizeof line - 1)
        memcpy(text + len, line, sizeof line);
    snprintf(path, sizeof path, "%s/maildirsize", s->path);
    crash_put_file(path, text, 1700000000);
}

static const struct crash_scenario scenarios[] = {
    {.name = "delivery beside a cache", .kind = &crash_maildir, .run = crash_run_delivery, .known = true,
     .steps = {"fsync box", "fsync .", "write box/tmp/*", "fsync box/tmp/*", "linkat box/tmp/* box/new/*",
               "fsync box/new", "told sealed"}}, /* nobody synced the folders that it found */
    {.name = "delivery that makes the maildrop", .kind = &crash_maildir, .run = crash_run_delivery, .empty = true,
     .steps = {"mkdir* box", "fsync .", "mkdir* box/new", "fsync box", "fsync box/tmp/*",
               "linkat box/tmp/* box/new/*", "fsync box/new", "told sealed"}},
    {.name = "open that stores UIDLs", .kind = &crash_maildir, .run = crash_run_session,
     .steps = {"pwrite64 box/postfach-uidl", "fsync box/postfach-uidl", "fsync box", "told listed",
               "pwrite64 box/postfach-cache.tmp", "rename* box/postfach-cache.tmp box/postfach-cache"}},
    {.name = "open that writes the UIDLs anew", .kind = &crash_maildir, .run = crash_run_session,
     .before = old_lines,
     .steps = {"pwrite64 box/postfach-uidl.tmp", "fsync box/postfach-uidl.tmp",
               "rename* box/postfach-uidl.tmp box/postfach-uidl", "fsync box", "told listed"}},
    {.name = "open by the cache", .kind = &crash_maildir, .run = crash_run_session, .known = true,
     .read = true, .steps = {"pread64 box/postfach-cache", "told listed"}},
    {.name = "expunge of two", .kind = &crash_maildir, .run = crash_run_session,
     .remove = SECOND | THIRD,
     .steps = {"fsync box/postfach-uidl", "told listed", "unlinkat box/new/*", "unlinkat box/new/*",
               "fsync box/new", "told removed"}},
    {.name = "expiry", .kind = &crash_maildir, .run = crash_run_session, .known = true,
     .expire_days = 10, .old = FIRST | SECOND,
     .steps = {"unlinkat box/cur/*", "unlinkat box/new/*", "fsync box/new", "fsync box/cur",
               "told listed"}},
    {.name = "marks of what was fetched", .kind = &crash_maildir, .run = crash_run_session, .known = true,
     .seen = SECOND | THIRD | FOURTH, .steps = {"rename* box/new/* box/cur/*:2,S", "told removed"}},
    {.name = "delivery under a quota", .kind = &crash_maildir, .run = crash_run_delivery, .before = quota,
     .of_errors = 4, .steps = {"fsync box/tmp/*", "linkat box/tmp/* box/new/*", "fsync box/new", "told sealed"}},
    {.name = "expunge under a quota", .kind = &crash_maildir, .run = crash_run_session, .before = quota,
     .of_errors = 4, .remove = SECOND | THIRD,
     .steps = {"told listed", "unlinkat box/new/*", "unlinkat box/new/*", "fsync box/new", "told removed"}},
    {.name = "session with QUIT", .kind = &crash_maildir, .run = crash_run_session, .known = true,
     .read = true, .remove = FIRST | THIRD, .seen = FOURTH | FIFTH,
     .steps = {"told listed", "*read* box/cur/*", "unlinkat box/cur/*", "unlinkat box/new/*",
               "fsync box/new", "fsync box/cur", "rename* box/new/* box/cur/*", "told removed",
               "rename* box/postfach-cache.tmp box/postfach-cache"}},
};

int main(void)
{
    return crash_main(scenarios, sizeof scenarios / sizeof *scenarios);
}
