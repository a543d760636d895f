#include "unit/cm.h"

#include "role/crew.h"
#include "role/hire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs a line of shell as a child; what it writes to its channel. */
static void say(const char *line, char *out_text, size_t cap, int *out_status)
{
    char shell[] = "sh", option[] = "-c", text[400];
    char *const argv[] = {shell, option, text, NULL};
    struct pf_err err;
    size_t len = 0;
    ssize_t got;
    pid_t pid;
    int ends[2];

    snprintf(text, sizeof text, "%s", line);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pf_hire_start("/bin/sh", argv, ends[1], &pid, &err), PF_OK);
    close(ends[1]);
    while ((got = read(ends[0], out_text + len, cap - 1 - len)) > 0)
        len += (size_t)got;
    out_text[len] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, out_status, 0), pid);
}

static void a_child_has_its_channel_and_nothing_else_of_ours(void **state)
{
    char text[400];
    int status, zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), inherited = fcntl(zero, F_DUPFD, 50);

    (void)state;
    assert_int_equal(inherited, 50); /* as from who started us */
    pf_hire_cover();
    say("for fd in /proc/$$/fd/*; do echo ${fd##*/} $(readlink $fd); done | grep -c -e zero >&3; echo end >&3", text,
        sizeof text, &status);
    assert_string_equal(text, "0\nend\n");
    assert_int_equal(status, 0);
    close(inherited);
    close(zero);
}

static void it_does_not_hear_what_is_for_us(void **state)
{
    char text[400];
    int status;

    (void)state;
    setenv("NOTIFY_SOCKET", "/run/x", 1);
    setenv("POSTFACH_READY_FD", "9", 1);
    setenv("LANG_OF_TEST", "kept", 1);
    say("echo \"$NOTIFY_SOCKET$POSTFACH_READY_FD$LANG_OF_TEST\" >&3", text, sizeof text, &status);
    assert_string_equal(text, "kept\n");
    assert_string_equal(getenv("NOTIFY_SOCKET"), "/run/x");
}

static void programs_are_found_beside_us(void **state)
{
    char path[100];
    struct pf_err err;
    char *const argv[] = {NULL};
    pid_t pid;

    (void)state;
    assert_true(pf_hire_find("/bin/postfachd", "sh", path, sizeof path));
    assert_string_equal(path, "/bin/sh");
    assert_false(pf_hire_find("/bin/postfachd", "postfach-nothing", path, sizeof path));
    assert_false(pf_hire_find("", "sh", path, sizeof path));
    assert_false(pf_hire_find("/bin/postfachd", "sh", path, 3));
    assert_int_equal(pf_hire_start("/nowhere/postfach-gate", argv, 0, &pid, &err), PF_TEMP);
    assert_int_equal(err.sys, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_child_has_its_channel_and_nothing_else_of_ours),
        T(it_does_not_hear_what_is_for_us),
        T(programs_are_found_beside_us),
    };

    return RUN(tests);
}
