/* mbox: each system call of a delivery, a session, a rewrite and a recovery is a place to die or to fail. */
#include "store/crash/crash.h"
#include "store/mbox/append.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST = 1, SECOND = 2, THIRD = 4, FOURTH = 8, FIFTH = 16, LINE_OF_APPENDS = 17 + 17 + 1 };

static int open_file(struct crash_scene *s, const char *name)
{
    char path[sizeof s->home + 64];
    int fd;

    snprintf(path, sizeof path, "%s/%s", s->home, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        crash_stop(path);
    return fd;
}

/* The octets of a message of the scene, or the place of its From_ line. */
static off_t place_of(int box, int mail)
{
    static char text[CRASH_TEXT_MAX];
    ssize_t len = pread(box, text, sizeof text - 1, 0);
    char *at;

    text[len > 0 ? len : 0] = 0;
    at = strstr(text, crash_mails[mail].text);
    while (at && at > text && strncmp(at, "From ", 5) != 0)
        at--;
    if (!at)
        crash_stop("a message of the scene");
    return at - text;
}

/* As an MTA that knows nothing of us appends: no look at what stands before. */
static void append_as_others_do(struct crash_scene *s, int mail)
{
    static char text[CRASH_TEXT_MAX];
    int box = open_file(s, "box");
    int len = snprintf(text, sizeof text, "From anna@example.org Tue Nov 14 22:13:25 2023\n%s\n",
                       crash_mails[mail].text);

    if (lseek(box, 0, SEEK_END) < 0 || write(box, text, (size_t)len) != len)
        crash_stop("append");
    close(box);
}

/* A delivery is brought back to where it died: its record says that it is under way, the copy stands behind it, and
 * `part` of 1000 of the octets stand in the mbox; `hole`: some of them a power cut left as NUL. */
static void tear(struct crash_scene *s, unsigned part, bool hole)
{
    static char text[CRASH_TEXT_MAX];
    int box = open_file(s, "box"), list;
    off_t at = lseek(box, 0, SEEK_END);
    ssize_t len;

    crash_run_delivery(s);
    list = open_file(s, ".box.postfach-append");
    len = pread(box, text, sizeof text, at);
    if (s->told->deliver || len <= 0 || pwrite(list, text, (size_t)len, LINE_OF_APPENDS + PF_MBOX_RECORD) != len ||
        pwrite(list, "o", 1, LINE_OF_APPENDS + PF_MBOX_RECORD - 2) != 1 ||
        ftruncate(box, at + len * (off_t)part / 1000) != 0 || (hole && pwrite(box, "\0\0\0", 3, at + 70) != 3))
        crash_stop("a torn delivery");
    close(list);
    close(box);
    memset(s->told, 0, sizeof *s->told);
}

static void torn(struct crash_scene *s)
{
    tear(s, 400, false);
}

static void torn_with_a_hole(struct crash_scene *s)
{
    tear(s, 1000, true);
}

static void cut_fifth(struct crash_scene *s, off_t less)
{
    int box = open_file(s, "box");

    if (ftruncate(box, place_of(box, 4) - less) != 0)
        crash_stop("box");
    close(box);
}

/* The fifth message comes by another program, behind the torn one. */
static void torn_and_mail_behind(struct crash_scene *s, unsigned part, off_t less)
{
    cut_fifth(s, less);
    tear(s, part, false);
    append_as_others_do(s, 4);
}

static void foreign_behind_torn(struct crash_scene *s)
{
    torn_and_mail_behind(s, 400, 0);
}

/* The empty line in front was ours. */
static void foreign_behind_torn_and_lead(struct crash_scene *s)
{
    torn_and_mail_behind(s, 400, 1);
}

static void foreign_behind_nothing(struct crash_scene *s)
{
    torn_and_mail_behind(s, 0, 0);
}

/* Torn within our own From_ line, which begins as the other one does. */
static void foreign_behind_a_few(struct crash_scene *s)
{
    torn_and_mail_behind(s, 14, 0);
}

static void run_removal(void *scene)
{
    struct crash_scenario killed = *((struct crash_scene *)scene)->scenario;
    struct crash_scene s = *(struct crash_scene *)scene;

    killed.remove = SECOND | FOURTH;
    s.scenario = &killed;
    crash_run_session(&s);
}

static void put_anew(struct crash_scene *s, bool fifth)
{
    static const char *const files[] = {"box", ".box.postfach-lock", ".box.postfach-state"};
    char path[sizeof s->home + 64];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", s->home, files[i]);
        if (unlink(path) != 0)
            crash_stop(path);
    }
    s->scenario->kind->put(s);
    if (!fifth)
        cut_fifth(s, 0);
}

/* The number of the call that writes the new text over the old one. */
static uint32_t find_play(struct crash_scene *s, bool fifth)
{
    static struct crash_record record;
    static uint32_t numbers[2];
    const struct crash_point none = {.how = CRASH_NOT};
    struct crash_end end;

    if (numbers[fifth])
        return numbers[fifth];
    crash_trace(&none, run_removal, s, &record, &end);
    for (uint32_t i = 0; i < record.count && !numbers[fifth]; i++)
        if (record.calls[i].row && strcmp(record.calls[i].row->name, "pwrite64") == 0 &&
            strcmp(record.calls[i].a, s->path) == 0)
            numbers[fifth] = record.calls[i].number;
    if (!numbers[fifth])
        crash_stop("a rewrite to be killed");
    put_anew(s, fifth);
    return numbers[fifth];
}

/* A session that removes the second and fourth message is killed half-way through its rewrite. */
static void rewrite_half(struct crash_scene *s, bool fifth)
{
    const struct crash_point point = {.how = CRASH_TEAR, .number = find_play(s, fifth)};
    struct crash_end end;

    crash_trace(&point, run_removal, s, NULL, &end);
    if (!end.hit || end.trouble[0])
        crash_stop("a killed rewrite");
    memset(s->told, 0, sizeof *s->told);
}

static void half_rewritten(struct crash_scene *s)
{
    rewrite_half(s, true);
}

static void half_rewritten_and_mail_behind(struct crash_scene *s)
{
    cut_fifth(s, 0);
    rewrite_half(s, false);
    append_as_others_do(s, 4);
}

/* Between listing and removal somebody else delivers; whoever is killed, it is not he. */
static void run_among_others(struct crash_scene *s)
{
    const struct pf_box_where where = crash_where(s, 0);
    struct pf_twin_opened opened = {0};
    struct pf_err err;
    uint64_t word[1] = {SECOND | FOURTH};
    struct pf_marks remove = {word, CRASH_PARCEL};
    struct pf_box_expunge op = {.remove = &remove};
    pid_t other;

    s->told->open = s->twin->kind->box_open(s->twin, &where, true, &opened, &err);
    if (s->told->open != PF_OK)
        return;
    s->told->opened = true;
    s->told->delivering = true;
    other = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL); /* we wait for his death */
    if (other == 0) {
        close_range(3, ~0u, 0); /* he has no part in our locks, also while he dies */
        append_as_others_do(s, CRASH_PARCEL);
        _exit(0);
    }
    s->told->delivered = waitpid(other, NULL, 0) == other;
    s->told->expunging = true;
    s->told->expunge = s->twin->kind->box_expunge(opened.box, &op, &err);
    s->told->removed = op.removed;
    s->told->expunged = true;
    if (s->told->expunge == PF_OK)
        crash_mark(CRASH_REMOVED);
    s->twin->kind->box_close(opened.box);
}

#define APPEND "f*sync .box.postfach-append", "*write* box", "f*sync box", "told sealed"
#define MANY .of_errors = 4
#define FEW .of_kills = 16, .of_errors = 16
#define REWRITE "fsync .box.postfach-journal.tmp", "rename* .box.postfach-journal.tmp .box.postfach-journal", \
                "fsync .", \
                "pwrite64 box", "fsync box", "ftruncate box", "fsync box", "unlinkat .box.postfach-journal"

static const struct crash_scenario scenarios[] = {
    {.name = "delivery", .kind = &crash_mbox, MANY, .run = crash_run_delivery, .steps = {APPEND}},
    {.name = "delivery beside a state", .kind = &crash_mbox, .run = crash_run_delivery, .known = true, FEW,
     .steps = {APPEND}},
    {.name = "delivery that makes the file", .kind = &crash_mbox, .run = crash_run_delivery, .empty = true,
     FEW, .steps = {"openat box", "fsync .", APPEND}},
    {.name = "open that stores UIDLs", .kind = &crash_mbox, MANY, .run = crash_run_session,
     .steps = {"fsync .box.postfach-state.tmp", "rename* .box.postfach-state.tmp .box.postfach-state",
               "fsync .", "told listed"}},
    {.name = "rewrite without two", .kind = &crash_mbox, MANY, .run = crash_run_session, .known = true,
     .remove = SECOND | FOURTH, .steps = {"told listed", REWRITE, "told removed"}},
    {.name = "rewrite while another delivers", .kind = &crash_mbox, .run = run_among_others, FEW,
     .remove = SECOND | FOURTH, .steps = {REWRITE, "told removed"}},
    {.name = "expiry", .kind = &crash_mbox, .run = crash_run_session, .known = true, .expire_days = 10,
     FEW, .old = FIRST | SECOND, .steps = {REWRITE, "told listed"}},
    {.name = "session with QUIT", .kind = &crash_mbox, .run = crash_run_session, .read = true, FEW,
     .remove = FIRST | THIRD, .seen = FOURTH | FIFTH, .steps = {"told listed", "*read* box", "fsync box",
     "told removed"}},
    {.name = "session behind a torn delivery", .kind = &crash_mbox, MANY, .run = crash_run_session, .before = torn,
     .steps = {"ftruncate box", "fsync box", "told listed"}},
    {.name = "session behind a delivery with a hole", .kind = &crash_mbox, .run = crash_run_session, FEW,
     .before = torn_with_a_hole, .steps = {"ftruncate box", "fsync box", "told listed"}},
    {.name = "delivery behind a torn one", .kind = &crash_mbox, .run = crash_run_delivery, .before = torn, FEW,
     .steps = {"ftruncate box", "fsync box", APPEND}},
    {.name = "session behind a torn delivery and a foreign one", .kind = &crash_mbox, MANY, .run = crash_run_session,
     .before = foreign_behind_torn, .steps = {REWRITE, "told listed"}},
    {.name = "the same where an empty line was missing", .kind = &crash_mbox, .run = crash_run_session, FEW,
     .before = foreign_behind_torn_and_lead, .steps = {REWRITE, "told listed"}},
    {.name = "the same where nothing of ours was written", .kind = &crash_mbox, .run = crash_run_session,
     FEW, .before = foreign_behind_nothing, .steps = {"told listed"}},
    {.name = "the same where both begin alike", .kind = &crash_mbox, .run = crash_run_session, FEW,
     .before = foreign_behind_a_few, .steps = {REWRITE, "told listed"}},
    {.name = "session behind half a rewrite", .kind = &crash_mbox, MANY, .run = crash_run_session,
     .before = half_rewritten,
     .old = SECOND | FOURTH, .steps = {"pwrite64 box", "fsync box", "ftruncate box", "told listed"}},
    {.name = "delivery behind half a rewrite and a foreign one", .kind = &crash_mbox, .run = crash_run_delivery,
     .before = half_rewritten_and_mail_behind, .old = SECOND | FOURTH, FEW, .steps = {REWRITE, APPEND}},
};

int main(void)
{
    return crash_main(scenarios, sizeof scenarios / sizeof *scenarios);
}
