#include "unit/cm.h"

#include "tool/user.h"
#include <postfach/err.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* "open sesame", cheap to check. */
#define SESAME "{SSHA}hN5uxFJUEWCPg56kk42tnVCdJ61zYWx0"

struct bench {
    char dir[128], file[160];
    char out[8192]; /* what the last run printed on either output */
};

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void setup(struct bench *b, const char *text)
{
    const char *tmp = getenv("TMPDIR");

    *b = (struct bench){0};
    snprintf(b->dir, sizeof b->dir, "%s/pf-user-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->file, sizeof b->file, "%s/users", b->dir);
    if (text)
        put(b->file, text);
}

static void teardown(struct bench *b)
{
    unlink(b->file);
    assert_int_equal(rmdir(b->dir), 0);
}

static void slurp(int fd, char *out, size_t cap)
{
    size_t len = 0;
    ssize_t n;

    while (len + 1 < cap && (n = read(fd, out + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = 0;
}

static void file_text(struct bench *b, char *out, size_t cap)
{
    int fd = open(b->file, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    slurp(fd, out, cap);
    close(fd);
}

/* Words with single spaces; "@" stands for the file. Runs the tool with the input as its standard input,
 * in a session without a terminal. Its exit status. */
static int run(struct bench *b, const char *words, const char *input)
{
    char text[512], *argv[32] = {NULL};
    int in[2], out[2], argc = 0, status;
    pid_t pid;

    snprintf(text, sizeof text, "%s", words);
    for (char *at = text; at; argc++) {
        char *space = strchr(at, ' ');

        argv[argc] = strcmp(at, "@") == 0 || (space && space == at + 1 && at[0] == '@') ? b->file : at;
        if (space)
            *space++ = 0;
        at = space;
    }
    assert_int_equal(pipe(in) + pipe(out), 0);
    pid = fork();
    if (pid == 0) {
        setsid();
        dup2(in[0], 0), dup2(out[1], 1), dup2(out[1], 2);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        status = pf_tool_user(argc, argv);
        fflush(NULL);
        _exit(status);
    }
    assert_int_equal(write(in[1], input, strlen(input)), strlen(input));
    close(in[0]), close(in[1]), close(out[1]);
    slurp(out[0], b->out, sizeof b->out);
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_text(const struct bench *b, const char *part)
{
    if (!strstr(b->out, part))
        assert_string_equal(b->out, part);
}

static void add_passwd_check_remove(void **state)
{
    struct bench b;
    char text[4096];

    (void)state;
    setup(&b, NULL);
    assert_int_equal(
        run(&b, "user add --file @ --scheme SSHA512 --password-stdin alice", " open  sesame \n"), 0);
    assert_string_equal(b.out, "");
    assert_int_equal(
        run(&b, "user add --password-stdin --file @ --scheme ssha256 --maildrop /m/b bob", "b"), 0);
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", " open  sesame \n"), 0);
    assert_string_equal(b.out, "right\n");
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", "open sesame\n"), 77);
    assert_string_equal(b.out, "wrong\n");
    assert_int_equal(run(&b, "user passwd --file @ --scheme SSHA512 --password-stdin alice", "new\r\n"),
                     0);
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", "new\n"), 0);
    assert_int_equal(run(&b, "user list --file @", ""), 0);
    assert_string_equal(b.out, "alice\tSSHA512\nbob\tSSHA256 maildrop=/m/b\n");
    assert_int_equal(run(&b, "user remove --file @ alice", ""), 0);
    file_text(&b, text, sizeof text);
    assert_memory_equal(text, "bob:{SSHA256}", 13);
    assert_non_null(strstr(text, "::::::maildrop=/m/b\n"));
    teardown(&b);
}

static void the_default_scheme_is_yescrypt(void **state)
{
    struct bench b;
    char text[4096];

    (void)state;
    setup(&b, "# users\n");
    assert_int_equal(run(&b, "user add --file @ --password-stdin alice", "x\n"), 0);
    file_text(&b, text, sizeof text);
    assert_memory_equal(text, "# users\nalice:{YESCRYPT}$y$", 27);
    teardown(&b);
}

static void a_random_password_is_printed_and_right(void **state)
{
    struct bench b;
    char first[64];

    (void)state;
    setup(&b, NULL);
    assert_int_equal(run(&b, "user add --file @ --scheme SSHA512 --random alice", ""), 0);
    assert_int_equal(strlen(b.out), 21);
    snprintf(first, sizeof first, "%.32s", b.out);
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", first), 0);
    assert_int_equal(run(&b, "user passwd --file @ --scheme SSHA512 --random alice", ""), 0);
    assert_string_not_equal(b.out, first);
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", first), 77);
    teardown(&b);
}

/* One letter in two ways: what is typed as e and accent is right where the other was stored. */
static void plain_006_names_and_passwords_are_prepared(void **state)
{
    struct bench b;

    (void)state;
    setup(&b, NULL);
    assert_int_equal(
        run(&b, "user add --file @ --scheme SSHA512 --password-stdin e\xcc\x81", "caf\xc3\xa9\n"), 0);
    assert_int_equal(run(&b, "user check --file @ --password-stdin \xc3\xa9", "cafe\xcc\x81\n"), 0);
    assert_int_equal(
        run(&b, "user passwd --file @ --scheme SSHA512 --password-stdin \xc3\xa9", "cafe\xcc\x81\n"), 0);
    assert_int_equal(run(&b, "user check --file @ --password-stdin \xc3\xa9", "caf\xc3\xa9\n"), 0);
    teardown(&b);
}

static void mistakes_have_hints_and_statuses(void **state)
{
    static const struct {
        const char *words, *input, *says;
        int status;
    } table[] = {
        {"user", "", "usage:", 64},
        {"user frobnicate", "", "unknown: frobnicate", 64},
        {"user add --file @", "", "one name, please", 64},
        {"user add --file @ a b", "", "one name, please", 64},
        {"user list --file @ a", "", "no name, please", 64},
        {"user list --file @ --random", "", "does not go with list", 64},
        {"user passwd --file @ --maildrop /m alice", "", "does not go with passwd", 64},
        {"user add --file @ --frobnicate a", "", "usage:", 64},
        {"user add --file @ --scheme NONE a", "", "unknown scheme", 64},
        {"user add --file @ --scheme MD5-CRYPT a", "", "hint: one of YESCRYPT", 64},
        {"user add --file @ --scheme PLAIN a", "", "weak", 64},
        {"user add --file @ --maildrop m --random a", "", "absolute path", 64},
        {"user add --file @ --random a/b", "", "nobody can have this name", 64},
        {"user add --file @ --random a:b", "", "nobody can have this name", 64},
        {"user add --file @ --random .a", "", "nobody can have this name", 64},
        {"user add --file @ --random #a", "", "nobody can have this name", 64},
        {"user add --file @ --random \xff", "", "nobody can have this name", 64},
        {"user add --file @ --random alice", "", "there is a user alice already", 64},
        {"user passwd --file @ --random bob", "", "there is no user bob", 67},
        {"user remove --file @ bob", "", "there is no user bob", 67},
        {"user check --file @ --password-stdin bob", "", "there is no user bob", 67},
        {"user check --file @ --password-stdin barred", "x\n", "may not log in", 77},
        {"user add --file @ --password-stdin a", "\n", "an empty password", 78},
        {"user add --file @ --password-stdin a", "", "an empty password", 78},
        {"user add --file @ a", "", "hint: give it by --password-stdin", 78},
        {"user check --file @ alice", "", "hint: give it by --password-stdin", 78},
        {"user list --file /nonexistent/users", "", "/nonexistent/users", 78},
        {"user add --file /nonexistent/users --random a", "", "/nonexistent/users", 78},
        {"user add --file @ --scheme PLAIN --allow-weak --password-stdin a", "a:b\n", "colon", 78},
    };
    static const char users[] = "alice:" SESAME "\nbarred:" SESAME "::::::nologin\n";
    struct bench b;
    char text[4096];

    (void)state;
    setup(&b, users);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(run(&b, table[i].words, table[i].input), table[i].status);
        expect_text(&b, table[i].says);
    }
    file_text(&b, text, sizeof text);
    assert_string_equal(text, users);
    teardown(&b);
}

static void bad_files_are_not_touched(void **state)
{
    static const char bad[] = "alice:" SESAME "\nbob\n";
    struct bench b;
    char text[256];

    (void)state;
    setup(&b, bad);
    assert_int_equal(run(&b, "user list --file @", ""), 78);
    expect_text(&b, "line 2");
    assert_int_equal(run(&b, "user remove --file @ alice", ""), 78);
    expect_text(&b, "bad line");
    file_text(&b, text, sizeof text);
    assert_string_equal(text, bad);
    teardown(&b);
}

static void weak_schemes_by_wish_only(void **state)
{
    struct bench b;

    (void)state;
    setup(&b, NULL);
    assert_int_equal(run(&b, "user add --file @ --scheme PLAIN --allow-weak --password-stdin a", "b\n"),
                     0);
    assert_int_equal(run(&b, "user check --file @ --password-stdin a", "b\n"), 0);
    expect_text(&b, "right\n");
    expect_text(&b, "weak");
    assert_int_equal(run(&b, "user list --file @", ""), 0);
    assert_string_equal(b.out, "a\tPLAIN weak\n");
    teardown(&b);
}

static void help_is_on_the_standard_output(void **state)
{
    struct bench b;

    (void)state;
    setup(&b, NULL);
    assert_int_equal(run(&b, "user --help", ""), 0);
    expect_text(&b, "postfach user add NAME");
    assert_int_equal(run(&b, "user add --help", ""), 0);
    expect_text(&b, "--password-stdin");
    teardown(&b);
}

/* Reads what the terminal shows until `part` was seen at its end. */
static void await(int master, char *out, size_t cap, const char *part)
{
    size_t len = strlen(out);

    while (!strstr(out, part)) {
        struct pollfd ready = {.fd = master, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&ready, 1, 20000), 1);
        n = read(master, out + len, cap - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        out[len] = 0;
    }
}

static void type(int master, const char *text)
{
    assert_int_equal(write(master, text, strlen(text)), strlen(text));
}

static pid_t at_terminal(struct bench *b, const char *verb, int *out_master)
{
    char *argv[] = {(char[]){"user"}, (char[8]){0},      (char[]){"--file"},
                    b->file,          (char[]){"alice"}, NULL};
    pid_t pid;

    snprintf(argv[1], 8, "%s", verb);
    pid = forkpty(out_master, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(pf_tool_user(5, argv));
    return pid;
}

static void the_terminal_is_asked_twice_and_shows_nothing(void **state)
{
    char shown[1024] = "";
    struct bench b;
    int master, status;
    pid_t pid;

    (void)state;
    setup(&b, "alice:" SESAME "\n");
    pid = at_terminal(&b, "passwd", &master);
    await(master, shown, sizeof shown, "New password for alice: ");
    type(master, "swordfish\n");
    await(master, shown, sizeof shown, "Once more, for alice: ");
    type(master, "swordfish\n");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_null(strstr(shown, "fish"));
    close(master);
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", "swordfish"), 0);
    teardown(&b);
}

static void two_that_differ_change_nothing(void **state)
{
    char shown[1024] = "";
    struct bench b;
    int master, status;
    pid_t pid;

    (void)state;
    setup(&b, "alice:" SESAME "\n");
    pid = at_terminal(&b, "passwd", &master);
    await(master, shown, sizeof shown, "New password for alice: ");
    type(master, "swordfish\n");
    await(master, shown, sizeof shown, "Once more, for alice: ");
    type(master, "swordfosh\n");
    await(master, shown, sizeof shown, "not the same");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 78);
    close(master);
    assert_int_equal(run(&b, "user check --file @ --password-stdin alice", "open sesame"), 0);
    teardown(&b);
}

static void a_signal_puts_the_terminal_back(void **state)
{
    char shown[1024] = "";
    struct termios after;
    struct bench b;
    int master, status;
    pid_t pid;

    (void)state;
    setup(&b, "alice:" SESAME "\n");
    pid = at_terminal(&b, "check", &master);
    await(master, shown, sizeof shown, "Password of alice: ");
    assert_int_equal(tcgetattr(master, &after), 0);
    assert_false(after.c_lflag & ECHO);
    type(master, "\x03");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert_int_equal(tcgetattr(master, &after), 0);
    assert_true(after.c_lflag & ECHO);
    close(master);
    teardown(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(add_passwd_check_remove),
        T(the_default_scheme_is_yescrypt),
        T(a_random_password_is_printed_and_right),
        T(plain_006_names_and_passwords_are_prepared),
        T(mistakes_have_hints_and_statuses),
        T(bad_files_are_not_touched),
        T(weak_schemes_by_wish_only),
        T(help_is_on_the_standard_output),
        T(the_terminal_is_asked_twice_and_shows_nothing),
        T(two_that_differ_change_nothing),
        T(a_signal_puts_the_terminal_back),
    };

    return RUN(tests);
}
