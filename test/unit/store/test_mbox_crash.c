/* Every call that changes a file fails once, and kills the process once, while messages are removed. Afterwards
 * every message that was not marked is there, once, under its old UIDL; and the file is the one that it was. */
#include "unit/cm.h"

#include "store/mbox/box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned countdown; /* 0: none fails */
static bool deadly;

static bool fails(void)
{
    if (!countdown || --countdown)
        return false;
    if (deadly)
        _exit(9);
    errno = EIO;
    return true;
}

#define WRAP(type, name, parameters, arguments)        \
    type __real_##name parameters;                     \
    type __wrap_##name parameters;                     \
    type __wrap_##name parameters                      \
    {                                                  \
        return fails() ? -1 : __real_##name arguments; \
    }

WRAP(int, fsync, (int fd), (fd))
WRAP(int, ftruncate64, (int fd, off_t len), (fd, len))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, (int dir, const char *name, int how), (dir, name, how))
WRAP(ssize_t, pwrite64, (int fd, const void *at, size_t len, off_t to), (fd, at, len, to))

enum { MAILS = 6 };

struct place {
    char folder[64], path[80], link[80];
};

static struct pf_twin *store(void)
{
    const struct pf_mbox_settings settings = {.dotlock = true, .lock_wait = 5};
    struct pf_twin *twin = pf_mbox_new(&settings, NULL);

    assert_non_null(twin);
    return twin;
}

static void make(struct place *p)
{
    FILE *file;

    unlink(p->path);
    unlink(p->link);
    file = fopen(p->path, "w");
    assert_non_null(file);
    for (int i = 0; i < MAILS; i++)
        fprintf(file, "From me Mon Jan  1 00:00:0%d 2001\nSubject: %d\n\ntext %*d\n\n", i, i, 10 + 20 * (i % 3), i);
    fclose(file);
    assert_int_equal(link(p->path, p->link), 0);
}

static enum pf_code enter(struct pf_twin *twin, const struct place *p, struct pf_twin_opened *o)
{
    const struct pf_box_where where = {.user = "ada", .path = p->path, .now = 1700000000, .expire_days = -1};
    struct pf_err err;

    *o = (struct pf_twin_opened){0};
    return twin->kind->box_open(twin, &where, true, o, &err);
}

/* Which message it is, by its text, which must be whole. */
static int read_one(const struct pf_twin_opened *o, uint32_t index)
{
    char got[200] = "", want[200];
    struct pf_box_read op = {.index = index, .at = (unsigned char *)got, .cap = sizeof got - 1};
    int number;

    assert_int_equal(pf_mbox_box_read(o->box, &op, true, NULL), PF_OK);
    assert_true(op.last);
    assert_int_equal(sscanf(got, "Subject: %d", &number), 1);
    snprintf(want, sizeof want, "Subject: %d\n\ntext %*d\n", number, 10 + 20 * (number % 3), number);
    assert_string_equal(got, want);
    return number;
}

static enum pf_code expunge(const struct pf_twin_opened *o)
{
    uint64_t words[1] = {0x12}; /* the second and the fifth */
    struct pf_marks marks = {words, o->listing.count};
    struct pf_box_expunge op = {.remove = &marks};
    enum pf_code code = pf_mbox_box_expunge(o->box, &op, NULL);

    assert_int_equal(op.removed + op.failed, 2);
    assert_int_equal(code == PF_OK, op.failed == 0);
    return code;
}

static void check_after(const struct place *p, char uidls[MAILS][PF_UIDL_MAX + 1], bool removed)
{
    struct pf_twin *twin = store();
    struct pf_twin_opened o;
    struct stat named, linked;
    unsigned seen = 0;

    assert_int_equal(stat(p->path, &named), 0);
    assert_int_equal(stat(p->link, &linked), 0);
    assert_int_equal(named.st_ino, linked.st_ino);
    assert_int_equal(enter(twin, p, &o), PF_OK);
    for (uint32_t i = 0; i < o.listing.count; i++) {
        int number = read_one(&o, i);

        assert_false(seen >> number & 1);
        seen |= 1u << number;
        if (!(0x12 >> number & 1))
            assert_true(pf_bytes_equal(pf_listing_uidl(&o.listing, i), pf_bytes_of(uidls[number])));
    }
    assert_int_equal(seen & ~0x12u, 0x2d);
    assert_true(!removed || seen == 0x2d);
    assert_true(seen == 0x2d || seen == 0x3f); /* the old file or the new one */
    pf_mbox_box_close(o.box);
    twin->kind->free(twin);
}

/* True when the n-th call was reached. */
static bool scene(struct place *p, unsigned n, bool kill)
{
    char uidls[MAILS][PF_UIDL_MAX + 1];
    struct pf_twin *twin = store();
    struct pf_twin_opened o;
    bool removed = false, met;
    int status = 0;
    pid_t child;

    make(p);
    assert_int_equal(enter(twin, p, &o), PF_OK);
    for (uint32_t i = 0; i < MAILS; i++)
        snprintf(uidls[i], sizeof uidls[i], "%.*s", (int)o.listing.rows[i].uidl_len,
                 (const char *)pf_listing_uidl(&o.listing, i).at);
    if (kill) {
        child = fork();
        assert_true(child >= 0);
        if (!child) {
            deadly = true;
            countdown = n;
            (void)expunge(&o);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        met = WEXITSTATUS(status) == 9;
    } else {
        countdown = n;
        removed = expunge(&o) == PF_OK;
        met = !countdown;
        countdown = 0;
    }
    pf_mbox_box_close(o.box);
    twin->kind->free(twin);
    check_after(p, uidls, removed);
    return met;
}

static void clear(const struct place *p)
{
    DIR *dir = opendir(p->folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            __real_unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(p->folder);
}

static void play_all(bool kill)
{
    const char *tmp = getenv("TMPDIR");
    struct place p;
    unsigned n = 1;

    snprintf(p.folder, sizeof p.folder, "%s/pf-mbox-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(p.folder));
    snprintf(p.path, sizeof p.path, "%s/box", p.folder);
    snprintf(p.link, sizeof p.link, "%s/twin", p.folder);
    while (scene(&p, n, kill))
        assert_true(++n < 100);
    assert_true(n > 8);
    clear(&p);
}

static void mb_016_in_place_and_a_call_that_fails(void **state)
{
    (void)state;
    play_all(false);
}

static void mb_016_in_place_and_death_at_any_call(void **state)
{
    (void)state;
    play_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(mb_016_in_place_and_a_call_that_fails),
        T(mb_016_in_place_and_death_at_any_call),
    };

    return RUN(tests);
}
