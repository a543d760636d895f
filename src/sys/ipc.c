#include "sys/ipc_private.h"

#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
    FRAMES_A_WAKE = 32,          /* then the loop's other guests have their turn */
    FRAMES_OF_THE_DEAD = 4096,   /* read after a peer is gone: more than a socket buffer holds of the smallest ones */
    ANSWERS_MOST = 16 << 20,     /* octets that wait; who asks and does not read is dropped, who reads leaves few */
    SEND_BUFFER = 512 * 1024     /* asked for; Linux gives what net.core.wmem_max allows */
};

/* In the place of a request whose answer waits for the socket: the place is free when the answer has left. */
#define ANSWERED UINT64_MAX

static_assert((PF_IPC_OPEN_MAX & (PF_IPC_OPEN_MAX - 1)) == 0, "ids name places by their low bits");

/* A frame that waits for the socket; its descriptors are copies. */
struct waiting {
    struct waiting *next;
    struct pf_ipc_head head;
    struct pf_ipc_frame frame;
    unsigned char payload[];
};

struct place {
    uint64_t id;            /* 0: free */
    struct pf_ipc_ask *ask; /* NULL: abandoned */
};

struct pf_ipc {
    uv_poll_t poll;
    struct pf_loop *loop;
    struct pf_ipc_settings settings;
    struct ucred peer;
    int fd;      /* -1 once broken */
    int last_fd; /* what it was then; open until libuv has let go of it */
    bool mute;   /* it does not take frames any more; what it sent may still be there */
    int mute_sys; /* why not, an errno */
    bool broken; /* nothing comes or goes any more */
    bool told, closed;
    struct pf_later later;
    struct pf_err why;
    struct waiting *first, **end;
    unsigned queued;                  /* of those, requests and notices */
    size_t answers;                   /* of those, octets of answers */
    uint64_t generation;              /* makes ids that were not used before */
    struct place asked[PF_IPC_OPEN_MAX];
    uint16_t free[PF_IPC_OPEN_MAX];   /* a stack of free places */
    unsigned free_count;
    uint64_t incoming[PF_IPC_OPEN_MAX]; /* requests of the peer that are open, by place; 0: none */
    unsigned char *buffer;
};

static size_t place_of(uint64_t id)
{
    return (size_t)(id & (PF_IPC_OPEN_MAX - 1));
}

static void forget_waiting(struct waiting *one)
{
    pf_wipe(one->payload, one->frame.payload.len); /* a password may be in it */
    pf_ipc_close_fds(one->frame.fds, one->frame.fd_count);
    free(one);
}

static void forget_queue(struct pf_ipc *ipc)
{
    while (ipc->first) {
        struct waiting *one = ipc->first;

        ipc->first = one->next;
        forget_waiting(one);
    }
    ipc->end = &ipc->first;
    ipc->queued = 0;
    ipc->answers = 0;
}

static void soon(struct pf_ipc *ipc)
{
    if (!ipc->later.queued)
        pf_loop_later(ipc->loop, &ipc->later);
}

/* Nothing comes or goes from here on; the rest is told on a later turn. */
static void cut(struct pf_ipc *ipc)
{
    if (ipc->broken)
        return;
    ipc->broken = ipc->mute = true;
    uv_poll_stop(&ipc->poll);
    shutdown(ipc->fd, SHUT_RDWR);
    ipc->last_fd = ipc->fd;
    ipc->fd = -1;
    forget_queue(ipc);
    soon(ipc);
}

void pf_ipc_drop(struct pf_ipc *ipc, const char *why)
{
    if (!ipc->broken)
        pf_fail(&ipc->why, PF_PERM, 0, __func__, "process %d is dropped: it sent %s", (int)ipc->peer.pid, why);
    cut(ipc);
}

static void lost(struct pf_ipc *ipc, int sys)
{
    if (!ipc->broken)
        pf_fail(&ipc->why, PF_TEMP, sys, __func__, "the process at the other end is gone%s%s", sys ? ": " : "",
                sys ? strerror(sys) : "");
    cut(ipc);
}

static void free_place(struct pf_ipc *ipc, uint64_t id)
{
    ipc->asked[place_of(id)] = (struct place){0};
    ipc->free[ipc->free_count++] = (uint16_t)place_of(id);
}

static void take_answer(struct pf_ipc *ipc, uint64_t id, struct pf_ipc_frame *frame)
{
    struct place *place = &ipc->asked[place_of(id)];
    struct pf_ipc_ask *ask = place->ask;

    if (place->id != id) {
        pf_ipc_drop(ipc, "an answer to nothing");
        return;
    }
    free_place(ipc, id);
    if (!ask)
        return;
    ask->why = NULL;
    ask->answer = frame;
    ask->done(ask);
}

static void take_request(struct pf_ipc *ipc, uint64_t id, struct pf_ipc_frame *frame)
{
    uint64_t *place = &ipc->incoming[place_of(id)];

    if (!ipc->settings.calls->request || *place) {
        pf_ipc_drop(ipc, *place ? "a request in the place of an open one" : "a request, which is not its part");
        return;
    }
    *place = id;
    ipc->settings.calls->request(ipc->settings.self, id, frame);
}

static void take(struct pf_ipc *ipc, const struct pf_ipc_head *head, struct pf_ipc_frame *frame)
{
    if (head->what == PF_IPC_ANSWER)
        take_answer(ipc, head->id, frame);
    else if (head->what == PF_IPC_REQUEST)
        take_request(ipc, head->id, frame);
    else if (ipc->settings.calls->notice)
        ipc->settings.calls->notice(ipc->settings.self, frame);
    else
        pf_ipc_drop(ipc, "a notice, which is not its part");
    pf_ipc_close_fds(frame->fds, frame->fd_count);
}

static void receive(struct pf_ipc *ipc, unsigned frames)
{
    for (unsigned i = 0; i < frames && !ipc->broken; i++) {
        struct pf_ipc_head head;
        struct pf_ipc_frame frame = {0};
        const char *why = NULL;
        enum pf_ipc_got got = pf_ipc_wire_receive(ipc->fd, ipc->buffer, &head, &frame, &why);

        if (got == PF_IPC_NOTHING)
            return;
        if (got == PF_IPC_GOT)
            take(ipc, &head, &frame);
        else if (got == PF_IPC_BAD)
            pf_ipc_drop(ipc, why);
        else
            lost(ipc, 0);
    }
}

static void fail_all(struct pf_ipc *ipc)
{
    for (size_t i = 0; i < PF_IPC_OPEN_MAX; i++) {
        struct pf_ipc_ask *ask = ipc->asked[i].ask;

        if (!ipc->asked[i].id)
            continue;
        free_place(ipc, ipc->asked[i].id);
        if (!ask)
            continue;
        ask->answer = NULL;
        ask->why = ipc->why.log;
        ask->done(ask);
    }
}

static void freed(uv_handle_t *handle)
{
    struct pf_ipc *ipc = handle->data;

    free(ipc->buffer);
    free(ipc);
}

/* The turn after the end, or after the peer became mute. A `done` or `gone` may close this end: that asks for
 * one more turn, and only there it is freed. */
static void run_later(struct pf_later *later)
{
    struct pf_ipc *ipc = (struct pf_ipc *)((char *)later - offsetof(struct pf_ipc, later));
    bool closed = ipc->closed;

    if (!ipc->broken) {
        receive(ipc, FRAMES_OF_THE_DEAD);
        lost(ipc, ipc->mute_sys);
        return;
    }
    fail_all(ipc);
    if (closed) {
        /* libuv forgets a descriptor by its number here, so it must still be ours. */
        uv_close((uv_handle_t *)&ipc->poll, freed);
        close(ipc->last_fd);
    } else if (!ipc->closed && !ipc->told) {
        ipc->told = true;
        ipc->settings.calls->gone(ipc->settings.self, &ipc->why);
    }
}

static void send_waiting(struct pf_ipc *ipc);

static void wake(uv_poll_t *poll, int status, int events)
{
    struct pf_ipc *ipc = poll->data;

    /* It died with frames of ours unread. libuv has stopped watching: all that it sent is read now, or never. */
    if (status < 0) {
        receive(ipc, FRAMES_OF_THE_DEAD);
        lost(ipc, 0);
        return;
    }
    if (events & UV_READABLE)
        receive(ipc, FRAMES_A_WAKE);
    if (!ipc->mute && (events & UV_WRITABLE))
        send_waiting(ipc);
}

static void watch(struct pf_ipc *ipc)
{
    uv_poll_start(&ipc->poll, ipc->first ? UV_READABLE | UV_WRITABLE : UV_READABLE, wake);
}

static void mute(struct pf_ipc *ipc, int sys)
{
    ipc->mute = true;
    ipc->mute_sys = sys;
    forget_queue(ipc);
    watch(ipc);
    soon(ipc);
}

static void send_waiting(struct pf_ipc *ipc)
{
    while (ipc->first) {
        struct waiting *one = ipc->first;
        int sys;
        enum pf_ipc_took took = pf_ipc_wire_send(ipc->fd, &one->head, &one->frame, &sys);

        if (took == PF_IPC_FULL)
            return;
        if (took == PF_IPC_BROKEN) {
            mute(ipc, sys);
            return;
        }
        ipc->first = one->next;
        if (one->head.what == PF_IPC_ANSWER) {
            ipc->incoming[place_of(one->head.id)] = 0;
            ipc->answers -= one->frame.payload.len;
        } else {
            ipc->queued--;
        }
        forget_waiting(one);
    }
    ipc->end = &ipc->first;
    watch(ipc);
}

static bool copy_fds(const struct pf_ipc_frame *from, struct pf_ipc_frame *to)
{
    for (to->fd_count = 0; to->fd_count < from->fd_count; to->fd_count++) {
        int copy = fcntl(from->fds[to->fd_count], F_DUPFD_CLOEXEC, 0);

        if (copy < 0) {
            pf_ipc_close_fds(to->fds, to->fd_count);
            return false;
        }
        to->fds[to->fd_count] = copy;
    }
    return true;
}

static enum pf_code enqueue(struct pf_ipc *ipc, const struct pf_ipc_head *head, const struct pf_ipc_frame *frame)
{
    bool answer = head->what == PF_IPC_ANSWER;
    struct waiting *one;

    if (!answer && ipc->queued == PF_IPC_QUEUE)
        return PF_BUSY;
    one = calloc(1, sizeof *one + frame->payload.len);
    if (!one || !copy_fds(frame, &one->frame)) {
        free(one);
        return PF_NO_MEMORY;
    }
    one->head = *head;
    one->frame.kind = frame->kind;
    if (frame->payload.len)
        memcpy(one->payload, frame->payload.at, frame->payload.len);
    one->frame.payload = pf_bytes_from(one->payload, frame->payload.len);
    *ipc->end = one;
    ipc->end = &one->next;
    ipc->queued += !answer;
    ipc->answers += answer ? frame->payload.len : 0;
    watch(ipc);
    return PF_OK;
}

static enum pf_code send_frame(struct pf_ipc *ipc, const struct pf_ipc_head *head, const struct pf_ipc_frame *frame)
{
    int sys;

    assert(frame->fd_count <= PF_IPC_FDS_MAX);
    if (frame->payload.len > PF_IPC_PAYLOAD_MAX)
        return PF_TOO_LONG;
    if (ipc->mute)
        return PF_TEMP;
    if (ipc->first)
        return enqueue(ipc, head, frame);
    switch (pf_ipc_wire_send(ipc->fd, head, frame, &sys)) {
    case PF_IPC_TOOK:
        return PF_OK;
    case PF_IPC_FULL:
        return enqueue(ipc, head, frame);
    case PF_IPC_BROKEN:
        break;
    }
    mute(ipc, sys);
    return PF_TEMP;
}

enum pf_code pf_ipc_ask(struct pf_ipc *ipc, struct pf_ipc_ask *ask, const struct pf_ipc_frame *frame)
{
    struct pf_ipc_head head = {.what = PF_IPC_REQUEST};
    enum pf_code code;
    size_t at;

    if (!ipc->mute && !ipc->free_count)
        return PF_BUSY;
    at = ipc->mute ? 0 : ipc->free[ipc->free_count - 1];
    head.id = ++ipc->generation * PF_IPC_OPEN_MAX + at;
    code = send_frame(ipc, &head, frame);
    if (code != PF_OK)
        return code;
    ipc->free_count--;
    ipc->asked[at] = (struct place){head.id, ask};
    ask->ipc = ipc;
    ask->id = head.id;
    ask->answer = NULL;
    return PF_OK;
}

void pf_ipc_abandon(struct pf_ipc_ask *ask)
{
    struct place *place = &ask->ipc->asked[place_of(ask->id)];

    assert(place->id == ask->id && place->ask == ask);
    place->ask = NULL;
}

enum pf_code pf_ipc_notice(struct pf_ipc *ipc, const struct pf_ipc_frame *frame)
{
    return send_frame(ipc, &(struct pf_ipc_head){.what = PF_IPC_NOTICE}, frame);
}

/* An answer that cannot be kept would leave the peer waiting for ever: it is better told that we are gone. */
void pf_ipc_answer(struct pf_ipc *ipc, uint64_t id, const struct pf_ipc_frame *frame)
{
    enum pf_code code;

    assert(id && ipc->incoming[place_of(id)] == id);
    code = send_frame(ipc, &(struct pf_ipc_head){.what = PF_IPC_ANSWER, .id = id}, frame);
    assert(code != PF_TOO_LONG);
    ipc->incoming[place_of(id)] = ipc->first ? ANSWERED : 0;
    if (code == PF_NO_MEMORY)
        lost(ipc, ENOMEM);
    else if (ipc->answers > ANSWERS_MOST)
        pf_ipc_drop(ipc, "requests, and takes no answers");
}

unsigned pf_ipc_room(const struct pf_ipc *ipc)
{
    unsigned room = PF_IPC_QUEUE - ipc->queued;

    if (ipc->mute || ipc->closed)
        return 0;
    return room < ipc->free_count ? room : ipc->free_count;
}

pid_t pf_ipc_pid(const struct pf_ipc *ipc)
{
    return ipc->peer.pid;
}

enum pf_code pf_ipc_pair(int out_fds[2], struct pf_err *err)
{
    static const int buffer = SEND_BUFFER;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, __func__, "cannot make a pair of sockets: %s",
                       strerror(errno));
    for (int i = 0; i < 2; i++) {
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        out_fds[i] = fds[i];
    }
    return PF_OK;
}

static enum pf_code look(int fd, const struct pf_ipc_settings *settings, struct ucred *out, struct pf_err *err)
{
    int domain = 0, type = 0;
    socklen_t len = sizeof domain, type_len = sizeof type, out_len = sizeof *out;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 || type != SOCK_SEQPACKET ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, out, &out_len) != 0)
        return pf_fail(err, PF_CONFIG, 0, __func__, "descriptor %d is no socket for frames", fd);
    if (!settings->any_uid && out->uid != settings->uid)
        return pf_fail(err, PF_PERM, 0, __func__, "the socket for frames belongs to uid %u, not %u",
                       (unsigned)out->uid, (unsigned)settings->uid);
    return PF_OK;
}

static struct pf_ipc *made(struct pf_loop *loop, int fd, const struct pf_ipc_settings *settings)
{
    struct pf_ipc *ipc = calloc(1, sizeof *ipc);

    if (!ipc)
        return NULL;
    ipc->loop = loop;
    ipc->settings = *settings;
    ipc->fd = fd;
    ipc->later.run = run_later;
    ipc->end = &ipc->first;
    ipc->buffer = malloc(PF_IPC_FRAME_MAX);
    for (unsigned i = PF_IPC_OPEN_MAX; i > 0; i--)
        ipc->free[ipc->free_count++] = (uint16_t)(i - 1);
    if (ipc->buffer && uv_poll_init(pf_loop_uv(loop), &ipc->poll, fd) == 0)
        return ipc;
    free(ipc->buffer);
    free(ipc);
    return NULL;
}

struct pf_ipc *pf_ipc_new(struct pf_loop *loop, int fd, const struct pf_ipc_settings *settings, struct pf_err *err)
{
    struct ucred peer;
    struct pf_ipc *ipc;

    assert(settings->calls && settings->calls->gone);
    if (look(fd, settings, &peer, err) != PF_OK) {
        close(fd);
        return NULL;
    }
    ipc = made(loop, fd, settings);
    if (!ipc) {
        close(fd);
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for frames");
        return NULL;
    }
    ipc->peer = peer;
    ipc->poll.data = ipc;
    watch(ipc);
    return ipc;
}

void pf_ipc_close(struct pf_ipc *ipc)
{
    assert(!ipc->closed);
    ipc->closed = true;
    if (!ipc->broken)
        pf_fail(&ipc->why, PF_TEMP, 0, __func__, "this end was closed");
    cut(ipc);
    soon(ipc);
}
