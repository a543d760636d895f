#include "store/crash/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"
#define LINES LINE LINE LINE LINE LINE LINE LINE LINE

const struct crash_mail crash_mails[CRASH_MAILS] = {
    {"Subject: one\n\nfirst\n", 1700000001},
    {"Subject: two\n\nthe second\nhas two lines\n", 1700000002},
    {"Subject: three\r\n\r\nthe third has lines of the wire and no end", 1700000003},
    {"Subject: four\n\n" LINES LINES "of some length\n", 1700000004},
    {"Subject: five\n\n.\n..\n\nthe fifth has dots\n", 1700000005},
    {"Subject: parcel\n\ncomes in several writes\n" LINES "and is six hundred octets long\n", CRASH_NOW},
};

/* The linker sends syncs here (meson.build). The parent's own prove nothing, and would take most of its
 * time. */
#define SYNC(name)                                   \
    int __real_##name(int fd);                       \
    int __wrap_##name(int fd);                       \
    int __wrap_##name(int fd)                        \
    {                                                \
        return crash_child ? __real_##name(fd) : 0;  \
    }

SYNC(fsync)
SYNC(fdatasync)

void crash_stop(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void crash_scene_init(struct crash_scene *s, const struct crash_scenario *scenario)
{
    const char *tmp = getenv("TMPDIR");

    *s = (struct crash_scene){.scenario = scenario};
    s->told = mmap(NULL, sizeof *s->told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->told == MAP_FAILED)
        crash_stop("shared memory");
    snprintf(s->root, sizeof s->root, "%s/pf-crash-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(s->root))
        crash_stop(s->root);
    snprintf(s->home, sizeof s->home, "%s/home", s->root);
    snprintf(s->path, sizeof s->path, "%s/box", s->home);
    s->twin = scenario->kind->make();
    if (!s->twin)
        crash_stop("a store");
}

void crash_scene_done(struct crash_scene *s)
{
    s->twin->kind->free(s->twin);
    munmap(s->told, sizeof *s->told);
    remove_all(s->root);
}

void crash_put_file(const char *path, const char *text, int64_t mtime)
{
    const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, text, len) != (ssize_t)len || futimens(fd, times) != 0)
        crash_stop(path);
    close(fd);
}

struct pf_box_where crash_where(const struct crash_scene *s, int32_t expire_days)
{
    return (struct pf_box_where){.user = "anna",
                                 .path = s->path,
                                 .now = CRASH_NOW,
                                 .expire_days = expire_days ? expire_days : -1};
}

int crash_mail_by_text(const struct crash_scene *s, struct pf_bytes text)
{
    for (int i = 0; i < CRASH_MAILS; i++) {
        struct pf_bytes mail = pf_bytes_of(crash_mails[i].text);
        bool added = s->scenario->kind->line_ends && mail.at[mail.len - 1] != '\n' &&
                     text.len == mail.len + 1 && text.at[mail.len] == '\n';

        if (pf_bytes_equal(added ? pf_bytes_head(text, mail.len) : text, mail))
            return i;
    }
    return -1;
}

uint64_t crash_stored[CRASH_MAILS];

/* Stored or on the wire: all these numbers differ. */
int crash_mail_by_size(uint64_t octets)
{
    for (int i = 0; i < CRASH_MAILS; i++) {
        const char *text = crash_mails[i].text;
        size_t len = strlen(text);
        uint64_t wire = len;

        for (size_t at = 0; at < len; at++)
            wire += text[at] == '\n' && (!at || text[at - 1] != '\r');
        wire += len && text[len - 1] != '\n' ? 2 : 0;
        if (octets == len || octets == wire || (octets && octets == crash_stored[i]))
            return i;
    }
    return -1;
}

int64_t crash_read(struct crash_scene *s, struct pf_twin_box *box, uint32_t index,
                   unsigned char room[CRASH_TEXT_MAX])
{
    struct pf_box_read op = {.index = index};

    while (!op.last) {
        struct pf_err err;

        op.at = room + op.offset;
        op.cap = CRASH_TEXT_MAX - op.offset;
        if (op.cap == 0 || s->twin->kind->box_read(box, &op, true, &err) != PF_OK)
            return -1;
        op.offset += op.got;
    }
    return (int64_t)op.offset;
}

/* Time stamps have a grain. What happens from here on bears a later one than all that was built, as
 * it would after the seconds or days that lie between two sessions. */
static void wait_for_a_later_stamp(struct crash_scene *s)
{
    char path[sizeof s->root + 8];
    struct stat first, now;
    int fd;

    snprintf(path, sizeof path, "%s/clock", s->root);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || futimens(fd, NULL) != 0 || fstat(fd, &first) != 0)
        crash_stop(path);
    do
        if (futimens(fd, NULL) != 0 || fstat(fd, &now) != 0)
            crash_stop(path);
    while (now.st_ctim.tv_sec == first.st_ctim.tv_sec && now.st_ctim.tv_nsec == first.st_ctim.tv_nsec);
    close(fd);
}

static void earlier_session(struct crash_scene *s)
{
    const struct pf_box_where where = crash_where(s, 0);
    struct pf_twin_opened opened = {0};
    struct pf_err err;

    if (s->twin->kind->box_open(s->twin, &where, true, &opened, &err) != PF_OK) {
        printf("# %s\n", err.log);
        crash_stop("an earlier session");
    }
    for (uint32_t i = 0; i < opened.listing.count; i++) {
        struct pf_bytes uidl = pf_listing_uidl(&opened.listing, i);
        int mail = crash_mail_by_size(opened.listing.rows[i].octets);

        if (mail >= 0)
            memcpy(s->uidl[mail], uidl.at, uidl.len);
    }
    s->twin->kind->box_close(opened.box);
}

void crash_scene_build(struct crash_scene *s)
{
    remove_all(s->home);
    if (mkdir(s->home, 0700) != 0)
        crash_stop(s->home);
    memset(s->told, 0, sizeof *s->told);
    memset(s->uidl, 0, sizeof s->uidl);
    memset(crash_stored, 0, sizeof crash_stored);
    if (!s->scenario->empty)
        s->scenario->kind->put(s);
    if (s->scenario->before)
        s->scenario->before(s);
    if (s->scenario->known) {
        wait_for_a_later_stamp(s);
        earlier_session(s);
    }
    wait_for_a_later_stamp(s);
}
