/* What the journal is told of a guest (base/journal.h), as things happen and not at the session's end: who is killed
 * in the middle of a session leaves what was fetched and deleted before.
 *
 * "Fetched whole" is said when the client's machine has taken the last octet of the message. An answer that the kernel
 * took from us proves nothing: a client that hangs up leaves it lying in a buffer. So each answer that ended waits in
 * a short list until octets sent, less those that the peer has not acknowledged, reach its end; that is looked at when
 * the next command comes, and at the end. */
#ifndef POSTFACH_SESSION_GUEST_JOURNAL_H
#define POSTFACH_SESSION_GUEST_JOURNAL_H

#include "base/journal.h"
#include <postfach/err.h>
#include <postfach/listing.h>

struct pf_guest_session;
struct pf_ask;

/* An answer to RETR or TOP that was sent to its dot; the box may be closed before it has arrived. */
struct pf_guest_answer {
    uint64_t end;    /* of it, counted in octets of the connection */
    uint64_t octets; /* of the message */
    int64_t at;      /* ms since 1970 */
    unsigned char uidl[PF_UIDL_MAX], uidl_len;
    bool top;
};

enum {
    PF_GUEST_ANSWERS = 8, /* that are on their way at once: but for pipelining it is one */
    PF_GUEST_ANSWERS_MOST = 1024 /* small messages that a socket's buffer holds; more are told unconfirmed */
};

struct pf_guest_journal {
    struct pf_journal_sink *sink; /* as it was when the maildrop was opened; NULL: nothing is told */
    struct pf_listing listing;    /* lives until the box is closed */
    int64_t opened;               /* ms since 1970 */
    char address[64], tls[32];    /* as they were then; the connection may be gone before the box */
    bool open;                    /* an answer is on its way, and has not got its dot yet */
    bool top;
    uint32_t index;               /* its message */
    uint64_t begin;               /* of its first line, counted like `end` */
    uint64_t before;              /* octets of messages that the engine had counted when it began */
    struct pf_guest_answer *answers;
    unsigned count, room;
};

/* The maildrop is open; so many were removed by their age. */
void pf_guest_journal_opened(struct pf_guest_session *);
/* RETR or TOP begins. */
void pf_guest_journal_body(struct pf_guest_session *, const struct pf_ask *);
/* The engine was told something, or its output moved: perhaps the answer has its dot now. */
void pf_guest_journal_look(struct pf_guest_session *);
/* The store failed in the middle. */
void pf_guest_journal_failed(struct pf_guest_session *, const struct pf_err *);
/* A command came, or the box is about to be closed. */
void pf_guest_journal_settle(struct pf_guest_session *);
/* What was marked is gone, or is not. */
void pf_guest_journal_expunged(struct pf_guest_session *, const struct pf_err *);
/* The connection is about to be closed. */
void pf_guest_journal_end(struct pf_guest_session *, bool abrupt);

#endif
