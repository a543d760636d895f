#include "ledger_scene.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum { MANY = 100000 };

static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct pf_ledger_note numbered(int i, char uid[32])
{
    struct pf_ledger_note n = note(PF_LEDGER_DONE, "", "");

    snprintf(uid, 32, "%08x%08x", (unsigned)i * 2654435761U, (unsigned)i);
    n.uid = pf_bytes_of(uid);
    n.octets = (uint64_t)i;
    return n;
}

static void write_all(struct pf_ledger *l, enum pf_ledger_state state, int from, int to, int step)
{
    static char uids[1000][32];
    static struct pf_ledger_note notes[1000];

    for (int i = from; i < to;) {
        size_t n = 0;

        for (; n < 1000 && i < to; i += step, n++) {
            notes[n] = numbered(i, uids[n]);
            notes[n].state = state;
            notes[n].name = state == PF_LEDGER_WILL ? PF_LIT("1732290000.M123456P1.host") : PF_LIT("");
        }
        assert_int_equal(pf_ledger_write(l, notes, n, false, NULL), PF_OK);
        assert_true(pf_ledger_learn(l, notes, n));
    }
}

static void a_hundred_thousand_are_open_at_once(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct pf_ledger_note seen;
    char uid[32];
    double before;

    (void)state;
    write_all(l, PF_LEDGER_WILL, 0, MANY, 1);
    write_all(l, PF_LEDGER_DONE, 0, MANY, 1);
    pf_ledger_close(l);
    before = cpu_now();
    l = opened("joe");
    before = cpu_now() - before;
    print_message("# open: %.3f s\n", before);
    assert_true(before <
                3); /* some 0.1 s; ten times that with sanitizers on a busy machine is no news */
    assert_int_equal(pf_ledger_count(l), MANY);
    for (int i = 0; i < MANY; i++) {
        assert_true(pf_ledger_find(l, numbered(i, uid).uid, &seen));
        assert_int_equal(seen.octets, i);
        pf_ledger_at(l, (size_t)i, &seen);
        assert_int_equal(seen.octets, i);
    }
    pf_ledger_close(l);
}

static off_t size_now(void)
{
    struct stat st;

    assert_int_equal(stat(scene_path, &st), 0);
    return st.st_size;
}

/* Two of three lines for one who lives are no reason; what is gone is. */
static void only_what_is_mostly_dead_is_rewritten(void **state)
{
    struct pf_ledger *l = opened("old"), *looked = NULL;
    off_t before;
    char other[PATH_MAX + 8];

    (void)state;
    put(l, PF_LEDGER_DONE, "1");
    pf_ledger_close(l);
    l = opened("joe");
    write_all(l, PF_LEDGER_WILL, 0, 9000, 1);
    write_all(l, PF_LEDGER_DONE, 0, 9000, 1);
    before = size_now();
    pf_ledger_close(l);
    pf_ledger_close(opened("joe"));
    assert_int_equal(size_now(), before);
    l = opened("joe");
    write_all(l, PF_LEDGER_GONE, 0, 9000, 2);
    before = size_now();
    pf_ledger_close(l);
    assert_int_equal(pf_ledger_look(scene_path, "joe", &looked, NULL), PF_OK);
    assert_int_equal(size_now(), before);
    snprintf(other, sizeof other, "%s.new", scene_path);
    assert_int_equal(close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)),
                     0); /* of one that was killed */
    l = opened("joe");
    assert_in_range(size_now(), 1, before / 3);
    assert_int_equal(access(other, F_OK), -1);
    for (int turn = 0; turn < 2; turn++) {
        int64_t last;

        assert_int_equal(pf_ledger_count(l), 4500);
        assert_int_equal(pf_ledger_delivered(l, &last), 9000); /* those that are left out, too */
        for (size_t i = 0; i < 4500; i++) {
            struct pf_ledger_note was, is;

            pf_ledger_at(looked, i, &was);
            pf_ledger_at(l, i, &is);
            assert_true(pf_bytes_equal(was.uid, is.uid) && was.octets == is.octets &&
                        was.when == is.when);
        }
        assert_string_equal(told(l, true), "1=D");
        put(l, PF_LEDGER_DONE, turn ? "y" : "x");
        put(l, PF_LEDGER_GONE, turn ? "y" : "x");
        pf_ledger_close(l);
        l = opened("joe");
    }
    pf_ledger_close(l);
    pf_ledger_close(looked);
}

/* A full disk is no reason to fetch nothing: the old file serves, and is rewritten another time. */
static void a_rewriting_that_does_not_fit_leaves_the_old_file(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct rlimit was, now;
    off_t before;

    (void)state;
    write_all(l, PF_LEDGER_DONE, 0, 9000, 1);
    write_all(l, PF_LEDGER_GONE, 0, 8000, 1);
    for (int turn = 0; turn < 3; turn++)
        write_all(l, PF_LEDGER_DONE, 8000, 9000, 1);
    before = size_now();
    pf_ledger_close(l);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = 70000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    l = opened("joe");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(pf_ledger_count(l), 1000);
    assert_int_equal(size_now(), before);
    put(l, PF_LEDGER_DONE, "more");
    pf_ledger_close(l);
    l = opened("joe");
    assert_int_equal(pf_ledger_count(l), 1001);
    assert_true(size_now() < before / 3);
    pf_ledger_close(l);
}

/* Each goes before the next one comes. */
static void what_comes_and_goes_leaves_memory_and_order_in_order(void **state)
{
    struct pf_ledger *l = opened("joe");
    struct pf_ledger_note seen;
    char uid[32];

    (void)state;
    put(l, PF_LEDGER_DONE, "stays");
    for (int i = 0; i < 20000; i++) {
        struct pf_ledger_note n = numbered(i, uid), gone = n;

        gone.state = PF_LEDGER_GONE;
        assert_true(pf_ledger_learn(l, &n, 1));
        assert_int_equal(pf_ledger_count(l), 2);
        pf_ledger_at(l, 1, &seen);
        assert_true(pf_bytes_equal(seen.uid, n.uid));
        assert_true(pf_ledger_learn(l, &gone, 1));
    }
    assert_string_equal(told(l, false), "stays=D");
    pf_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(a_hundred_thousand_are_open_at_once),
        S(only_what_is_mostly_dead_is_rewritten),
        S(a_rewriting_that_does_not_fit_leaves_the_old_file),
        S(what_comes_and_goes_leaves_memory_and_order_in_order),
    };

    return RUN(tests);
}
