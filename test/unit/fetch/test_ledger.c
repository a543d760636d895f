#include "ledger_scene.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static void what_was_written_is_known_again(void **state)
{
    struct pf_ledger *l = opened("joe@pop.example.org");
    struct pf_ledger_note n = note(PF_LEDGER_WILL, "u1", "17.M1.host"), seen;

    (void)state;
    assert_false(pf_ledger_find(l, PF_LIT("u1"), &seen));
    assert_int_equal(pf_ledger_write(l, &n, 1, true, NULL), PF_OK);
    pf_ledger_close(l);
    l = opened("joe@pop.example.org");
    assert_true(pf_ledger_find(l, PF_LIT("u1"), &seen));
    assert_int_equal(seen.state, PF_LEDGER_WILL);
    assert_int_equal(seen.when, 1732290000);
    assert_int_equal(seen.octets, 4711);
    assert_memory_equal(seen.head, n.head, PF_LEDGER_HEAD);
    assert_true(pf_bytes_equal(seen.name, n.name));
    assert_true(pf_bytes_equal(seen.uid, n.uid));
    pf_ledger_close(l);
}

static void the_newest_record_counts_and_the_order_is_of_becoming_known(void **state)
{
    struct pf_ledger *l = opened("joe");

    (void)state;
    put(l, PF_LEDGER_WILL, "a");
    put(l, PF_LEDGER_WILL, "b");
    put(l, PF_LEDGER_SKIPPED, "c");
    put(l, PF_LEDGER_DONE, "a");
    put(l, PF_LEDGER_REFUSED, "d");
    put(l, PF_LEDGER_GONE, "c");
    put(l, PF_LEDGER_GONE, "never met");
    assert_string_equal(told(l, false), "a=D b=W d=R");
    put(l, PF_LEDGER_GONE, "a");
    put(l, PF_LEDGER_DONE, "a");
    assert_string_equal(told(l, false), "b=W d=R a=D");
    pf_ledger_close(l);
    l = opened("joe");
    assert_string_equal(told(l, false), "b=W d=R a=D");
    assert_int_equal(pf_ledger_count(l), 3);
    pf_ledger_close(l);
}

static void what_is_done_has_no_name_any_more(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct pf_ledger_note seen;

    (void)state;
    put(l, PF_LEDGER_WILL, "a");
    put(l, PF_LEDGER_DONE, "a");
    assert_true(pf_ledger_find(l, PF_LIT("a"), &seen));
    assert_int_equal(seen.name.len, 0);
    assert_true(pf_bytes_equal(seen.uid, PF_LIT("a")));
    pf_ledger_close(l);
}

static void what_was_shown_may_be_learned(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct pf_ledger_note notes[64];
    char uid[64][8];

    (void)state;
    for (int i = 0; i < 64; i++) {
        snprintf(uid[i], sizeof uid[i], "u%d", i);
        put(l, PF_LEDGER_WILL, uid[i]);
    }
    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < 64; i++)
            pf_ledger_at(l, i, &notes[i]);
        assert_true(pf_ledger_learn(l, notes, 64));
    }
    for (size_t i = 0; i < 64; i++) {
        struct pf_ledger_note seen;

        pf_ledger_at(l, i, &seen);
        assert_true(pf_bytes_equal(seen.uid, pf_bytes_of(uid[i])));
        assert_true(pf_bytes_equal(seen.name, PF_LIT("1732.M1.host")));
    }
    pf_ledger_close(l);
}

static void the_file_is_text_that_a_person_reads(void **state)
{
    struct pf_ledger *l = opened("joe@pop.example.org");
    char text[512];

    (void)state;
    put(l, PF_LEDGER_WILL, "a b");
    pf_ledger_close(l);
    slurp(text, sizeof text);
    assert_string_equal(text, "postfach-ledger 1\n"
                              "who joe@pop.example.org *3e31b92c\n"
                              "will 1732290000 4711 0102ab00000000000000000000000000 1732.M1.host a%20b "
                              "*2de79fbc\n");
}

static void records_of_another_who_are_elsewhere_until_settled(void **state)
{
    struct pf_ledger *l = opened("joe@old");

    (void)state;
    put(l, PF_LEDGER_DONE, "1");
    put(l, PF_LEDGER_DONE, "2");
    pf_ledger_close(l);
    l = opened("joe@middle");
    put(l, PF_LEDGER_DONE, "2");
    put(l, PF_LEDGER_WILL, "3");
    put(l, PF_LEDGER_GONE, "1");
    pf_ledger_close(l);
    for (int turn = 0; turn < 2; turn++) {
        l = opened("joe@new");
        assert_string_equal(told(l, true), "1=D 2=D 2=D 3=W");
        assert_int_equal(pf_ledger_count(l), turn);
        put(l, PF_LEDGER_DONE, "1");
        pf_ledger_close(l);
    }
    l = opened("joe@new");
    assert_int_equal(pf_ledger_settled(l, NULL), PF_OK);
    assert_int_equal(pf_ledger_elsewhere_count(l), 0);
    assert_string_equal(told(l, false), "1=D");
    pf_ledger_close(l);
    l = opened("joe@new");
    assert_int_equal(pf_ledger_elsewhere_count(l), 0);
    assert_string_equal(told(l, false), "1=D");
    pf_ledger_close(l);
    l = opened("joe@old");
    assert_string_equal(told(l, false), "");
    assert_string_equal(told(l, true), "1=D");
    pf_ledger_close(l);
}

static void who_comes_back_finds_its_own(void **state)
{
    struct pf_ledger *l = opened("a");

    (void)state;
    put(l, PF_LEDGER_DONE, "1");
    pf_ledger_close(l);
    l = opened("b");
    put(l, PF_LEDGER_DONE, "2");
    pf_ledger_close(l);
    l = opened("a");
    assert_string_equal(told(l, false), "1=D");
    assert_string_equal(told(l, true), "2=D");
    pf_ledger_close(l);
}

static void settling_with_nothing_elsewhere_writes_nothing(void **state)
{
    struct pf_ledger *l = opened("a");
    char before[512], after[512];

    (void)state;
    slurp(before, sizeof before);
    assert_int_equal(pf_ledger_settled(l, NULL), PF_OK);
    slurp(after, sizeof after);
    assert_string_equal(before, after);
    pf_ledger_close(l);
}

static void looking_needs_no_lock_and_changes_nothing(void **state)
{
    struct pf_ledger *l = NULL, *other;
    struct pf_ledger_note n = note(PF_LEDGER_DONE, "x", "");
    char before[512], after[512];

    (void)state;
    assert_int_equal(pf_ledger_look(scene_path, "joe", &l, NULL), PF_OK);
    assert_int_equal(pf_ledger_count(l), 0);
    pf_ledger_close(l);
    assert_int_equal(access(scene_path, F_OK), -1);
    other = opened("joe");
    put(other, PF_LEDGER_DONE, "a");
    assert_int_equal(write(pf_ledger_fd(other), "done 17", 7), 7);
    slurp(before, sizeof before);
    assert_int_equal(pf_ledger_look(scene_path, "joe", &l, NULL), PF_OK);
    assert_string_equal(told(l, false), "a=D");
    assert_int_equal(pf_ledger_write(l, &n, 1, false, NULL), PF_STATE);
    assert_int_equal(pf_ledger_settled(l, NULL), PF_STATE);
    slurp(after, sizeof after);
    assert_string_equal(before, after);
    pf_ledger_close(l);
    pf_ledger_close(other);
}

static void folders_and_file_are_the_owners_alone(void **state)
{
    struct pf_ledger *l;
    char folder[PATH_MAX + 8];
    struct stat st;
    mode_t mask = umask(0);

    (void)state;
    snprintf(scene_path, sizeof scene_path, "%.400s/.local/state//postfach/joe.ledger", scene_folder);
    l = opened("joe");
    umask(mask);
    assert_int_equal(fstat(pf_ledger_fd(l), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fstat(pf_ledger_lock_fd(l), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    snprintf(folder, sizeof folder, "%s/.local", scene_folder);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    pf_ledger_close(l);
}

static void descriptors_do_not_survive_exec_and_the_file_appends(void **state)
{
    struct pf_ledger *l = opened("joe");

    (void)state;
    assert_true(fcntl(pf_ledger_fd(l), F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(pf_ledger_lock_fd(l), F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(pf_ledger_fd(l), F_GETFL) & O_APPEND);
    pf_ledger_close(l);
}

static void a_note_that_cannot_be_said_changes_nothing(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct pf_ledger_note n = note(PF_LEDGER_DONE, "", "");
    char before[512], after[512];

    (void)state;
    slurp(before, sizeof before);
    assert_int_equal(pf_ledger_write(l, &n, 1, true, NULL), PF_SYNTAX);
    slurp(after, sizeof after);
    assert_string_equal(before, after);
    put(l, PF_LEDGER_DONE, "a");
    pf_ledger_close(l);
}

/* What is gone was delivered all the same; what was only noted (adopted, under another UID) was not. */
static void what_was_ever_delivered_is_counted(void **state)
{
    struct pf_ledger *l = opened("joe");
    int64_t last = 1;

    (void)state;
    assert_int_equal(pf_ledger_delivered(l, &last), 0);
    assert_int_equal(last, 0);
    put(l, PF_LEDGER_WILL, "a");
    put(l, PF_LEDGER_DONE, "a");
    put(l, PF_LEDGER_GONE, "a");
    put(l, PF_LEDGER_WILL, "b");
    put(l, PF_LEDGER_SKIPPED, "b"); /* it may be a torso; then it is not */
    put(l, PF_LEDGER_DONE, "b");
    put(l, PF_LEDGER_DONE, "c");
    put(l, PF_LEDGER_WILL, "d");
    put(l, PF_LEDGER_GONE, "d");
    pf_ledger_close(l);
    l = opened("joe");
    assert_int_equal(pf_ledger_delivered(l, &last), 2);
    assert_true(last > 0);
    pf_ledger_close(l);
}

static void a_write_that_did_not_fit_breaks_it_and_leaves_no_half_line(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct rlimit was, now;
    struct pf_ledger_note n = note(PF_LEDGER_DONE, "b", "");
    char before[512], after[512];
    struct pf_err err;

    (void)state;
    put(l, PF_LEDGER_DONE, "a");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = slurp(before, sizeof before) + 10;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    assert_int_equal(pf_ledger_write(l, &n, 1, true, &err), PF_NO_SPACE);
    assert_non_null(strstr(err.log, "make room"));
    assert_int_equal(err.log[0], '/'); /* the file is named */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(pf_ledger_write(l, &n, 1, true, &err), PF_IO);
    assert_int_equal(pf_ledger_settled(l, &err), PF_IO);
    slurp(after, sizeof after);
    assert_string_equal(before, after);
    pf_ledger_close(l);
    l = opened("joe");
    assert_string_equal(told(l, false), "a=D");
    put(l, PF_LEDGER_DONE, "b");
    pf_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(what_was_written_is_known_again),
        S(the_newest_record_counts_and_the_order_is_of_becoming_known),
        S(what_is_done_has_no_name_any_more),
        S(what_was_shown_may_be_learned),
        S(the_file_is_text_that_a_person_reads),
        S(records_of_another_who_are_elsewhere_until_settled),
        S(who_comes_back_finds_its_own),
        S(settling_with_nothing_elsewhere_writes_nothing),
        S(looking_needs_no_lock_and_changes_nothing),
        S(folders_and_file_are_the_owners_alone),
        S(descriptors_do_not_survive_exec_and_the_file_appends),
        S(a_note_that_cannot_be_said_changes_nothing),
        S(what_was_ever_delivered_is_counted),
        S(a_write_that_did_not_fit_breaks_it_and_leaves_no_half_line),
    };
    return RUN(tests);
}
