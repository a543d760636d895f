/* The loop: one thread's turn of events, on libuv.
 *
 * A process has as many loops as it has threads that wait for strangers (one,
 * in `postfachd --single`). The loop gives four things: the time (one reading
 * per turn), `later` (do this on a later turn of this loop), timers, and
 * signals. It knows no mail. Connections, listeners and pools are rooms of
 * their own that stand on it. libuv is named in sys/ only, and in none of its
 * headers' contracts.
 *
 * Law 4 of the house lives here: everything asked completes exactly once and
 * never inside the asking. pf_loop_later is how: a completion that is known
 * at once is still delivered on a later turn, first asked first served. */
#ifndef POSTFACH_SYS_LOOP_H
#define POSTFACH_SYS_LOOP_H

#include <postfach/err.h>
#include <stdbool.h>

struct pf_loop;

struct pf_loop *pf_loop_new(struct pf_err *err); /* NULL on failure */
/* Frees a loop on which nothing is left (asserted). */
void pf_loop_free(struct pf_loop *);
/* Runs until pf_loop_stop, or until nothing can happen any more. */
void pf_loop_run(struct pf_loop *);
/* One turn; waits for an event when `wait`. True while something is left. */
bool pf_loop_turn(struct pf_loop *, bool wait);
void pf_loop_stop(struct pf_loop *);
/* Milliseconds, monotonic; read once per turn. Never 0. */
pf_time pf_loop_now(const struct pf_loop *);
/* The same clock, read now. */
pf_time pf_loop_now_fresh(struct pf_loop *);

/* Embed it in what waits; owned by the asker, and busy from pf_loop_later
 * until `run` is called. */
struct pf_later {
    void (*run)(struct pf_later *);
    struct pf_later *next; /* private */
    bool queued;           /* private */
};

/* Calls later->run on a later turn. From the loop's own thread only. */
void pf_loop_later(struct pf_loop *, struct pf_later *);

/* A timer: at most one time set. `fire` is called once per set. */
struct pf_timer;
struct pf_timer *pf_timer_new(struct pf_loop *, void (*fire)(struct pf_timer *, void *), void *self);
void pf_timer_set(struct pf_timer *, pf_time at); /* PF_NEVER clears; the past fires on the next turn */
void pf_timer_clear(struct pf_timer *);
void pf_timer_free(struct pf_timer *); /* fire is not called afterwards; NULL is allowed */

/* A signal as an event. */
struct pf_signal;
struct pf_signal *pf_signal_new(struct pf_loop *, int number, void (*fire)(void *self, int number),
                                void *self, struct pf_err *err);
void pf_signal_free(struct pf_signal *);

/* For sys/ alone: the uv_loop_t. */
void *pf_loop_uv(struct pf_loop *);

/* For sys/ alone: what nobody owns any more but still has something to end (a connection that was
 * closed and drains its input). pf_loop_free calls `cut`, which must end and remove it. */
struct pf_loop_last {
    void (*cut)(struct pf_loop_last *);
    struct pf_loop *loop;             /* private, as the others */
    struct pf_loop_last *next, **link;
};
void pf_loop_last_add(struct pf_loop *, struct pf_loop_last *);
void pf_loop_last_remove(struct pf_loop_last *);
unsigned pf_loop_last_count(const struct pf_loop *);

#endif
