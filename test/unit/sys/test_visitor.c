#include "unit/cm.h"

#include "sys/visitor.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static void this_process_is_ours(void **state)
{
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(pf_visitor_is_ours(pair[0]));
    close(pair[0]);
    close(pair[1]);
    assert_false(pf_visitor_is_ours(pair[0]));
}

/* A listening socket without a name in the file system; its address. */
static int listening(struct sockaddr_un *address, socklen_t *len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *len = sizeof address->sun_family; /* the kernel finds a name */
    assert_int_equal(bind(fd, (struct sockaddr *)address, *len), 0);
    *len = sizeof *address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static bool ours_when_called_by(uid_t uid)
{
    struct sockaddr_un address;
    socklen_t len;
    int fd = listening(&address, &len), caller, status;
    pid_t child = fork();
    bool ours;

    assert_true(child >= 0);
    if (child == 0) {
        caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _exit(setresuid(uid, uid, uid) != 0 || connect(caller, (struct sockaddr *)&address, len) != 0);
    }
    caller = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    ours = pf_visitor_is_ours(caller);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(caller);
    close(fd);
    return ours;
}

static void others_are_not(void **state)
{
    (void)state;
    assert_true(ours_when_called_by(geteuid()));
    if (geteuid() == 0)
        assert_false(ours_when_called_by(NOBODY));
}

static void root_is_ours_whoever_we_are(void **state)
{
    struct sockaddr_un address;
    socklen_t len;
    int fd, caller, called;

    (void)state;
    if (geteuid() != 0)
        return;
    fd = listening(&address, &len);
    caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(caller, (struct sockaddr *)&address, len), 0);
    called = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(seteuid(NOBODY), 0);
    assert_true(pf_visitor_is_ours(called));
    assert_int_equal(seteuid(0), 0);
    close(called);
    close(caller);
    close(fd);
}

static void nobody_is_known_over_tcp(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), caller, called;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(fd, 1), 0);
    caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(caller, (struct sockaddr *)&address, len), 0);
    called = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(called >= 0);
    assert_false(pf_visitor_is_ours(called));
    close(called);
    close(caller);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(this_process_is_ours), T(others_are_not), T(root_is_ours_whoever_we_are),
                                       T(nobody_is_known_over_tcp)};

    return RUN(tests);
}
