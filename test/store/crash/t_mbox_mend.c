/* What the next one who takes the locks does with what others left: half deliveries, strange journals, litter, dead
 * locks; and who has an mbox open while it is rewritten. */
#include "unit/mbox/rig.h"

#include "store/mbox/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEW "Subject: n\n\nnew\n"

enum { FIRST = 17 + 17 + 1, MINUTES = 60 };

static unsigned syncs;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    syncs++;
    return __real_fsync(fd);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    syncs++;
    return __real_fdatasync(fd);
}

static void put_beside(const struct rig *r, const char *name, const char *text, int64_t age)
{
    int fd = open(rig_beside(r, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const struct timespec when[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(futimens(fd, when), 0);
    close(fd);
}

static bool is_there(const struct rig *r, const char *name)
{
    return access(rig_beside(r, name), F_OK) == 0;
}

static struct pf_mbox_report check(struct rig *r)
{
    struct pf_mbox_report report;
    struct pf_err err;

    assert_int_equal(pf_mbox_check(&r->settings, r->path, time(NULL), &report, &err), PF_OK);
    return report;
}

/* The last delivery is under way again, and so many octets of it are there. */
static void tear(struct rig *r, const char *before, size_t octets)
{
    char text[RIG_TEXT];
    size_t at = strlen(before), len = rig_get(r->path, text);
    FILE *list = fopen(rig_beside(r, ".box.postfach-append"), "r+");

    assert_non_null(list);
    assert_int_equal(fseek(list, FIRST + PF_MBOX_RECORD - 2, SEEK_SET), 0);
    assert_int_equal(fwrite("o\n", 1, 2, list), 2);
    assert_int_equal(fwrite(text + at, 1, len - at, list), len - at);
    fclose(list);
    assert_int_equal(truncate(r->path, (off_t)(at + octets)), 0);
}

static void mb_017_a_delivery_costs_two_syncs(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal first, second;

    rig_put(r, RIG_A, "w");
    assert_int_equal(rig_deliver(r, NEW, &first), PF_OK);
    syncs = 0;
    assert_int_equal(rig_deliver(r, NEW "more\n", &second), PF_OK);
    assert_int_equal(syncs, 2);
    rig_enter(r, 3);
    assert_string_equal(rig_uidl(r, 1), first.uidl);
    assert_string_equal(rig_uidl(r, 2), second.uidl);
    rig_leave(r);
    rig_enter(r, 3);
    assert_string_equal(rig_uidl(r, 1), first.uidl);
    rig_leave(r);
    syncs = 0; /* the list of appends is there still */
    assert_int_equal(rig_deliver(r, NEW, &first), PF_OK);
    assert_int_equal(syncs, 2);
}

static void mb_017_many_deliveries_before_a_session(void **state)
{
    struct rig *r = *state;
    static struct pf_parcel_seal seals[520];
    char text[64];
    struct stat st;

    rig_put(r, "", "w");
    for (int i = 0; i < 520; i++) {
        snprintf(text, sizeof text, "Subject: %d\n\n", i);
        assert_int_equal(rig_deliver(r, text, &seals[i]), PF_OK);
    }
    assert_int_equal(stat(rig_beside(r, ".box.postfach-append"), &st), 0);
    assert_in_range(st.st_size, FIRST + 8 * PF_MBOX_RECORD, FIRST + 9 * PF_MBOX_RECORD); /* the rest: in the state */
    rig_enter(r, 520);
    for (uint32_t i = 0; i < 520; i++)
        assert_string_equal(rig_uidl(r, i), seals[i].uidl);
    rig_leave(r);
}

static void mb_017_a_torn_delivery_goes(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;

    for (size_t octets = 0; octets < 20; octets += 19) {
        rig_put(r, RIG_A "text", "w");
        assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
        tear(r, RIG_A "text", octets);
        assert_true(check(r).torn);
        rig_holds(r, RIG_A "text");
        assert_false(check(r).torn);
        unlink(rig_beside(r, ".box.postfach-append"));
    }
}

static void mb_017_a_whole_one_stays_with_what_is_behind(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;
    char text[RIG_TEXT];

    rig_put(r, RIG_A, "w");
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
    tear(r, RIG_A, rig_get(r->path, text) - strlen(RIG_A));
    rig_put(r, RIG_B, "a");
    rig_enter(r, 3);
    assert_string_equal(rig_uidl(r, 1), seal.uidl);
    rig_reads(r, 2, "Subject: b\n\nbeta\n");
    rig_leave(r);
}

/* At each octet but the last two, which a separator of others makes whole; the separators differ. */
static void mb_017_what_others_appended_behind_a_torn_one_stays(void **state)
{
    static const char *const fronts[] = {"", "\n", "\n\n"};
    struct rig *r = *state;
    struct pf_parcel_seal seal;

    for (size_t octets = 0; octets < 59; octets++)
        for (size_t i = 0; i < 3; i++) {
            rig_put(r, RIG_A, "w");
            unlink(rig_beside(r, ".box.postfach-append"));
            assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
            tear(r, RIG_A, octets);
            rig_put(r, octets || i == 0 ? fronts[i] : "", "a");
            rig_put(r, RIG_B, "a");
            check(r);
            rig_holds(r, RIG_A RIG_B);
        }
}

static void mb_017_a_file_that_others_wrote_anew_is_not_touched(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;

    rig_put(r, RIG_A, "w");
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
    tear(r, RIG_A, 30);
    rig_put(r, RIG_C RIG_C "From MAILER-DAE", "w"); /* longer, the same inode */
    check(r);
    rig_holds(r, RIG_C RIG_C "From MAILER-DAE");
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
    tear(r, RIG_C RIG_C "From MAILER-DAE", 30);
    rig_put(r, RIG_B, "w"); /* shorter */
    check(r);
    rig_holds(r, RIG_B);
}

static void mb_017_no_mail_behind_a_torn_one_is_left_alone(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;
    char text[RIG_TEXT];
    size_t len;

    rig_put(r, RIG_A, "w");
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
    tear(r, RIG_A, 40);
    rig_put(r, "notes of somebody\n", "a");
    len = rig_get(r->path, text);
    check(r);
    assert_int_equal(rig_get(r->path, text), len);
}

static void a_list_of_a_later_version_is_kept(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;

    rig_put(r, RIG_A, "w");
    put_beside(r, ".box.postfach-append", "postfach-append 2 0000000000000000\n", 0);
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_PERM);
    assert_int_equal(rig_try(r), PF_PERM);
    rig_holds(r, RIG_A);
    put_beside(r, ".box.postfach-append", "postfach-ap", 0); /* torn */
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
    rig_enter(r, 2);
    assert_string_equal(rig_uidl(r, 1), seal.uidl);
    rig_leave(r);
}

static void mb_016_strange_journals_are_kept_and_told(void **state)
{
    struct rig *r = *state;
    struct pf_mbox_report report;
    char text[RIG_TEXT];

    rig_put(r, RIG_A, "w");
    put_beside(r, ".box.postfach-journal", "first", 0);
    rig_enter(r, 1);
    rig_leave(r);
    put_beside(r, ".box.postfach-journal", "second", 0);
    report = check(r);
    assert_true(report.unfinished);
    assert_int_equal(report.old_journals, 2);
    assert_string_equal(report.old_journal, ".box.postfach-journal.old");
    rig_get(rig_beside(r, report.old_journal), text);
    assert_string_equal(text, "first");
    rig_get(rig_beside(r, ".box.postfach-journal.old2"), text);
    assert_string_equal(text, "second");
    rig_holds(r, RIG_A);
}

static void litter_is_swept_when_it_is_old(void **state)
{
    static const char *const ours[] = {".postfach-1-0123456789abcdef.lock", ".postfach-1-0123456789abcdef.dead",
                                       ".postfach-0123456789abcdef.part"};
    struct rig *r = *state;

    rig_put(r, RIG_A, "w");
    for (size_t i = 0; i < 3; i++)
        put_beside(r, ours[i], "", 6 * MINUTES);
    put_beside(r, ".box.postfach-new", "", 0);
    put_beside(r, ".box.postfach-state.tmp", "", 0);
    put_beside(r, ".box.postfach-journal.tmp", "", 0);
    put_beside(r, ".postfach-1-fedcba9876543210.lock", "", MINUTES); /* somebody may be about to link it */
    put_beside(r, "other.lock", "", 6 * MINUTES);
    assert_int_equal(check(r).litter, 6);
    assert_int_equal(check(r).litter, 0);
    for (size_t i = 0; i < 3; i++)
        assert_false(is_there(r, ours[i]));
    assert_true(is_there(r, ".postfach-1-fedcba9876543210.lock"));
    assert_true(is_there(r, "other.lock"));
}

static void lk_002_a_dead_dotlock_is_replaced_and_a_live_one_never(void **state)
{
    struct rig *r = *state;
    char dead[32], live[32], text[RIG_TEXT];
    pid_t pid = fork();

    if (!pid)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    snprintf(dead, sizeof dead, "%d\n", (int)pid);
    snprintf(live, sizeof live, "%d\n", (int)getpid());
    rig_put(r, RIG_A, "w");
    put_beside(r, "box.lock", dead, 0);
    rig_enter(r, 1);
    rig_leave(r);
    put_beside(r, "box.lock", "0\n", 6 * MINUTES); /* liblockfile without a pid */
    rig_enter(r, 1);
    rig_leave(r);
    assert_false(is_there(r, "box.lock"));
    put_beside(r, "box.lock", live, 4 * MINUTES);
    assert_int_equal(rig_try(r), PF_TEMP);
    put_beside(r, "box.lock", "0\n", 4 * MINUTES);
    assert_int_equal(rig_try(r), PF_TEMP);
    put_beside(r, "box.lock", "", 0); /* as Python's mailbox makes it */
    assert_int_equal(rig_try(r), PF_TEMP);
    rig_get(rig_beside(r, "box.lock"), text);
    assert_string_equal(text, "");
    unlink(rig_beside(r, "box.lock"));
    assert_int_equal(check(r).litter, 0);
}

/* An MTA that opened the file, and waits for its kernel lock while messages leave it, looks at the name no more. */
static void mb_015_who_waits_for_the_lock_appends_to_the_same_file(void **state)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct rig *r = *state;
    struct pf_box_expunge op;
    int fd;

    rig_put(r, RIG_A RIG_B, "w");
    fd = open(r->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    rig_enter(r, 2);
    assert_int_equal(rig_expunge(r, 1, &op), PF_OK);
    rig_leave(r);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_int_equal(write(fd, RIG_C, sizeof RIG_C - 1), sizeof RIG_C - 1);
    close(fd);
    rig_holds(r, RIG_B RIG_C);
}

static void mb_003_a_last_cr_stays_text(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;

    rig_put(r, RIG_A "abc\r", "w");
    assert_int_equal(rig_deliver(r, NEW, &seal), PF_OK);
    rig_enter(r, 2);
    rig_reads(r, 0, "Subject: a\n\nalpha\n\nabc\r\r\n");
    rig_leave(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(mb_017_a_delivery_costs_two_syncs),
        RIG(mb_017_many_deliveries_before_a_session),
        RIG(mb_017_a_torn_delivery_goes),
        RIG(mb_017_a_whole_one_stays_with_what_is_behind),
        RIG(mb_017_what_others_appended_behind_a_torn_one_stays),
        RIG(mb_017_a_file_that_others_wrote_anew_is_not_touched),
        RIG(mb_017_no_mail_behind_a_torn_one_is_left_alone),
        RIG(a_list_of_a_later_version_is_kept),
        RIG(mb_016_strange_journals_are_kept_and_told),
        RIG(litter_is_swept_when_it_is_old),
        RIG(lk_002_a_dead_dotlock_is_replaced_and_a_live_one_never),
        RIG(mb_015_who_waits_for_the_lock_appends_to_the_same_file),
        RIG(mb_003_a_last_cr_stays_text),
    };

    return RUN(tests);
}
