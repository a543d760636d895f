/* Maildir: each system call of a delivery and of a session is a place to die or to fail. */
#include "store/crash/crash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

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

static size_t gzip(const char *text, unsigned char *to, size_t cap)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text, .avail_in = (uInt)strlen(text), .next_out = to,
                  .avail_out = (uInt)cap};
    char name[] = "a name that makes the file as long as no text is";
    gz_header head = {.name = (Bytef *)name};

    if (deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflateSetHeader(&z, &head) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END || deflateEnd(&z) != Z_OK)
        crash_stop("gzip");
    return z.total_out;
}

/* Four of the messages as Dovecot's zlib plugin leaves them, the last one plain. */
static void squeeze(struct crash_scene *s)
{
    static const char *const names[] = {"cur/1700000001.M1P1.h:2,S", "new/1700000002.M1P1.h,S=39,W=43",
                                        "new/msg.12 a", "cur/msg.4:2,"};
    static unsigned char packed[2 * CRASH_TEXT_MAX];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct timespec times[2] = {{.tv_sec = crash_mails[i].arrival}, {.tv_sec = crash_mails[i].arrival}};
        const char *text = crash_mails[i].text;
        size_t len = i % 2 ? ZSTD_compress(packed, sizeof packed, text, strlen(text), 3)
                           : gzip(text, packed, sizeof packed);
        char path[sizeof s->path + 64];
        int fd;

        snprintf(path, sizeof path, "%s/%s", s->path, names[i]);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (ZSTD_isError(len) || crash_mail_by_size(len) >= 0 || fd < 0 ||
            write(fd, packed, len) != (ssize_t)len || futimens(fd, times) != 0)
            crash_stop(path);
        close(fd);
        crash_stored[i] = len;
    }
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
    {.name = "delivery beside squeezed messages", .kind = &crash_maildir, .run = crash_run_delivery, .before = squeeze,
     .of_errors = 4, .steps = {"fsync box/tmp/*", "linkat box/tmp/* box/new/*", "fsync box/new", "told sealed"}},
    {.name = "open that measures squeezed messages", .kind = &crash_maildir, .run = crash_run_session,
     .before = squeeze, .read = true, .of_errors = 4,
     .steps = {"fsync box/postfach-uidl", "told listed", "rename* box/postfach-cache.tmp box/postfach-cache"}},
    {.name = "session with QUIT among squeezed messages", .kind = &crash_maildir, .run = crash_run_session,
     .before = squeeze, .read = true, .remove = FIRST | SECOND, .seen = THIRD | FIFTH, .of_errors = 4,
     .steps = {"told listed", "*read* box/cur/*", "unlinkat box/cur/*", "unlinkat box/new/*",
               "rename* box/new/* box/cur/*", "told removed"}},
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
