/* A state file that is short, damaged, foreign or about another file: never a crash, a wrong listing or a lost
 * message; at worst a slow open. Nothing here has to be durable, so that thousands of opens are quick. */
#include "unit/mbox/rig.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE ".box.postfach-state"

static const char *const texts[] = {"Subject: a\n\nalpha\n", "Subject: b\n\nbeta\n", "Subject: c\n\ngamma\n"};
static char known[3][PF_UIDL_MAX + 1];

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from, const char *old, int to, const char *fresh);
int __wrap_renameat(int from, const char *old, int to, const char *fresh);

int __wrap_fsync(int fd)
{
    return fd >= 0 ? 0 : -1;
}

/* ext4 writes to disk when a file is renamed over another. */
int __wrap_renameat(int from, const char *old, int to, const char *fresh)
{
    unlinkat(to, fresh, 0);
    return __real_renameat(from, old, to, fresh);
}

/* Three messages that a session has listed; the state's octets. */
static size_t prepare(struct rig *r, char out_state[RIG_TEXT])
{
    rig_put(r, RIG_A RIG_B RIG_C, "w");
    rig_enter(r, 3);
    for (uint32_t i = 0; i < 3; i++)
        snprintf(known[i], sizeof known[i], "%s", rig_uidl(r, i));
    rig_leave(r);
    return rig_get(rig_beside(r, STATE), out_state);
}

static void put_state(struct rig *r, const char *text, size_t len)
{
    FILE *file;

    unlink(rig_beside(r, STATE)); /* ext4 writes a file to disk that is cut to nothing */
    file = fopen(rig_beside(r, STATE), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

/* The listing is right whatever the state says. Returns how many UIDLs are the known ones. */
static unsigned lists_right(struct rig *r)
{
    unsigned same = 0;

    for (uint32_t i = 0; i < 3; i++) {
        rig_reads(r, i, texts[i]);
        same += strcmp(rig_uidl(r, i), known[i]) == 0;
        for (uint32_t k = 0; k < 3; k++) {
            assert_true(i == k || strcmp(rig_uidl(r, i), rig_uidl(r, k)) != 0);
            assert_true(i == k || strcmp(rig_uidl(r, i), known[k]) != 0); /* never that of another */
        }
    }
    return same;
}

static void removes_only_the_second(struct rig *r)
{
    struct pf_box_expunge op;

    assert_int_equal(rig_expunge(r, 2, &op), PF_OK);
    rig_holds(r, RIG_A RIG_C);
    rig_put(r, RIG_A RIG_B RIG_C, "w");
}

static void p3_052_short_at_any_octet(void **state)
{
    struct rig *r = *state;
    char text[RIG_TEXT];
    size_t size = prepare(r, text);

    for (size_t n = 0; n <= size; n += n < 100 ? 1 : 3) {
        put_state(r, text, n);
        rig_enter(r, 3);
        lists_right(r);
        if (n % 16 == 0)
            removes_only_the_second(r);
        rig_leave(r);
    }
}

static void p3_052_a_bit_flipped_anywhere(void **state)
{
    struct rig *r = *state;
    char text[RIG_TEXT];
    size_t size = prepare(r, text), head = strcspn(text, "\n");

    for (size_t bit = 0; bit < 8 * size; bit += 11) {
        char flipped[RIG_TEXT];

        memcpy(flipped, text, size);
        flipped[bit / 8] = (char)(flipped[bit / 8] ^ 1 << bit % 8);
        put_state(r, flipped, size);
        if (bit / 8 <= head) { /* without its seeds no message would be known again: an administrator has to look */
            assert_int_equal(rig_try(r), PF_PERM);
            continue;
        }
        rig_enter(r, 3);
        assert_in_range(lists_right(r), text[bit / 8] == '\n' ? 1 : 2, 3); /* two lines became one */
        if (bit % 77 == 0)
            removes_only_the_second(r);
        rig_leave(r);
    }
}

static void p3_052_another_version_is_left_alone(void **state)
{
    static const char later[] = "postfach-mbox 2 0000000000000001 0000000000000002\nz something\n";
    struct rig *r = *state;
    struct pf_parcel_seal seal;
    char text[RIG_TEXT];

    prepare(r, text);
    put_state(r, later, strlen(later));
    assert_int_equal(rig_try(r), PF_PERM);
    assert_non_null(strstr(r->err.log, "later version"));
    assert_int_equal(rig_deliver(r, "S: n\n\nnew\n", &seal), PF_PERM);
    rig_holds(r, RIG_A RIG_B RIG_C);
    rig_get(rig_beside(r, STATE), text);
    assert_string_equal(text, later);
    assert_int_equal(access(rig_beside(r, "box.lock"), F_OK), -1);
}

static void p3_052_of_another_file(void **state)
{
    struct rig *r = *state;
    char text[RIG_TEXT];

    prepare(r, text);
    assert_int_equal(rename(r->path, rig_beside(r, "box.old")), 0);
    rig_put(r, RIG_A RIG_B RIG_C, "w");
    rig_enter(r, 3);
    assert_int_equal(r->o.box->counts.scans, 1);
    assert_int_equal(lists_right(r), 3);
    rig_leave(r);
    rig_enter(r, 3);
    assert_int_equal(r->o.box->counts.scans, 0);
    rig_leave(r);
}

/* Numbers that lie, under a line f that fits and lines m of all sizes. */
static void p3_052_huge_counts(void **state)
{
    static const char *const numbers[] = {"0", "1", "ffffffff", "100000000", "7fffffffffffffff", "ffffffffffffffff"};
    struct rig *r = *state;
    char text[RIG_TEXT], changed[RIG_TEXT + 32];
    size_t size = prepare(r, text);

    for (size_t at = strcspn(text, "\n"); at < size; at++)
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && text[at] == ' '; i++) {
            size_t word = strcspn(text + at + 1, " \n");
            int len = snprintf(changed, sizeof changed, "%.*s%s%s", (int)at + 1, text, numbers[i],
                               text + at + 1 + word);

            put_state(r, changed, (size_t)len);
            rig_enter(r, 3);
            lists_right(r);
            if (i == 3)
                removes_only_the_second(r);
            rig_leave(r);
        }
}

static void p3_052_lines_lost_doubled_and_exchanged(void **state)
{
    struct rig *r = *state;
    char text[RIG_TEXT], changed[2 * RIG_TEXT], *lines[5];
    unsigned count = 0;

    prepare(r, text);
    for (char *line = text; *line && count < 5; line += strlen(line) + 1) {
        line[strcspn(line, "\n")] = 0;
        lines[count++] = line;
    }
    assert_int_equal(count, 5);
    for (unsigned code = 0; code < 256; code++) { /* any four of the four lines behind the head, in any order */
        int len = snprintf(changed, sizeof changed, "%s\n%s\n%s\n%s\n%s\n", lines[0], lines[1 + (code & 3)],
                           lines[1 + (code >> 2 & 3)], lines[1 + (code >> 4 & 3)], lines[1 + (code >> 6)]);

        put_state(r, changed, (size_t)len);
        rig_enter(r, 3);
        lists_right(r);
        rig_leave(r);
    }
}

static void p3_052_no_file_at_all(void **state)
{
    struct rig *r = *state;
    char text[RIG_TEXT];

    prepare(r, text);
    unlink(rig_beside(r, STATE));
    assert_int_equal(mkdir(rig_beside(r, STATE), 0700), 0);
    assert_int_not_equal(rig_try(r), PF_OK);
    assert_int_equal(rmdir(rig_beside(r, STATE)), 0);
    assert_int_equal(mkfifo(rig_beside(r, STATE), 0600), 0); /* nobody waits for its other end */
    assert_int_not_equal(rig_try(r), PF_OK);
    unlink(rig_beside(r, STATE));
    assert_int_equal(symlink("box", rig_beside(r, STATE)), 0);
    assert_int_not_equal(rig_try(r), PF_OK);
    rig_holds(r, RIG_A RIG_B RIG_C);
    unlink(rig_beside(r, STATE));
    rig_enter(r, 3);
    rig_leave(r);
}

/* A state from before sums and checks keeps its UIDLs, and its places are not believed. */
static void p3_052_an_older_state(void **state)
{
    struct rig *r = *state;
    char text[RIG_TEXT], old[RIG_TEXT];
    char *first, *second;
    size_t size = prepare(r, text);

    first = strchr(text, '\n');
    second = strchr(first + 1, '\n');
    snprintf(old, sizeof old, "%.*s%.*s%s", (int)(first - text - 17), text, (int)(second - first - 17 - 17), first,
             second);
    assert_true(strlen(old) < size);
    put_state(r, old, strlen(old));
    rig_enter(r, 3);
    assert_int_equal(r->o.box->counts.scans, 1);
    assert_int_equal(lists_right(r), 3);
    rig_leave(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(p3_052_short_at_any_octet),
        RIG(p3_052_a_bit_flipped_anywhere),
        RIG(p3_052_another_version_is_left_alone),
        RIG(p3_052_of_another_file),
        RIG(p3_052_huge_counts),
        RIG(p3_052_lines_lost_doubled_and_exchanged),
        RIG(p3_052_no_file_at_all),
        RIG(p3_052_an_older_state),
    };

    return RUN(tests);
}
