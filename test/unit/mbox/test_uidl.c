/* UIDLs are data: they outlive what other programs do to the file, and an X-UIDL counts once. */
#include "unit/mbox/rig.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATE "Mon Jan  1 00:00:00 2001"

static char a[PF_UIDL_MAX + 1], b[PF_UIDL_MAX + 1], c[PF_UIDL_MAX + 1];

static void keep(struct rig *r, uint32_t index, char out_uidl[PF_UIDL_MAX + 1])
{
    snprintf(out_uidl, PF_UIDL_MAX + 1, "%s", rig_uidl(r, index));
}

static void list_three(struct rig *r)
{
    rig_put(r, RIG_A RIG_B RIG_C, "w");
    rig_enter(r, 3);
    keep(r, 0, a);
    keep(r, 1, b);
    keep(r, 2, c);
    rig_leave(r);
}

/* The file becomes this text, in place or by another file; then the UIDLs are these, in order. */
static void becomes(struct rig *r, bool in_place, const char *text, uint32_t count, const char *const *uidls)
{
    if (!in_place)
        assert_int_equal(unlink(r->path), 0);
    rig_put(r, text, "w");
    rig_enter(r, count);
    for (uint32_t i = 0; i < count; i++)
        if (uidls[i])
            assert_string_equal(rig_uidl(r, i), uidls[i]);
        else
            assert_true(strcmp(rig_uidl(r, i), a) && strcmp(rig_uidl(r, i), b) && strcmp(rig_uidl(r, i), c));
    rig_leave(r);
}

#define BECOMES(r, text, ...) \
    do { \
        const char *const uidls[] = {__VA_ARGS__}; \
        becomes(r, in_place, text, sizeof uidls / sizeof uidls[0], uidls); \
    } while (0)

static void p3_052_others_insert_delete_and_reorder(void **state)
{
    struct rig *r = *state;

    for (int in_place = 0; in_place < 2; in_place++) {
        list_three(r);
        BECOMES(r, "From new " DATE "\n\nnew\n\n" RIG_A RIG_B RIG_C, NULL, a, b, c);
        BECOMES(r, RIG_A "From mid " DATE "\n\nmid\n\n" RIG_C, a, NULL, c);
        BECOMES(r, RIG_C RIG_B RIG_A, c, b, a); /* b comes back, as a backup would bring it */
        BECOMES(r, RIG_B, b);
        BECOMES(r, RIG_B RIG_B RIG_A, b, NULL, a); /* a copy is another message */
        BECOMES(r, RIG_C "From x " DATE "\n\nbeta\n\n", c, NULL); /* the same body does not do */
    }
}

/* mutt and mailx: Status lines come, change and go, and a last line without its end gets one. */
static void p3_052_notes_of_readers(void **state)
{
    struct rig *r = *state;

    for (int in_place = 0; in_place < 2; in_place++) {
        list_three(r);
        BECOMES(r, RIG_A RIG_B_READ RIG_C, a, b, c);
        BECOMES(r, RIG_A "From ben Mon Jan  1 00:00:01 2001\nSubject: b\nStatus: O\nX-UID: 12\nX-Keywords: x\n y\n\n"
                "beta\n\n" RIG_C, a, b, c);
        BECOMES(r, RIG_C RIG_B_READ RIG_A, c, b, a);
        BECOMES(r, "From ben Mon Jan  1 00:00:01 2001\nSubject: b\nContent-Length: 5\nLines: 1\n\nbeta\n\n", b);
        BECOMES(r, "From ben Mon Jan  1 00:00:01 2001\nContent-Length: 5\nX-Status: \nSubject: b\n\nbeta", b);
        BECOMES(r, RIG_B RIG_A, b, a);
        BECOMES(r, "From ben Mon Jan  1 00:00:01 2001\nSubject: B\n\nbeta\n\n", NULL); /* an edited one is another */
    }
}

/* A reader that writes in place and puts the times back: nothing but ctime tells. */
static void lk_009_an_edit_behind_restored_times(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;
    struct timespec times[2];
    struct stat st;

    rig_put(r, RIG_A "From ben " DATE "\n\nb\n\nFrom cyd " DATE "\n\nc\n\n", "w");
    rig_enter(r, 3);
    keep(r, 1, b);
    keep(r, 2, c);
    assert_int_equal(stat(r->path, &st), 0);
    times[0] = st.st_atim, times[1] = st.st_mtim;
    rig_put(r, RIG_A "From cyd " DATE "\n\nc\n\nFrom ben " DATE "\n\nb\n\n", "r+");
    assert_int_equal(utimensat(AT_FDCWD, r->path, times, 0), 0);
    assert_int_equal(rig_expunge(r, 2, &op), PF_OK);
    rig_holds(r, RIG_A "From cyd " DATE "\n\nc\n\n"); /* ben was marked */
    rig_leave(r);
    rig_enter(r, 2);
    assert_string_equal(rig_uidl(r, 1), c);
    rig_leave(r);
}

#define X(name, uidl) "From " name " " DATE "\nX-UIDL: " uidl "\nSubject: " name "\n\ntext\n\n"

static void p3_049_x_uidl_of_another_server(void **state)
{
    static const char seventy[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
    char text[RIG_TEXT];
    struct rig *r = *state;

    snprintf(text, sizeof text, "%sFrom l " DATE "\nX-UIDL: %s\n\nx\n\nFrom m " DATE "\nX-UIDL: %s1\n\ny\n\n%s%s",
             X("ada", "$!\"q~"), seventy, seventy, X("bad", "two words"), X("two", "$!\"q~"));
    rig_put(r, "", "w");
    rig_enter(r, 0); /* a first login before the mail is moved here */
    rig_leave(r);
    rig_put(r, text, "w");
    rig_enter(r, 5);
    assert_string_equal(rig_uidl(r, 0), "$!\"q~");
    assert_string_equal(rig_uidl(r, 1), seventy);
    for (uint32_t i = 2; i < 5; i++)
        assert_int_equal(strlen(rig_uidl(r, i)), PF_MBOX_UIDL_LEN); /* too long, illegal, taken */
    rig_reads(r, 0, "X-UIDL: $!\"q~\nSubject: ada\n\ntext\n");
    rig_leave(r);
    rig_enter(r, 5);
    assert_string_equal(rig_uidl(r, 0), "$!\"q~");
    rig_leave(r);
}

static void p3_049_x_uidl_of_a_stranger(void **state)
{
    struct rig *r = *state;

    rig_put(r, X("ada", "mine"), "w");
    rig_enter(r, 1);
    rig_leave(r);
    rig_put(r, X("eve", "evil") X("eva", "mine"), "a");
    rig_enter(r, 3);
    assert_string_equal(rig_uidl(r, 0), "mine");
    assert_int_equal(strlen(rig_uidl(r, 1)), PF_MBOX_UIDL_LEN);
    assert_int_equal(strlen(rig_uidl(r, 2)), PF_MBOX_UIDL_LEN);
    rig_leave(r);
    rig_put(r, X("eve", "evil"), "w"); /* and not when all else is gone */
    rig_enter(r, 1);
    assert_int_equal(strlen(rig_uidl(r, 0)), PF_MBOX_UIDL_LEN);
    rig_leave(r);
}

/* What was shown is shown, also when it comes to the head. */
static void mb_011_only_what_was_at_the_head_is_hidden(void **state)
{
#define PSEUDO "From M " DATE "\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAPbase: 1 2\n\nx\n\n"
    struct rig *r = *state;
    struct pf_box_expunge op;

    rig_put(r, RIG_A PSEUDO, "w");
    rig_enter(r, 2);
    keep(r, 1, b);
    assert_int_equal(rig_expunge(r, 1, &op), PF_OK);
    rig_leave(r);
    rig_holds(r, PSEUDO);
    rig_enter(r, 1);
    assert_string_equal(rig_uidl(r, 0), b);
    rig_leave(r);
    rig_put(r, PSEUDO RIG_A, "w"); /* read all over */
    rig_enter(r, 2);
    rig_leave(r);
    assert_int_equal(unlink(rig_beside(r, ".box.postfach-state")), 0);
    rig_enter(r, 1); /* found at the head first: hidden */
    rig_leave(r);
    rig_put(r, PSEUDO RIG_A RIG_B, "w");
    rig_enter(r, 2);
    rig_leave(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(p3_052_others_insert_delete_and_reorder),
        RIG(p3_052_notes_of_readers),
        RIG(lk_009_an_edit_behind_restored_times),
        RIG(p3_049_x_uidl_of_another_server),
        RIG(p3_049_x_uidl_of_a_stranger),
        RIG(mb_011_only_what_was_at_the_head_is_hidden),
    };

    return RUN(tests);
}
