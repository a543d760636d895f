/* Ctl's answers from all processes of the server, as one.
 *
 * The desk asks every process that has joined at the same time and waits a few
 * seconds for all of them together; who has not answered then is named in the
 * answer, and what the others told is told. Sessions are numbered gate.number and
 * stand with the oldest first. Figures are added up by the rules of
 * base/stats.def; who does not answer counts with what he told last, and who is
 * gone with what he counted, so that counters do not go back.
 *
 * A gate in the hands of a stranger can lie about its own sessions and figures,
 * and no further: what is not exactly of the form of desk_wire.h drops it, its
 * lines have their share of the memory, and its figures are those of gates.
 *
 * A reload is the keeper's business: the role is asked to begin one and tells how
 * it went, in its own time. Who asks while one runs may have changed the
 * settings since it began; so he waits for another. */
#ifndef POSTFACH_SESSION_DESK_REMOTE_H
#define POSTFACH_SESSION_DESK_REMOTE_H

#include "session/ctl_source.h"
#include "sys/loop.h"

enum {
    PF_DESK_ANSWER_WITHIN = 3000,  /* ms: a loop turns in less, unless its machine is in trouble */
    PF_DESK_RELOAD_WITHIN = 50000  /* ms: less than a caller of ctl waits */
};

struct pf_desk_remote_parts { /* owned by the role; all outlive it */
    struct pf_loop *loop;
    struct pf_stats *stats; /* the desk's own; the role sets start_time_seconds, the rest is done here */
    /* Asks the keeper for a reload; pf_desk_remote_reloaded is to be called for it, once, on a later turn. */
    void (*reload)(void *self);
    /* A process has left, for the log; `expected`: it said so before. NULL is allowed. */
    void (*gone)(void *self, const char *who, const struct pf_err *why, bool expected);
    void *self;
};

struct pf_ctl_source *pf_desk_remote_new(const struct pf_desk_remote_parts *, struct pf_err *err);
/* A process: its letter in base/stats.def (g, a, s; any other counts nothing), and its number, which no other of its
 * kind has or had. fd is the other end of what its pf_desk_serve_new got, and is taken over, also on failure. */
enum pf_code pf_desk_remote_join(struct pf_ctl_source *, char role, uint32_t number, int fd, struct pf_err *err);
unsigned pf_desk_remote_count(const struct pf_ctl_source *); /* how many are there */
/* How a reload went, with a line for each mistake (LF behind each); also of one that nobody asked for here. */
void pf_desk_remote_reloaded(struct pf_ctl_source *, bool good, struct pf_bytes lines);

#endif
