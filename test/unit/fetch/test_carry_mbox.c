/* The mbox, with the real postfach-carry and with one that dies: this program is one, too, when it is
 * called so. */
#include "unit/fetch/placerig.h"

#include "fetch/carry_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LETTERS = 2, ENOUGH = 400 };

static int countdown; /* 0: nothing happens; in a carrier, which has one thread */

static void step(void)
{
    if (countdown > 0 && --countdown == 0)
        _exit(9);
}

#define WRAP(type, name, parameters, result)                                                            \
    type __real_##name parameters;                                                                      \
    type __wrap_##name parameters;                                                                      \
    type __wrap_##name parameters                                                                       \
    {                                                                                                   \
        step();                                                                                         \
        return result;                                                                                  \
    }

WRAP(ssize_t, write, (int fd, const void *at, size_t len), __real_write(fd, at, len))
WRAP(ssize_t, pwrite64, (int fd, const void *at, size_t len, off_t where),
     __real_pwrite64(fd, at, len, where))
/* No power is cut here, so no disk need be waited for. */
WRAP(int, fsync, (int fd), fcntl(fd, F_GETFD) < 0 ? -1 : 0)
WRAP(int, fdatasync, (int fd), fcntl(fd, F_GETFD) < 0 ? -1 : 0)
WRAP(int, ftruncate64, (int fd, off_t size), __real_ftruncate64(fd, size))
WRAP(int, unlinkat, (int fd, const char *name, int flags), __real_unlinkat(fd, name, flags))

static void use_mbox(struct placerig *r, const char *carrier)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/mbox", r->home);
    r->account.maildir = NULL;
    r->account.mbox = path;
    r->carrier = carrier;
}

static size_t read_mbox(struct placerig *r, char *room, size_t cap)
{
    int fd = open(r->account.mbox, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, room, cap - 1) : 0;

    if (fd >= 0)
        close(fd);
    room[len > 0 ? len : 0] = 0;
    return len > 0 ? (size_t)len : 0;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void a_message_is_in_the_mbox(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[4096];

    use_mbox(r, PF_TEST_CARRIER);
    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, "Subject: 1\r\n\r\nFrom me\r\n>From you\r\n.\r\n", NULL),
                     PF_OK);
    assert_int_equal(placerig_deliver(r, 2, "Subject: 2\r\n\r\nno end", NULL), PF_OK);
    read_mbox(r, text, sizeof text);
    assert_int_equal(strncmp(text, "From ", 5), 0);
    assert_non_null(strstr(text, "\nSubject: 1\n\n>From me\n>>From you\n.\n\nFrom "));
    assert_non_null(strstr(text, "\nSubject: 2\n\nno end\n"));
    assert_int_equal(placerig_state(r, 2), PF_LEDGER_DONE);
    assert_int_equal(placerig_count(r, "spool"), 0);
}

/* A run that was killed between the delivery and its record. */
static void what_is_in_the_mbox_does_not_come_again(void **state)
{
    static const char *const texts[] = {"Subject: 1\r\n\r\nFrom me\r\n\r\n\r\n", "Subject: 1\r\n\r\nx",
                                        "Subject: 1\r\n\r\n", "From x\r\nSubject: 1\r\n\r\na\rb\r\n"};
    struct placerig *r = placerig_of(state);

    use_mbox(r, PF_TEST_CARRIER);
    for (long i = 0; i < (long)(sizeof texts / sizeof texts[0]); i++) {
        char line[PF_LEDGER_LINE_MAX] = "", *will;
        int fd;

        assert_true(placerig_open(r));
        assert_int_equal(placerig_deliver(r, i, texts[i], NULL), PF_OK);
        placerig_close(r);
        /* The last record goes, as if it had never been written. */
        fd = open(r->ledger_path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0 && pread(fd, line, sizeof line - 1, 0) > 0);
        will = strstr(line, "\ndone ");
        while (will && strstr(will + 1, "\ndone "))
            will = strstr(will + 1, "\ndone ");
        assert_non_null(will);
        assert_int_equal(ftruncate(fd, will + 1 - line), 0);
        close(fd);
        assert_true(placerig_open(r));
        assert_int_equal(r->settled.code, PF_OK);
        assert_int_equal(r->again, 0);
        assert_int_equal(placerig_state(r, i), PF_LEDGER_DONE);
        placerig_close(r);
        unlink(r->ledger_path);
    }
}

static void what_is_not_there_comes_again(void **state)
{
    struct placerig *r = placerig_of(state);
    static const char *const names[] = {
        PF_CARRY_DIGEST "0000000000000000000000000000000000000000000000000000000000000000",
        PF_CARRY_DIGEST, "command"};
    char room[32];

    use_mbox(r, PF_TEST_CARRIER);
    for (int there = 0; there < 2; there++) {
        assert_true(placerig_open(r));
        if (there)
            assert_int_equal(placerig_deliver(r, 9, "Subject: 9\r\n\r\n", NULL), PF_OK);
        for (long i = 0; i < 3; i++) {
            struct pf_ledger_note note = placerig_note(i, PF_LEDGER_WILL, names[i], room);

            assert_int_equal(pf_ledger_write(r->ledger, &note, 1, true, NULL), PF_OK);
        }
        placerig_close(r);
        assert_true(placerig_open(r));
        assert_int_equal(r->again, 3);
        assert_int_equal(placerig_state(r, 0), PF_LEDGER_GONE);
        placerig_close(r);
    }
}

static void an_mbox_whose_folder_is_missing_ends_the_run(void **state)
{
    struct placerig *r = placerig_of(state);
    char path[256];
    struct pf_err err;

    use_mbox(r, PF_TEST_CARRIER);
    snprintf(path, sizeof path, "%s/no/mbox", r->home);
    r->account.mbox = path;
    assert_true(placerig_open(r));
    assert_int_not_equal(placerig_deliver(r, 1, "Subject: 1\r\n\r\n", NULL), PF_OK);
    assert_int_not_equal(r->told[0].err.code, PF_PERM);
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_GONE);
    assert_null(placerig_write(r, 2, "x", 0, &err));
}

static void deliver_missing(struct placerig *r)
{
    unsigned ended = 0;

    for (long i = 0; i < LETTERS; i++) {
        char text[64];
        struct pf_err err;
        struct pf_letter *l;

        if (placerig_state(r, i) != PF_LEDGER_GONE)
            continue;
        snprintf(text, sizeof text, "Subject: <%ld>\r\n\r\ntext %ld\r\n", i, i);
        l = placerig_write(r, i, text, 0, &err);
        if (!l)
            break;
        placerig_end_letter(r, l, NULL);
        ended++;
    }
    placerig_wait(r, ended);
}

/* It dies at each step; each message is there once in the end. */
static void a_carrier_dies_anywhere(void **state)
{
    bool died = true;
    int n = 1;

    (void)state;
    for (; died && n < ENOUGH; n += n < 14 ? 1 : 2) { /* behind the first delivery there is little new */
        char text[4096], number[16], what[32];
        void *rig;
        struct placerig *r;

        placerig_begin(&rig);
        r = rig;
        use_mbox(r, "/proc/self/exe");
        snprintf(number, sizeof number, "%d", n);
        setenv("PF_TEST_DIES", number, 1);
        assert_true(placerig_open(r));
        deliver_missing(r);
        died = r->told[0].err.code || r->told[r->told_count - 1].err.code;
        placerig_close(r);
        unsetenv("PF_TEST_DIES");
        assert_true(placerig_open(r));
        assert_int_equal(r->settled.code, PF_OK);
        deliver_missing(r);
        placerig_close(r);
        read_mbox(r, text, sizeof text);
        for (int i = 0; i < LETTERS; i++) {
            snprintf(what, sizeof what, "Subject: <%d>\n\ntext %d\n", i, i);
            assert_int_equal(count(text, what), 1);
        }
        assert_int_equal(count(text, "Subject"), LETTERS);
        assert_int_equal(placerig_count(r, "spool"), 0);
        placerig_end(&rig);
    }
    assert_in_range(n, 20, ENOUGH - 1);
}

int main(int argc, char **argv)
{
#define TT(name) cmocka_unit_test_setup_teardown(name, placerig_begin, placerig_end)
    const struct CMUnitTest tests[] = {
        TT(a_message_is_in_the_mbox),      TT(what_is_in_the_mbox_does_not_come_again),
        TT(what_is_not_there_comes_again), TT(an_mbox_whose_folder_is_missing_ends_the_run),
        T(a_carrier_dies_anywhere),
    };

    if (strcmp(argv[0], "postfach-carry") == 0) {
        const char *dies = getenv("PF_TEST_DIES");

        countdown = dies ? (int)strtol(dies, NULL, 10) : 0;
        return pf_carry_main(argc, argv);
    }
    return RUN(tests);
}
