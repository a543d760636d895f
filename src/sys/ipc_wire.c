#include "sys/ipc_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MARK = 0x50464652 /* "PFFR" */ };

/* One place more than there may be: so too many of them are seen as that, and not as cut. */
union control {
    struct cmsghdr align;
    char octets[CMSG_SPACE((PF_IPC_FDS_MAX + 1) * sizeof(int))];
};

void pf_ipc_close_fds(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
}

static void attach(struct msghdr *message, union control *control, const struct pf_ipc_frame *frame)
{
    struct cmsghdr *part;

    memset(control, 0, sizeof *control);
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(frame->fd_count * sizeof(int));
    part = CMSG_FIRSTHDR(message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(frame->fd_count * sizeof(int));
    memcpy(CMSG_DATA(part), frame->fds, frame->fd_count * sizeof(int));
}

enum pf_ipc_took pf_ipc_wire_send(int fd, const struct pf_ipc_head *wanted, const struct pf_ipc_frame *frame,
                                  int *out_sys)
{
    struct pf_ipc_head head = *wanted;
    struct iovec parts[2] = {{&head, sizeof head},
                             {(void *)(uintptr_t)frame->payload.at, frame->payload.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    union control control;
    ssize_t sent;

    head.mark = MARK;
    head.kind = frame->kind;
    head.fd_count = (uint8_t)frame->fd_count;
    head.length = (uint32_t)frame->payload.len;
    if (frame->fd_count)
        attach(&message, &control, frame);
    do
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return PF_IPC_TOOK;
    *out_sys = errno;
    return errno == EAGAIN || errno == EWOULDBLOCK ? PF_IPC_FULL : PF_IPC_BROKEN;
}

/* Puts what came into the frame as far as it has room, and closes the rest. False when there was anything but
 * one run of descriptors. */
static bool detach(struct msghdr *message, struct pf_ipc_frame *frame)
{
    bool good = true;

    frame->fd_count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            good = false;
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            int one;

            memcpy(&one, CMSG_DATA(part) + i * sizeof one, sizeof one);
            if (frame->fd_count < PF_IPC_FDS_MAX) {
                frame->fds[frame->fd_count++] = one;
            } else {
                close(one);
                good = false;
            }
        }
    }
    return good;
}

static const char *fault(const struct pf_ipc_head *head, size_t got, const struct pf_ipc_frame *frame)
{
    if (head->mark != MARK || head->zero || head->what < PF_IPC_REQUEST || head->what > PF_IPC_NOTICE)
        return "a frame with a wrong head";
    if (head->length != got - sizeof *head)
        return "a frame of another length than it says";
    if (head->fd_count != frame->fd_count)
        return "another number of descriptors than the frame says";
    if ((head->id == 0) != (head->what == PF_IPC_NOTICE))
        return "a frame with a wrong id";
    return NULL;
}

static const char *parse(const struct msghdr *message, size_t got, bool clean, struct pf_ipc_head *head,
                         struct pf_ipc_frame *frame)
{
    const unsigned char *buffer = message->msg_iov[0].iov_base;

    if (message->msg_flags & MSG_TRUNC)
        return "a frame that is too long";
    if (message->msg_flags & MSG_CTRUNC)
        return "descriptors that could not be taken";
    if (!clean)
        return "too many descriptors";
    if (got < sizeof *head)
        return "a frame without a whole head";
    memcpy(head, buffer, sizeof *head);
    frame->kind = head->kind;
    frame->payload = pf_bytes_from(buffer + sizeof *head, got - sizeof *head);
    return fault(head, got, frame);
}

/* A peer that died with frames of ours unread is told first, once, as ECONNRESET; what it sent is behind that. */
static ssize_t receive(int fd, struct msghdr *message)
{
    ssize_t got;
    int resets = 0;

    do
        got = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    return got;
}

enum pf_ipc_got pf_ipc_wire_receive(int fd, unsigned char *buffer, struct pf_ipc_head *out_head,
                                    struct pf_ipc_frame *out_frame, const char **out_why)
{
    struct iovec part = {buffer, PF_IPC_FRAME_MAX};
    union control control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got = receive(fd, &message);
    bool clean;

    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? PF_IPC_NOTHING : PF_IPC_END;
    clean = detach(&message, out_frame);
    /* An empty datagram looks like the end; nobody sends one who means well. */
    if (got == 0) {
        pf_ipc_close_fds(out_frame->fds, out_frame->fd_count);
        return PF_IPC_END;
    }
    *out_why = parse(&message, (size_t)got, clean, out_head, out_frame);
    if (!*out_why)
        return PF_IPC_GOT;
    pf_ipc_close_fds(out_frame->fds, out_frame->fd_count);
    return PF_IPC_BAD;
}
