#include "auth/auth_pam_kept.h"

#include "auth/auth_pam.h"
#include "auth/auth_pam_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

bool pf_pam_is_kept(void)
{
    int kind = 0;
    socklen_t len = sizeof kind;

    return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &kind, &len) == 0 && kind == SOCK_SEQPACKET;
}

/* True when it ended by itself until then. Nobody waits any more when who asked has gone. */
static bool ended(pid_t pid, int milliseconds)
{
    struct pollfd fds[] = {{.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN}, {.fd = STDIN_FILENO}};
    bool over = fds[0].fd >= 0 && poll(fds, 2, milliseconds) > 0 && (fds[0].revents & POLLIN);

    if (fds[0].fd >= 0)
        close(fds[0].fd);
    return over;
}

static void say(int status, const char *line, size_t len)
{
    unsigned char head[PF_PAM_HEAD] = {(unsigned char)((unsigned)status >> 24), (unsigned char)((unsigned)status >> 16),
                                       (unsigned char)((unsigned)status >> 8), (unsigned char)status};
    char text[PF_PAM_ANSWER_MAX];
    struct iovec parts[] = {{head, sizeof head}, {text, len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    memcpy(text, line, len);
    if (sendmsg(STDOUT_FILENO, &message, MSG_NOSIGNAL) < 0)
        _exit(PF_PAM_EXIT_TROUBLE);
}

/* Programs that a module started have sessions of their own (pam_exec(8)), so no signal to a group reaches them; but
 * when their parent has gone they are ours (PR_SET_CHILD_SUBREAPER). Those of a question that was late are killed. */
static void adopt(bool late)
{
    char list[512] = "";
    int fd = late ? open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len = fd >= 0 ? read(fd, list, sizeof list - 1) : 0;
    char *at = list, *end;

    if (fd >= 0)
        close(fd);
    list[len > 0 ? len : 0] = 0;
    for (long pid; (pid = strtol(at, &end, 10)) > 0 && *end; at = end) /* one that is cut off has no blank behind it */
        if (kill((pid_t)pid, SIGKILL) == 0)
            waitpid((pid_t)pid, NULL, 0);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* Until the child is reaped its group's number is nobody else's. */
static void attend(pid_t pid, int fd, int milliseconds)
{
    bool in_time = ended(pid, milliseconds);
    char line[PF_PAM_ANSWER_MAX];
    ssize_t got;
    int status = 0;

    kill(-pid, SIGKILL);
    kill(pid, SIGKILL); /* where it has not come to have a group */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    adopt(!in_time);
    got = recv(fd, line, sizeof line, MSG_DONTWAIT); /* written at once, and it has ended */
    say(in_time ? status : PF_PAM_LATE, line, in_time && got > 0 ? (size_t)got : 0);
}

/* True in the child. */
static bool divide(const unsigned char *question, size_t len, int milliseconds)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        _exit(PF_PAM_EXIT_TROUBLE);
    /* All of it fits into the socket's memory. */
    if (send(ends[0], question, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len || shutdown(ends[0], SHUT_WR) != 0)
        _exit(PF_PAM_EXIT_TROUBLE);
    pid = fork();
    if (pid < 0)
        _exit(PF_PAM_EXIT_TROUBLE);
    if (pid == 0) {
        setpgid(0, 0);
        return dup2(ends[1], STDIN_FILENO) >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0 && close(ends[0]) == 0 &&
               close(ends[1]) == 0;
    }
    setpgid(pid, pid); /* whoever is first */
    close(ends[1]);
    attend(pid, ends[0], milliseconds);
    close(ends[0]);
    return false;
}

bool pf_pam_kept(void)
{
    unsigned char room[PF_PAM_HEAD + PF_PAM_REQUEST_MAX + 1];
    ssize_t got;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    while ((got = recv(STDIN_FILENO, room, sizeof room, 0)) > PF_PAM_HEAD && got < (ssize_t)sizeof room) {
        uint32_t time = (uint32_t)room[0] << 24 | (uint32_t)room[1] << 16 | (uint32_t)room[2] << 8 | room[3];
        bool child = divide(room + PF_PAM_HEAD, (size_t)got - PF_PAM_HEAD, time > INT_MAX ? INT_MAX : (int)time);

        explicit_bzero(room, sizeof room);
        if (child)
            return true;
    }
    return false;
}
