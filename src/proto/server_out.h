/* The engine's output: a lent buffer, what of it was sent, an answer that is
 * held back, and octets that lie elsewhere and come behind the buffer's.
 *
 *     at         head          held_at        len         cap
 *     | sent     | may be sent | held back    | room      |
 *
 * Held back is the answer to RETR or TOP while it may still have to become a
 * clean -ERR. What is visible is never taken back and never changes (TLS may
 * have sealed it already); it only moves to the front, and only when that
 * costs no more than what was sent since, so that the work stays linear.
 *
 * What lies elsewhere (`ready`) is sent from there; until it is through nothing is written into the buffer. */
#ifndef POSTFACH_PROTO_SERVER_OUT_H
#define POSTFACH_PROTO_SERVER_OUT_H

#include <postfach/bytes.h>

struct pf_server_out {
    struct pf_span span; /* at is NULL: none is lent */
    size_t head;
    size_t held_at;
    bool holding;
    struct pf_bytes ready;
};

static inline bool pf_server_out_lent(const struct pf_server_out *o)
{
    return o->span.at != NULL;
}

static inline struct pf_bytes pf_server_out_bytes(const struct pf_server_out *o)
{
    size_t end = o->holding ? o->held_at : o->span.len;

    if (end == o->head && o->ready.len)
        return o->ready;
    return pf_bytes_from(o->span.at ? o->span.at + o->head : NULL, end - o->head);
}

/* All that will be sent as it stands there, in one or two pieces. */
static inline size_t pf_server_out_waiting(const struct pf_server_out *o)
{
    return (o->holding ? o->held_at : o->span.len) - o->head + o->ready.len;
}

/* True when `room` octets can be written now; moves what is pending if that helps. */
bool pf_server_out_room(struct pf_server_out *, size_t room);
void pf_server_out_sent(struct pf_server_out *, size_t n);
/* These come behind what is in the buffer, from where they lie. Nothing is held, and nothing was ready. */
void pf_server_out_follow(struct pf_server_out *, struct pf_bytes);
/* They will not be there any more: what of them was not sent never will be. */
void pf_server_out_forget(struct pf_server_out *);
/* Whatever is pending will never be sent. */
void pf_server_out_clear(struct pf_server_out *);

void pf_server_out_hold(struct pf_server_out *);
void pf_server_out_release(struct pf_server_out *);
/* Takes the held answer back; false when it is held no more. */
bool pf_server_out_roll_back(struct pf_server_out *);

#endif
