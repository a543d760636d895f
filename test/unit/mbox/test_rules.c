/* What an mbox is and how one is written: each rule by itself. */
#include "unit/mbox/rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATE "Mon Jan  1 00:00:00 2001"

static void mb_001_a_from_line_at_0_or_behind_an_empty_line(void **state)
{
    struct rig *r = *state;

    rig_put(r, RIG_A "From ben " DATE "\r\nSubject: b\r\n\r\nbeta\r\n\r\nFrom cyd " DATE "\n\ngamma", "w");
    rig_enter(r, 3);
    rig_reads(r, 0, "Subject: a\n\nalpha\n");
    rig_reads(r, 1, "Subject: b\r\n\r\nbeta\r\n");
    rig_reads(r, 2, "\ngamma");
    rig_leave(r);
    /* Not behind an empty line, or no sender, or behind white space: text. */
    rig_put(r, "From ada " DATE "\nSubject: a\n\nalpha\nFrom ben " DATE "\n\nFrom\n\n From x " DATE "\n\n"
               "From " DATE "\n", "w");
    rig_enter(r, 1);
    rig_leave(r);
}

static void mb_001_the_file_must_begin_with_one(void **state)
{
    static const char *const bad[] = {"Subject: a\n\nalpha\n", "\n\nx\n" RIG_A, " " RIG_A, "From ada\n\nalpha\n"};
    struct rig *r = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rig_put(r, bad[i], "w");
        assert_int_equal(rig_try(r), PF_DAMAGED);
        rig_holds(r, bad[i]);
    }
    rig_put(r, "\n\r\n" RIG_A, "w"); /* empty lines are no message */
    rig_enter(r, 1);
    rig_reads(r, 0, "Subject: a\n\nalpha\n");
    rig_leave(r);
}

static void mb_001_a_last_line_without_end_may_be_one(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;
    char uidl[PF_UIDL_MAX + 1];

    rig_put(r, RIG_A "From ben " DATE, "w");
    rig_enter(r, 2);
    rig_reads(r, 1, "");
    snprintf(uidl, sizeof uidl, "%s", rig_uidl(r, 1));
    rig_leave(r);
    assert_int_equal(rig_deliver(r, "Subject: c\n\ngamma\n", &seal), PF_OK); /* it gets its end */
    rig_enter(r, 3);
    rig_reads(r, 0, "Subject: a\n\nalpha\n");
    rig_reads(r, 1, "");
    rig_reads(r, 2, "Subject: c\n\ngamma\n");
    assert_string_equal(rig_uidl(r, 1), uidl);
    assert_string_equal(rig_uidl(r, 2), seal.uidl);
    rig_leave(r);
}

/* Delivers one, and the file holds it so. */
static void delivers(struct rig *r, bool mboxrd, const char *text, const char *stored)
{
    struct pf_parcel_seal seal;
    char expected[RIG_TEXT], *line_end;
    char got[RIG_TEXT];

    r->settings.mboxrd = mboxrd;
    rig_renew(r);
    unlink(r->path);
    assert_int_equal(rig_deliver(r, text, &seal), PF_OK);
    rig_get(r->path, got);
    line_end = strchr(got, '\n');
    assert_non_null(line_end);
    snprintf(expected, sizeof expected, "%s\n", stored);
    assert_string_equal(line_end + 1, expected);
}

static void mb_004_mboxo_quotes_and_reading_does_not_undo_it(void **state)
{
    struct rig *r = *state;

    delivers(r, false, "S: x\n\nFrom me\n\nFrom you\n>From her\n From it\nFrom\nFromage\n",
             "S: x\n\n>From me\n\n>From you\n>From her\n From it\nFrom\nFromage\n");
    rig_enter(r, 1);
    rig_reads(r, 0, "S: x\n\n>From me\n\n>From you\n>From her\n From it\nFrom\nFromage\n");
    rig_leave(r);
}

static void mb_005_mboxrd_quotes_once_more_and_reading_takes_one_off(void **state)
{
    struct rig *r = *state;
    static const char text[] = "S: x\n\nFrom me\n>From you\n>>>From her\n> From it\n>Fro\n>From";

    delivers(r, true, text, "S: x\n\n>From me\n>>From you\n>>>>From her\n> From it\n>Fro\n>From\n");
    rig_enter(r, 1);
    rig_reads(r, 0, "S: x\n\nFrom me\n>From you\n>>>From her\n> From it\n>Fro\n>From\n");
    rig_leave(r);
    r->settings.mboxrd = false; /* declared otherwise: read as it stands, sizes too */
    rig_renew(r);
    rig_enter(r, 1);
    rig_reads(r, 0, "S: x\n\n>From me\n>>From you\n>>>>From her\n> From it\n>Fro\n>From\n");
    rig_leave(r);
}

/* As far as length.h lets them be. */
static void mb_006_mboxcl2_bodies_are_whole(void **state)
{
    struct rig *r = *state;
    static const char body[] = "one\n\nFrom in " DATE "\nwe had rain.\n\ntwo\n";
    char text[RIG_TEXT], inner[RIG_TEXT];

    snprintf(text, sizeof text, "From ada " DATE "\nContent-Length: %zu\n\n%s\n" RIG_B, strlen(body), body);
    snprintf(inner, sizeof inner, "Content-Length: %zu\n\n%s", strlen(body), body);
    rig_put(r, text, "w");
    rig_enter(r, 2);
    rig_reads(r, 0, inner);
    rig_reads(r, 1, "Subject: b\n\nbeta\n");
    rig_leave(r);
    /* One octet off, negative or no number: not believed, and the line stays (MB-008). */
    for (size_t i = 0; i < 3; i++) {
        static const char *const fronts[] = {"1", "-", "x"};

        snprintf(text, sizeof text, "From ada " DATE "\nContent-Length: %s%zu\n\n%s\n" RIG_B, fronts[i],
                 strlen(body), body);
        rig_put(r, text, "w");
        rig_enter(r, 3);
        rig_leave(r);
    }
}

static void mb_007_mmdf_is_refused_and_stays(void **state)
{
    static const char text[] = "\1\1\1\1\nFrom: a\n\nbody\n\1\1\1\1\n";
    struct rig *r = *state;

    rig_put(r, text, "w");
    assert_int_equal(rig_try(r), PF_DAMAGED);
    assert_non_null(strstr(r->err.log, "is no mbox"));
    rig_holds(r, text);
}

static void mb_009_mb_014_notes_do_not_come_in(void **state)
{
    struct rig *r = *state;

    delivers(r, false,
             "status: RO\r\nSubject: x\r\nX-UID: 7\r\n folded\r\nX-IMAP: 1 2\r\nX-IMAPbase: 1 2\r\nX-UIDL : evil\r\n"
             "Lines: 1\r\n"
             "Content-Length: 3\r\nX-Status: D\r\nX-Keywords: k\r\nX-Mozilla-Status: 0008\r\nStatus-Of: y\r\n z\r\n\r\n"
             "Status: in the body\r\n",
             "Subject: x\nLines: 1\nStatus-Of: y\n z\n\nStatus: in the body\n");
}

static void mb_009_line_ends_are_lf_and_one_empty_line_ends(void **state)
{
    struct rig *r = *state;

    delivers(r, false, "S: x\r\n\r\nbody\r\n\r\n\r\n", "S: x\n\nbody\n\n\n");
    rig_enter(r, 1);
    rig_reads(r, 0, "S: x\n\nbody\n\n\n");
    rig_leave(r);
    delivers(r, false, "S: x\n\nno end", "S: x\n\nno end\n");
}

static void mb_012_notes_are_part_of_size_and_text(void **state)
{
    struct rig *r = *state;

    rig_put(r, RIG_B_READ, "w");
    rig_enter(r, 1);
    rig_reads(r, 0, "Subject: b\nStatus: RO\nX-Status: A\n\nbeta\n");
    assert_int_equal(r->o.listing.rows[0].flags & PF_ROW_SEEN, PF_ROW_SEEN);
    rig_leave(r);
    rig_put(r, "From ada " DATE "\nStatus: O\n\nalpha\n", "w");
    rig_enter(r, 1);
    assert_int_equal(r->o.listing.rows[0].flags & PF_ROW_SEEN, 0);
    rig_leave(r);
}

static void mb_013_fetching_adds_no_status(void **state)
{
    struct rig *r = *state;
    uint64_t mask = 3;
    struct pf_marks marks = {&mask, 2};
    struct pf_box_expunge op = {.seen = &marks};

    rig_put(r, RIG_A RIG_B, "w");
    rig_enter(r, 2);
    rig_reads(r, 0, "Subject: a\n\nalpha\n");
    assert_int_equal(r->twin->kind->box_expunge(r->o.box, &op, &r->err), PF_OK);
    rig_leave(r);
    rig_holds(r, RIG_A RIG_B);
    rig_enter(r, 2); /* it is remembered all the same */
    assert_int_equal(r->o.listing.rows[1].flags & PF_ROW_SEEN, PF_ROW_SEEN);
    rig_reads(r, 1, "Subject: b\n\nbeta\n");
    rig_leave(r);
}

static void mb_017_what_lacks_an_end_gets_one_first(void **state)
{
    static const char *const heads[] = {RIG_A, "From ada " DATE "\nSubject: a\n\nalpha\n",
                                        "From ada " DATE "\nSubject: a\n\nalpha"};
    struct rig *r = *state;
    struct pf_parcel_seal seal;
    char got[RIG_TEXT];

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        rig_put(r, heads[i], "w");
        assert_int_equal(rig_deliver(r, "Return-Path: <s@x>\nS: n\n\nnew\n", &seal), PF_OK);
        rig_get(r->path, got);
        assert_memory_equal(got, RIG_A, strlen(RIG_A));
        assert_string_equal(got + strlen(RIG_A),
                            "From s@x Tue Nov 14 22:13:20 2023\nReturn-Path: <s@x>\nS: n\n\nnew\n\n");
    }
}

static void mb_018_times_tell_shells_of_new_mail(void **state)
{
    const struct timespec times[2] = {{1500000000, 123456789}, {1400000000, 987654321}};
    struct rig *r = *state;
    struct pf_box_expunge op;
    struct pf_parcel_seal seal;
    struct stat st;

    rig_put(r, RIG_A RIG_B RIG_C, "w");
    assert_int_equal(utimensat(AT_FDCWD, r->path, times, 0), 0);
    rig_enter(r, 3);
    rig_reads(r, 0, "Subject: a\n\nalpha\n");
    assert_int_equal(rig_expunge(r, 2, &op), PF_OK);
    rig_leave(r);
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, times[1].tv_sec); /* removal is no new mail */
    assert_int_equal(st.st_mtim.tv_nsec, times[1].tv_nsec);
    if (st.st_uid == geteuid() || !geteuid())
        assert_int_equal(st.st_atim.tv_sec, times[0].tv_sec); /* nor does reading hide it */
    assert_int_equal(rig_deliver(r, "S: n\n\nnew\n", &seal), PF_OK);
    assert_int_equal(stat(r->path, &st), 0);
    assert_true(st.st_mtim.tv_sec > times[1].tv_sec && st.st_mtim.tv_sec > st.st_atim.tv_sec);
}

static void mb_019_an_empty_spool_file_stays(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;
    struct stat st;

    rig_put(r, RIG_A, "w");
    assert_int_equal(chmod(r->path, 0660), 0);
    if (!geteuid())
        assert_int_equal(chown(r->path, 0, 8), 0);
    rig_enter(r, 1);
    assert_int_equal(rig_expunge(r, 1, &op), PF_OK);
    rig_leave(r);
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    if (!geteuid())
        assert_int_equal(st.st_gid, 8);
    rig_enter(r, 0);
    rig_leave(r);
    assert_int_equal(access(r->path, F_OK), 0);
}

/* What a crash of qpopper left is mail: importing it is the task of a migration, and until then nobody touches it. */
static void mb_020_a_leftover_of_qpopper_is_not_touched(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;
    char got[RIG_TEXT];
    FILE *file = fopen(rig_beside(r, ".box.pop"), "w");

    assert_non_null(file);
    fputs(RIG_B, file);
    fclose(file);
    rig_put(r, RIG_A, "w");
    rig_enter(r, 1);
    assert_int_equal(rig_expunge(r, 1, &op), PF_OK);
    rig_leave(r);
    rig_get(rig_beside(r, ".box.pop"), got);
    assert_string_equal(got, RIG_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(mb_001_a_from_line_at_0_or_behind_an_empty_line),
        RIG(mb_001_the_file_must_begin_with_one),
        RIG(mb_001_a_last_line_without_end_may_be_one),
        RIG(mb_004_mboxo_quotes_and_reading_does_not_undo_it),
        RIG(mb_005_mboxrd_quotes_once_more_and_reading_takes_one_off),
        RIG(mb_006_mboxcl2_bodies_are_whole),
        RIG(mb_007_mmdf_is_refused_and_stays),
        RIG(mb_009_mb_014_notes_do_not_come_in),
        RIG(mb_009_line_ends_are_lf_and_one_empty_line_ends),
        RIG(mb_012_notes_are_part_of_size_and_text),
        RIG(mb_013_fetching_adds_no_status),
        RIG(mb_017_what_lacks_an_end_gets_one_first),
        RIG(mb_018_times_tell_shells_of_new_mail),
        RIG(mb_019_an_empty_spool_file_stays),
        RIG(mb_020_a_leftover_of_qpopper_is_not_touched),
    };

    return RUN(tests);
}
