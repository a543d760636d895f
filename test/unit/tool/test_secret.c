#include "unit/cm.h"

#include "tool/secret.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char folder[64], path[96];
static struct pf_secret secret;
static struct pf_err err;

static int make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pf-secret.XXXXXX");
    err = (struct pf_err){0};
    return mkdtemp(folder) ? snprintf(path, sizeof path, "%s/file", folder) < 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void put(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void is(enum pf_code code, const char *expected)
{
    assert_string_equal(err.log, "");
    assert_int_equal(code, PF_OK);
    assert_string_equal(secret.text, expected);
    assert_int_equal(secret.len, strlen(expected));
}

static void files_are_their_owners_alone(void **state)
{
    put("geheim\r\nrest", 0600);
    is(pf_secret_file(path, &secret, &err), "geheim");
    put("\n", 0600);
    assert_int_equal(pf_secret_file(path, &secret, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "the first line is empty"));
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(pf_secret_file(path, &secret, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "mode 604"));
    assert_int_equal(pf_secret_file(folder, &secret, &err), PF_CONFIG);
    assert_int_equal(pf_secret_file("/nowhere", &secret, &err), PF_AUTH);
    (void)state;
}

static enum pf_code run(const char *text, int64_t timeout)
{
    return pf_secret_run((const char *const[]){"/bin/sh", "-c", text, "x", NULL}, timeout, &secret, &err);
}

static void programs_are_bounded(void **state)
{
    is(pf_secret_run((const char *const[]){"printf", "%s", "a $(b) ;c", NULL}, 10000, &secret, &err), "a $(b) ;c");
    is(run("echo geheim; echo more", 10000), "geheim");
    assert_int_equal(run("exit 3", 10000), PF_AUTH);
    assert_non_null(strstr(err.log, "status 3"));
    assert_int_equal(run("kill -9 $$", 10000), PF_TEMP);
    assert_non_null(strstr(err.log, "signal 9"));
    assert_int_equal(run("echo", 10000), PF_AUTH);
    assert_int_equal(run("exec cat /dev/zero", 10000), PF_TEMP);
    assert_non_null(strstr(err.log, "prints too much"));
    assert_int_equal(run("echo part; sleep 100 & wait", 50), PF_TEMP);
    assert_non_null(strstr(err.log, "takes too long"));
    assert_int_equal(secret.len, 0);
    assert_int_equal(secret.text[0], 0);
    assert_int_equal(run("echo x; exec >&-; exec sleep 100", 50), PF_TEMP);
    assert_int_equal(pf_secret_run((const char *const[]){"/nowhere/x", NULL}, 100, &secret, &err), PF_CONFIG);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    (void)state;
}

static enum pf_code netrc(const char *text, const char *host, const char *user)
{
    err = (struct pf_err){0};
    pf_secret_wipe(&secret);
    return pf_secret_netrc(pf_bytes_of(text), host, user, &secret, &err);
}

static void netrc_is_read_strictly(void **state)
{
    static const char text[] =
        "# comment\nmachine a.org login joe password \"two \\\"words\\\\\"\n"
        "machine A.org\n\tlogin ann\n\tpassword secret#1\n account x\ndefault login any password d";

    is(netrc(text, "a.org", "joe"), "two \"words\\");
    is(netrc(text, "a.ORG", "ann"), "secret#1");
    is(netrc(text, "a.org", NULL), "two \"words\\");
    is(netrc(text, "b.org", "any"), "d");
    is(netrc("machine a password p", "a", "joe"), "p");
    assert_int_equal(netrc(text, "b.org", "joe"), PF_AUTH);
    assert_int_equal(netrc("", "b.org", "joe"), PF_AUTH);
    assert_int_equal(netrc("machine a login joe", "a", "joe"), PF_AUTH);
    assert_int_equal(netrc("machine a\npassword \"x\nlogin y", "a", NULL), PF_CONFIG);
    assert_string_equal(err.log, "netrc, line 2: a quote is not closed");
    assert_int_equal(netrc("machine a password my secret", "a", NULL), PF_CONFIG);
    assert_int_equal(netrc("machine a password x\nmacdef init", "a", NULL), PF_CONFIG);
    assert_non_null(strstr(err.log, "line 2: macros"));
    assert_int_equal(netrc("login x", "a", NULL), PF_CONFIG);
    assert_int_equal(netrc("machine", "a", NULL), PF_CONFIG);
    assert_int_equal(netrc("machine a password \"x\"y", "a", NULL), PF_CONFIG);
    assert_int_equal(netrc("machine a password \x01", "a", NULL), PF_CONFIG);
    (void)state;
}

static void one_source_is_asked(void **state)
{
    static const char *const words[] = {"echo", "from command", NULL};
    struct pf_account a = {.password = "plain"};
    struct pf_secret_way way = {.host = "h", .home = folder};

    is(pf_secret_get(&a, &way, &secret, &err), "plain");
    a = (struct pf_account){.password_command = words};
    is(pf_secret_get(&a, &way, &secret, &err), "from command");
    a = (struct pf_account){.token_command = words};
    is(pf_secret_get(&a, &way, &secret, &err), "from command");
    put("line\n", 0600);
    a = (struct pf_account){.password_file = path};
    is(pf_secret_get(&a, &way, &secret, &err), "line");
    a = (struct pf_account){.user = "joe", .netrc = true, .ask = true};
    assert_int_equal(pf_secret_get(&a, &way, &secret, &err), PF_AUTH);
    snprintf(path, sizeof path, "%s/.netrc", folder);
    err = (struct pf_err){0};
    put("machine h login joe password n", 0600);
    is(pf_secret_get(&a, &way, &secret, &err), "n");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(pf_secret_get(&a, &way, &secret, &err), PF_CONFIG);
    unlink(path);
    snprintf(path, sizeof path, "%s/file", folder);
    (void)state;
}

/* Reads what the terminal shows until `text`; nothing of the answer may be in it. */
static void expect(int master, const char *text)
{
    char seen[512];
    size_t len = 0;

    do {
        ssize_t got = read(master, seen + len, sizeof seen - 1 - len);

        assert_true(got > 0);
        len += (size_t)got;
        seen[len] = 0;
    } while (!strstr(seen, text));
    assert_null(strstr(seen, "hunter2"));
}

/* The child asks at the terminal; its status tells what it got. */
static pid_t ask(int *master, char name[64])
{
    int slave;
    pid_t pid;

    assert_int_equal(openpty(master, &slave, name, NULL, NULL), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        enum pf_code code = pf_secret_ask(name, "Password\x1b: ", &secret, &err);

        _exit(code == PF_OK && strcmp(secret.text, "hunter2") == 0 ? 7 : 8);
    }
    expect(*master, "Password?: ");
    close(slave);
    return pid;
}

static bool echoes(const char *name)
{
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios t;

    assert_int_equal(tcgetattr(fd, &t), 0);
    close(fd);
    return t.c_lflag & ECHO;
}

static void the_terminal_is_quiet_and_restored(void **state)
{
    char name[64];
    int master, status;
    pid_t pid = ask(&master, name);

    assert_false(echoes(name));
    assert_int_equal(write(master, "hunter2\n", 8), 8);
    expect(master, "\n");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_true(echoes(name));
    close(master);
    pid = ask(&master, name);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_true(echoes(name));
    close(master);
    assert_int_equal(pf_secret_ask("/nowhere", "x", &secret, &err), PF_AUTH);
    (void)state;
}

/* One answer of HTTP on a loopback port. */
static pid_t serve(const char *answer, unsigned *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char asked[4096] = "";
    size_t have = 0;
    pid_t pid;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len) | listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out_port = ntohs(address.sin_port);
    pid = fork();
    if (pid == 0) {
        int guest = accept(fd, NULL, NULL);
        ssize_t got = 1;

        while (got > 0 && !strstr(asked, "scope=a%20b")) {
            got = read(guest, asked + have, sizeof asked - 1 - have);
            have += got > 0 ? (size_t)got : 0;
        }
        dprintf(guest, "%s", answer);
        _exit(strstr(asked, "grant_type=refresh_token&refresh_token=old%2Btoken&client_id=me&scope=a%20b") ? 0 : 1);
    }
    close(fd);
    return pid;
}

static enum pf_code token(const char *answer)
{
    struct pf_account a = {.client_id = "me", .refresh_token_file = path, .token_scope = "a b"};
    struct pf_secret_way way = {.timeout = 10000};
    char url[64];
    unsigned port;
    int status;
    pid_t pid = serve(answer, &port);
    enum pf_code code;

    err = (struct pf_err){0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u/token", port);
    a.token_url = url;
    code = pf_secret_get(&a, &way, &secret, &err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return code;
}

static void a_token_is_had_for_a_refresh_token(void **state)
{
    static const char fine[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                               "{\"access_token\":\"abc.def\",\"refresh_token\":\"new\"}";
    static const char no[] = "HTTP/1.1 400 No\r\nConnection: close\r\n\r\n{\"error\":\"invalid_grant\"}";
    struct stat s;

    put("old+token\n", 0600);
    assert_int_equal(token(no), PF_AUTH);
    assert_non_null(strstr(err.log, "invalid_grant: the refresh token is no longer good"));
    assert_int_equal(token("HTTP/1.1 503 No\r\nConnection: close\r\n\r\n"), PF_TEMP);
    is(token(fine), "abc.def");
    is(pf_secret_file(path, &secret, &err), "new");
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    (void)state;
}

#define TF(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TF(files_are_their_owners_alone),
                                       TF(programs_are_bounded),
                                       TF(netrc_is_read_strictly),
                                       TF(one_source_is_asked),
                                       TF(the_terminal_is_quiet_and_restored),
                                       TF(a_token_is_had_for_a_refresh_token)};

    return RUN(tests);
}
