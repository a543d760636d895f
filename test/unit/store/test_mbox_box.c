/* An mbox among others who append to it, rewrite it and lock it. */
#include "unit/cm.h"

#include "store/mbox/box.h"
#include "store/mbox/from.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct rig {
    char folder[64], path[80];
    struct pf_twin *twin;
    struct pf_twin_opened o;
    struct pf_err err;
};

#define A "From ada Mon Jan  1 00:00:00 2001\nSubject: a\n\nalpha\n\n"
#define B "From ben Mon Jan  1 00:00:01 2001\nSubject: b\n\nbeta\n\n"
#define C "From cyd Mon Jan  1 00:00:02 2001\nSubject: c\n\ngamma\n\n"
#define B_READ "From ben Mon Jan  1 00:00:01 2001\nSubject: b\nStatus: RO\nX-Status: A\n\nbeta\n\n"

static void put(struct rig *r, const char *text, const char *how)
{
    FILE *file = fopen(r->path, how);

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state)
{
    const struct pf_mbox_settings settings = {.dotlock = true, .lock_wait = 0, .create = true};
    const char *tmp = getenv("TMPDIR");
    struct rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    snprintf(r->folder, sizeof r->folder, "%s/pf-mbox-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->path, sizeof r->path, "%s/box", r->folder);
    r->twin = pf_mbox_new(&settings, NULL);
    assert_non_null(r->twin);
    ((struct pf_mbox *)r->twin)->clock_ahead = 10 * INT64_C(1000000000);
    *state = r;
    return 0;
}

static int end(void **state)
{
    struct rig *r = *state;
    DIR *dir = opendir(r->folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(r->folder);
    r->twin->kind->free(r->twin);
    free(r);
    return 0;
}

static enum pf_code enter(struct rig *r)
{
    const struct pf_box_where where = {.user = "ada", .path = r->path, .now = 1700000000, .expire_days = -1};

    r->o = (struct pf_twin_opened){0};
    return r->twin->kind->box_open(r->twin, &where, true, &r->o, &r->err);
}

static const char *uidl(struct rig *r, uint32_t i)
{
    static char texts[4][PF_UIDL_MAX + 1];
    static unsigned turn;
    struct pf_bytes b = pf_listing_uidl(&r->o.listing, i);

    turn = (turn + 1) % 4;
    memcpy(texts[turn], b.at, b.len);
    texts[turn][b.len] = 0;
    return texts[turn];
}

static enum pf_code fetch(struct rig *r, uint32_t i, char got[200])
{
    struct pf_box_read op = {.index = i, .at = (unsigned char *)got, .cap = 199};

    memset(got, 0, 200);
    return pf_mbox_box_read(r->o.box, &op, true, &r->err);
}

static enum pf_code expunge(struct rig *r, uint64_t mask, struct pf_box_expunge *op)
{
    struct pf_marks marks = {&mask, r->o.listing.count};

    *op = (struct pf_box_expunge){.remove = &marks};
    return pf_mbox_box_expunge(r->o.box, op, &r->err);
}

static void mb_002_dates_of_many_forms(void **state)
{
    static const char *const good[] = {
        "Wed Dec  2 05:53 1992", "Wed Dec  2 05:53:22 1992", "Wed Dec 2 05:53 PST 1992",
        "Wed Dec  2 05:53:22 PST 1992", "Wed Dec  2 05:53 -0700 1992", "Wed Dec  2 05:53:22 1992 PST",
        "Wed Dec  2 05:53:22 1992 -0700", "Wed Dec  2 05:53:22 MET DST 1992", "Wed Dec  2 05:53 1992 remote from h"};
    static const char *const bad[] = {"", "Wed", "here on Wed", "Wed Dec 32 05:53 1992",
                                      "Wed Dec 2 25:53 1992",
                                      "Wed Foo  2 05:53 1992", "Wed Dec  2 05:53",
                                      "Wed Dec  2 05:53 1992 and more of it"};
    char line[120];
    int64_t when;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(line, sizeof line, "From a b@c %s\n", good[i]);
        assert_true(pf_mbox_from(pf_bytes_of(line), &when));
        assert_in_range(when, 723275580, 723275602 + 7 * 3600);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(line, sizeof line, "From a %s\n", bad[i]);
        assert_false(pf_mbox_from(pf_bytes_of(line), &when));
    }
}

static void mb_003_mb_010_text_as_it_stands(void **state)
{
    struct rig *r = *state;
    char got[200];

    put(r, A "From here on it is text\n\n>From me\n\n" B, "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 2);
    assert_int_equal(fetch(r, 0, got), PF_OK);
    assert_string_equal(got, "Subject: a\n\nalpha\n\nFrom here on it is text\n\n>From me\n");
    pf_mbox_box_close(r->o.box);
}

static void mb_008_content_length_only_when_proven(void **state)
{
    struct rig *r = *state;

    put(r, "From ada Mon Jan  1 00:00:00 2001\nContent-Length: 57\n\nalpha\n\n"
           "From ben Mon Jan  1 00:00:01 2001\nprose: no\nmore\n\n", "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 2); /* what looks like a message is one */
    pf_mbox_box_close(r->o.box);
    put(r, "From ada Mon Jan  1 00:00:00 2001\nContent-Length: 58\n\nalpha\n\n"
           "From bob Mon Jan  1 00:00:01 2001\nonly some prose\n\n", "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 1); /* it points to the end */
    pf_mbox_box_close(r->o.box);
    put(r, "From ada Mon Jan  1 00:00:00 2001\nContent-Length: 50\n\nalpha\n\n" B, "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 2);
    pf_mbox_box_close(r->o.box);
}

static void mb_011_internal_data_is_not_shown_and_stays(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;
    char text[300] = "";
    int fd;

    put(r, "From M Mon Jan  1 00:00:00 2001\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
           "X-IMAP: 1 2\n\nnotes\n\n" A, "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 1);
    assert_int_equal(expunge(r, 1, &op), PF_OK);
    pf_mbox_box_close(r->o.box);
    fd = open(r->path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    assert_non_null(strstr(text, "notes\n"));
    assert_null(strstr(text, "alpha"));
}

static void p3_052_uidls_stay_over_a_foreign_rewrite(void **state)
{
    struct rig *r = *state;
    char a[80], b[80];

    put(r, A B, "w");
    assert_int_equal(enter(r), PF_OK);
    snprintf(a, sizeof a, "%s", uidl(r, 0));
    snprintf(b, sizeof b, "%s", uidl(r, 1));
    pf_mbox_box_close(r->o.box);
    put(r, C B_READ A, "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 3);
    assert_string_equal(uidl(r, 1), b);
    assert_string_equal(uidl(r, 2), a);
    assert_string_not_equal(uidl(r, 0), a);
    pf_mbox_box_close(r->o.box);
}

static void mb_015_mail_that_came_meanwhile_stays(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;

    put(r, A B, "w");
    assert_int_equal(enter(r), PF_OK);
    put(r, C, "a");
    assert_int_equal(expunge(r, 1, &op), PF_OK);
    assert_int_equal(op.removed, 1);
    pf_mbox_box_close(r->o.box);
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 2);
    pf_mbox_box_close(r->o.box);
}

static void p3_078_lk_010_changed_by_others(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;
    char got[200];

    put(r, A B, "w");
    assert_int_equal(enter(r), PF_OK);
    put(r, "From ada Mon Jan  1 00:00:00 2001\nSubject: a\n\nALPHA\n\n", "w"); /* edited, and b is gone */
    assert_int_equal(fetch(r, 0, got), PF_CHANGED);
    assert_int_equal(expunge(r, 3, &op), PF_PARTIAL);
    assert_int_equal(op.removed, 1);
    assert_int_equal(op.failed, 1);
    pf_mbox_box_close(r->o.box);
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.listing.count, 1);
    pf_mbox_box_close(r->o.box);
}

static void lk_009_unchanged_opens_without_a_scan(void **state)
{
    struct rig *r = *state;

    put(r, A B, "w");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.box->counts.scans, 1);
    pf_mbox_box_close(r->o.box);
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.box->counts.scans, 0);
    pf_mbox_box_close(r->o.box);
    put(r, C, "a");
    assert_int_equal(enter(r), PF_OK);
    assert_int_equal(r->o.box->counts.scanned, strlen(B C)); /* from the last known message on */
    assert_int_equal(r->o.listing.count, 3);
    pf_mbox_box_close(r->o.box);
}

static void put_dotlock(struct rig *r, long pid)
{
    char path[100];
    FILE *file;

    snprintf(path, sizeof path, "%s.lock", r->path);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%ld\n", pid);
    fclose(file);
}

static void lk_002_a_dead_pid_holds_no_lock(void **state)
{
    struct rig *r = *state;
    pid_t child = fork();

    if (!child)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    put(r, A, "w");
    put_dotlock(r, child);
    assert_int_equal(enter(r), PF_OK);
    pf_mbox_box_close(r->o.box);
    put_dotlock(r, getpid());
    assert_int_equal(enter(r), PF_TEMP);
}

/* A program that takes them in the other order: it holds the dotlock and then waits for the kernel lock. */
static void lk_006_the_other_order_does_not_deadlock(void **state)
{
    struct rig *r = *state;
    int ready[2], go[2], status = 1;
    char c;
    pid_t child;

    put(r, A, "w");
    assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(r->path, O_RDWR | O_CLOEXEC);

        put_dotlock(r, getpid());
        if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1)
            _exit(2);
        alarm(20);
        _exit(fcntl(fd, F_SETLKW, &lock) == 0 ? 0 : 3);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(enter(r), PF_TEMP); /* it has the dotlock: we took ours first, and gave it back */
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(enter(r), PF_OK); /* and now it is dead */
    pf_mbox_box_close(r->o.box);
    close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
}

/* As when a program is being started: between fork and exec there is a twin that has the same files open. */
static void lk_008_a_fork_of_the_holder_keeps_no_lock(void **state)
{
    struct rig *r = *state;
    pid_t child;

    put(r, A, "w");
    assert_int_equal(enter(r), PF_OK);
    child = fork();
    if (!child) {
        pause();
        _exit(1);
    }
    pf_mbox_box_close(r->o.box);
    assert_int_equal(enter(r), PF_OK);
    pf_mbox_box_close(r->o.box);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

#define S(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(mb_002_dates_of_many_forms),
        S(mb_003_mb_010_text_as_it_stands),
        S(mb_008_content_length_only_when_proven),
        S(mb_011_internal_data_is_not_shown_and_stays),
        S(p3_052_uidls_stay_over_a_foreign_rewrite),
        S(mb_015_mail_that_came_meanwhile_stays),
        S(p3_078_lk_010_changed_by_others),
        S(lk_009_unchanged_opens_without_a_scan),
        S(lk_002_a_dead_pid_holds_no_lock),
        S(lk_006_the_other_order_does_not_deadlock),
        S(lk_008_a_fork_of_the_holder_keeps_no_lock),
    };

    return RUN(tests);
}
