/* Frames: how two processes of Postfach talk, on a SOCK_SEQPACKET pair that stands on the loop.
 *
 * A frame is one datagram: a fixed head {mark, what, kind, id, length, how many descriptors}, a
 * payload, and perhaps descriptors beside it. The kernel keeps the borders, so that there is no
 * stream to fall out of step with. Three sorts: a request, which is answered exactly once; its
 * answer, by id; a notice, which nobody answers. What kinds and payloads mean is the business of who
 * talks; this room moves them, and takes nothing that is not exactly so.
 *
 * The peer may be in the hands of a stranger. So:
 *   - a head that is wrong in any way, an answer to nothing we asked, a request with an id that is
 *     still open, more open requests than there may be, a cut datagram, more descriptors than the
 *     head says or room is: the peer is dropped, and whatever descriptors came are closed;
 *   - ids name places in a table, never memory;
 *   - descriptors come close-on-exec (MSG_CMSG_CLOEXEC), and whatever the receiver of a frame did not take
 *     is closed when it returns;
 *   - memory is bounded: OPEN_MAX requests each way, of which each is open until its answer was taken, QUEUE frames
 *     that the socket did not take, and 16 MiB of answers, beyond which the peer is dropped.
 *
 * Law 4 of the house: what pf_ipc_ask took completes exactly once, on a later turn, also when the peer dies
 * or is dropped, or this end is closed: then with PF_TEMP. Frames that a peer sent before it died are
 * still read. Its death is noticed at once (end of file, or EPIPE) and told once, by `gone`, after the
 * open requests have completed.
 *
 * Credentials: the kernel says who made the pair (SO_PEERCRED): for a socketpair, the process that called
 * pf_ipc_pair. They are looked at once, when the end is taken over.
 *
 * Sizes: the longest thing that must cross whole is a step of a SASL exchange (64 KiB, auth/exchange.h)
 * with the names around it; message octets and listings travel in shared memory (sys/slot.h). A
 * datagram of that size fits the default socket buffer of Linux (208 KiB) with room for two more. */
#ifndef POSTFACH_SYS_IPC_H
#define POSTFACH_SYS_IPC_H

#include "sys/loop.h"
#include <postfach/bytes.h>
#include <sys/types.h>

struct pf_ipc;

enum {
    PF_IPC_PAYLOAD_MAX = 68 * 1024,
    PF_IPC_FDS_MAX = 4,     /* a listing, a slot arena, and two more */
    PF_IPC_OPEN_MAX = 1024, /* requests that wait for an answer, each way; beyond it guests wait for their turn */
    PF_IPC_QUEUE = 64       /* requests and notices that wait for a full socket; answers are not counted, since
                             * a request is open until its answer has left */
};

/* What goes and what comes. When it goes, payload and descriptors stay the sender's (they are
 * copied where they have to wait). When it comes, both live until the callback returns; whoever
 * keeps a descriptor puts -1 in its place. */
struct pf_ipc_frame {
    uint16_t kind;
    struct pf_bytes payload; /* an incoming one begins at an address that 8 divides */
    unsigned fd_count;
    int fds[PF_IPC_FDS_MAX];
};

/* A request. Embedded in its asker, who keeps it until `done` or pf_ipc_abandon. */
struct pf_ipc_ask {
    void (*done)(struct pf_ipc_ask *);
    const char *why;             /* out: NULL, or why there will be no answer; lives as the next */
    struct pf_ipc_frame *answer; /* out, without `why`; lives until `done` returns */
    struct pf_ipc *ipc;          /* private, as the other */
    uint64_t id;
};

struct pf_ipc_calls {
    /* To be answered once with pf_ipc_answer, now or later. */
    void (*request)(void *self, uint64_t id, struct pf_ipc_frame *);
    void (*notice)(void *self, struct pf_ipc_frame *);
    /* Once, with the reason for the log; what is left to do is pf_ipc_close. Not after pf_ipc_close. */
    void (*gone)(void *self, const struct pf_err *);
};

/* Who is at the other end, and who hears of it. */
struct pf_ipc_settings {
    const struct pf_ipc_calls *calls; /* `request` or `notice` NULL: such a frame drops the peer */
    void *self;
    bool any_uid; /* else the pair must have been made by `uid` */
    uid_t uid;
};

/* Both ends, close-on-exec and non-blocking. */
enum pf_code pf_ipc_pair(int out_fds[2], struct pf_err *err);
/* Takes over `fd`; on failure it is closed. PF_PERM: the wrong user made it; PF_CONFIG: it is no such socket. */
struct pf_ipc *pf_ipc_new(struct pf_loop *, int fd, const struct pf_ipc_settings *, struct pf_err *err);
/* For good, also inside a callback. Open requests complete with PF_TEMP on a later turn; `gone` is not
 * called; frames not yet sent are lost. */
void pf_ipc_close(struct pf_ipc *);
pid_t pf_ipc_pid(const struct pf_ipc *); /* who made the pair */

/* PF_OK: taken. Else not, and `done` will not be called: PF_BUSY (no room now), PF_TEMP (the peer is gone),
 * PF_TOO_LONG, PF_NO_MEMORY. */
enum pf_code pf_ipc_ask(struct pf_ipc *, struct pf_ipc_ask *, const struct pf_ipc_frame *);
/* The asker goes: `done` is not called, the answer is thrown away when it comes. Any ask that was taken and has
 * not completed. */
void pf_ipc_abandon(struct pf_ipc_ask *);
enum pf_code pf_ipc_notice(struct pf_ipc *, const struct pf_ipc_frame *);
/* Answers an open request (asserted). Always taken; where the peer is gone it has no effect, but after
 * pf_ipc_close nobody may answer any more: who works on requests forgets them then. */
void pf_ipc_answer(struct pf_ipc *, uint64_t id, const struct pf_ipc_frame *);
/* How many requests will be taken now; 0: wait until one completes. */
unsigned pf_ipc_room(const struct pf_ipc *);
/* The peer said something that it must not say: it is dropped as if the frame had been malformed. */
void pf_ipc_drop(struct pf_ipc *, const char *why);

#endif
