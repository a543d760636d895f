/* The real postfach-carry with commands. */
#include "unit/fetch/placerig.h"

#include "fetch/carry_private.h"
#include "fetch/place_carry.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char mail[] = "Subject: a\r\n\r\n.one\r\nFrom two\r\n";
static const char stored[] = "Subject: a\n\n.one\nFrom two\n";

/* A shell script in the rig's home, as the account's command. */
static void command(struct placerig *r, const char *script)
{
    static char path[256], folder[256];
    static const char *words[4];
    int fd;

    snprintf(path, sizeof path, "%s/script", r->home);
    snprintf(folder, sizeof folder, "%s", r->home);
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\ncd \"$1\" || exit 75\n%s\n", script) > 0);
    close(fd);
    words[0] = path;
    words[1] = folder;
    words[2] = "a word";
    words[3] = NULL;
    r->account.maildir = NULL;
    r->account.command = words;
    r->carrier = PF_TEST_CARRIER;
}

static void text_of(struct placerig *r, const char *name, char *room, size_t cap)
{
    int fd = open(placerig_at(r, name), O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, room, cap - 1) : 0;

    room[len > 0 ? len : 0] = 0;
    if (fd >= 0)
        close(fd);
}

static void a_command_gets_the_message(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[4096];
    struct stat st;

    command(r, "cat >got; env >env; echo \"$2\" >word; ls -l /proc/$$/fd >fds; pwd >home");
    assert_int_equal(setenv("PF_SECRET", "xyzzy", 1), 0);
    assert_true(placerig_open(r));
    assert_non_null(strstr(pf_place_text(r->place), "command"));
    assert_int_equal(placerig_deliver(r, 7, mail, NULL), PF_OK);
    text_of(r, "got", text, sizeof text);
    assert_string_equal(text, stored);
    text_of(r, "word", text, sizeof text);
    assert_string_equal(text, "a word\n");
    text_of(r, "env", text, sizeof text);
    assert_non_null(strstr(text, "POSTFACH_ACCOUNT=work\n"));
    assert_non_null(strstr(text, "POSTFACH_UID=uid-7\n"));
    assert_null(strstr(text, "PF_SECRET"));
    text_of(r, "fds", text, sizeof text);
    assert_null(strstr(text, "ledger"));
    assert_null(strstr(text, "socket"));
    assert_int_equal(placerig_count(r, "spool"), 0);
    assert_int_equal(stat(r->spool, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(placerig_state(r, 7), PF_LEDGER_DONE);
    placerig_close(r);
    assert_true(placerig_open(r));
    assert_int_equal(r->again, 0);
    assert_int_equal(placerig_state(r, 7), PF_LEDGER_DONE);
}

static void will_is_in_the_ledger_while_it_runs(void **state)
{
    struct placerig *r = placerig_of(state);
    char text[4096];

    command(r, "cat >/dev/null; cat state/a.ledger >ledger; ls -l spool >files");
    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_OK);
    text_of(r, "ledger", text, sizeof text);
    assert_non_null(strstr(text, "\nwill "));
    assert_null(strstr(text, "\ndone "));
    text_of(r, "files", text, sizeof text);
    assert_non_null(strstr(text, "-rw-------"));
}

static void exit_statuses_mean_what_the_table_says(void **state)
{
    static const struct {
        const char *script;
        enum pf_code code;
        enum pf_ledger_state state;
    } cases[] = {
        {"exit 0", PF_OK, PF_LEDGER_DONE},
        {"exit 65", PF_PERM, PF_LEDGER_REFUSED},
        {"exit 67", PF_PERM, PF_LEDGER_REFUSED},
        {"exit 77", PF_PERM, PF_LEDGER_REFUSED},
        {"exit 78", PF_PERM, PF_LEDGER_REFUSED},
        {"exit 75", PF_TEMP, PF_LEDGER_GONE},
        {"exit 1", PF_TEMP, PF_LEDGER_GONE},
        {"exit 127", PF_TEMP, PF_LEDGER_GONE},
        {"exit 71", PF_TEMP, PF_LEDGER_GONE},
        {"kill -9 $$", PF_TEMP, PF_LEDGER_GONE},
        {"exec 0<&-; exit 0", PF_OK, PF_LEDGER_DONE},
    };
    struct placerig *r = placerig_of(state);

    for (long i = 0; i < (long)(sizeof cases / sizeof cases[0]); i++) {
        command(r, cases[i].script);
        assert_true(placerig_open(r));
        assert_int_equal(placerig_deliver(r, i, mail, NULL), cases[i].code);
        assert_int_equal(placerig_state(r, i), cases[i].state);
        placerig_close(r);
        assert_true(placerig_open(r));
        assert_int_equal(r->again, 0);
        assert_int_equal(placerig_state(r, i), cases[i].state);
        assert_int_equal(placerig_count(r, "spool"), 0);
        placerig_close(r);
    }
    assert_int_equal(pf_carry_exit(64), PF_PERM);
    assert_int_equal(pf_carry_exit(68), PF_PERM);
    assert_int_equal(pf_carry_exit(69), PF_TEMP);
    assert_int_equal(pf_carry_exit(255), PF_TEMP);
}

static void what_a_command_says_is_told(void **state)
{
    struct placerig *r = placerig_of(state);

    command(r, "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done\n"
               "echo 'no such folder' >&2; echo >&2; exit 75");
    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_TEMP);
    assert_non_null(strstr(r->told[0].err.log, "script ended with status 75: no such folder"));
}

static void one_that_leaves_a_child_behind_has_ended(void **state)
{
    struct placerig *r = placerig_of(state);

    assert_int_equal(mkfifo(placerig_at(r, "gate"), 0600), 0);
    command(r, "(read x <gate; echo >late) & cat >got");
    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_OK);
    close(open(placerig_at(r, "gate"), O_WRONLY | O_CLOEXEC));
}

static void a_command_that_cannot_be_started_ends_the_run(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;

    command(r, "exit 0");
    assert_int_equal(unlink(placerig_at(r, "script")), 0);
    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_CONFIG);
    assert_non_null(strstr(r->told[0].err.log, "cannot be started"));
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_GONE);
    assert_null(placerig_write(r, 2, mail, 0, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_int_equal(placerig_count(r, "spool"), 0);
}

static void no_carrier_ends_the_run(void **state)
{
    struct placerig *r = placerig_of(state);

    command(r, "exit 0");
    r->carrier = "/nonexistent/postfach-carry";
    assert_true(placerig_open(r));
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_CONFIG);
    assert_non_null(strstr(r->told[0].err.log, "install Postfach as a whole"));
    assert_int_equal(placerig_count(r, "spool"), 0);
}

static void many_are_told_in_order(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;
    enum { MANY = 70 };

    command(r, "n=${POSTFACH_UID#uid-}; echo $n >>log; [ $((n % 7)) = 3 ] && exit 75; exit 0");
    assert_true(placerig_open(r));
    for (long i = 0; i < MANY; i++) {
        struct pf_letter *l = placerig_write(r, i, mail, 0, &err);

        assert_non_null(l);
        if (i == 20)
            pf_letter_drop(l);
        else
            placerig_end_letter(r, l, NULL);
    }
    placerig_wait(r, MANY - 1);
    for (long i = 0; i < MANY - 1; i++) {
        long of = i + (i >= 20);

        assert_int_equal(r->told[i].of, of);
        assert_int_equal(r->told[i].err.code, of % 7 == 3 ? PF_TEMP : PF_OK);
    }
    assert_int_equal(pf_place_waiting(r->place), 0);
    assert_int_equal(placerig_count(r, "spool"), 0);
}

/* The command runs: it opens the other end. */
static void wait_began(struct placerig *r)
{
    char octet;
    int fd;

    for (int i = 0; i < 10; i++)
        pf_loop_turn(r->loop, false); /* what is to be sent is sent */
    fd = open(placerig_at(r, "began"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &octet, 1), 1);
    close(fd);
}

static void open_gate(struct placerig *r)
{
    int fd = open(placerig_at(r, "gate"), O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    close(fd);
}

static void slow(struct placerig *r)
{
    assert_int_equal(mkfifo(placerig_at(r, "gate"), 0600), 0);
    assert_int_equal(mkfifo(placerig_at(r, "began"), 0600), 0);
    command(r, "echo >began; read x <gate; echo $POSTFACH_UID >>log; exit 0");
}

static void is_locked(struct placerig *r)
{
    struct pf_ledger *other = NULL;
    struct pf_err err = {0};

    assert_int_equal(pf_ledger_open(r->ledger_path, "joe@pop.example.org", 0, &other, &err), PF_IN_USE);
}

static void only_the_first_was_delivered(struct placerig *r)
{
    char text[256];

    assert_true(placerig_open(r)); /* waits for the lock */
    assert_int_equal(r->again, 0);
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_DONE);
    assert_int_equal(placerig_state(r, 2), PF_LEDGER_GONE);
    text_of(r, "log", text, sizeof text);
    assert_string_equal(text, "uid-1\n");
    assert_int_equal(placerig_count(r, "spool"), 0);
}

static void a_killed_master_leaves_a_record(void **state)
{
    struct placerig *r = placerig_of(state);
    int status;
    pid_t pid;

    slow(r);
    placerig_stop(r);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct pf_err err;

        placerig_start(r);
        placerig_open(r);
        placerig_end_letter(r, placerig_write(r, 1, mail, 0, &err), NULL);
        placerig_end_letter(r, placerig_write(r, 2, mail, 0, &err), NULL);
        placerig_wait(r, 2);
        _exit(1);
    }
    placerig_start(r);
    wait_began(r);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    is_locked(r);
    open_gate(r);
    only_the_first_was_delivered(r);
}

static void a_master_that_gives_up_leaves_the_lock_to_its_carrier(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;

    slow(r);
    assert_true(placerig_open(r));
    placerig_end_letter(r, placerig_write(r, 1, mail, 0, &err), NULL);
    placerig_end_letter(r, placerig_write(r, 2, mail, 0, &err), NULL);
    wait_began(r);
    placerig_close(r);
    assert_int_equal(r->told_count, 0);
    is_locked(r);
    open_gate(r);
    only_the_first_was_delivered(r);
}

/* Nobody knows what became of it: it comes again. */
static void a_killed_carrier_ends_the_run(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_err err;

    slow(r);
    assert_true(placerig_open(r));
    placerig_end_letter(r, placerig_write(r, 1, mail, 0, &err), NULL);
    placerig_end_letter(r, placerig_write(r, 2, mail, 0, &err), NULL);
    wait_began(r);
    kill(((struct pf_place_carry *)r->place->kind_private)->pid, SIGKILL);
    placerig_wait(r, 2);
    assert_int_equal(r->told[0].of, 1);
    assert_int_equal(r->told[0].err.code, PF_IO);
    assert_int_equal(r->told[1].err.code, PF_IO);
    assert_null(placerig_write(r, 3, mail, 0, &err));
    placerig_close(r);
    open_gate(r);
    assert_true(placerig_open(r));
    assert_int_equal(r->again, 1);
    assert_int_equal(placerig_state(r, 1), PF_LEDGER_GONE);
    assert_int_equal(placerig_state(r, 2), PF_LEDGER_GONE);
    assert_int_equal(placerig_count(r, "spool"), 0);
}

static void what_killed_runs_left_in_the_spool_is_swept(void **state)
{
    struct placerig *r = placerig_of(state);

    command(r, "exit 0");
    assert_int_equal(mkdir(r->spool, 0700), 0);
    close(open(placerig_at(r, "spool/1-1"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open(placerig_at(r, "spool/4711-12"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(
        open(placerig_at(r, "spool/1-1-a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); /* somebody's own */
    assert_true(placerig_open(r));
    assert_int_equal(placerig_count(r, "spool"), 1);
    assert_int_equal(placerig_deliver(r, 1, mail, NULL), PF_OK);
    assert_int_equal(access(placerig_at(r, "spool/1-1-a"), F_OK), 0);
    assert_int_equal(unlink(placerig_at(r, "spool/1-1-a")), 0);
}

static void what_cannot_be_is_told_at_once(void **state)
{
    struct placerig *r = placerig_of(state);
    struct pf_account_filter filter = {"List-Id", "*", PF_ACCOUNT_FOLDER, "Lists"};

    r->account.maildir = NULL;
    assert_false(placerig_open(r));
    assert_int_equal(r->made.code, PF_CONFIG);
    placerig_close(r);
    r->account.smtp = "127.0.0.1:25";
    assert_false(placerig_open(r)); /* nobody is told whom */
    assert_non_null(strstr(r->made.log, "set recipient"));
    placerig_close(r);
    command(r, "exit 0");
    r->account.filters = &filter;
    r->account.filter_count = 1;
    assert_false(placerig_open(r));
    assert_int_equal(r->made.code, PF_CONFIG);
}

int main(void)
{
#define TT(name) cmocka_unit_test_setup_teardown(name, placerig_begin, placerig_end)
    const struct CMUnitTest tests[] = {
        TT(a_command_gets_the_message),
        TT(will_is_in_the_ledger_while_it_runs),
        TT(exit_statuses_mean_what_the_table_says),
        TT(what_a_command_says_is_told),
        TT(one_that_leaves_a_child_behind_has_ended),
        TT(a_command_that_cannot_be_started_ends_the_run),
        TT(no_carrier_ends_the_run),
        TT(many_are_told_in_order),
        TT(a_killed_master_leaves_a_record),
        TT(a_master_that_gives_up_leaves_the_lock_to_its_carrier),
        TT(a_killed_carrier_ends_the_run),
        TT(what_killed_runs_left_in_the_spool_is_swept),
        TT(what_cannot_be_is_told_at_once),
    };

    return RUN(tests);
}
