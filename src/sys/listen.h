/* The listener: accepts, counts, and hands sockets on.
 *
 * Accepts in small batches so that a flood cannot starve the guests already
 * here. Descriptors run out one day: a spare one is kept, given up to accept
 * and close the stranger in front, so that the loop does not spin (the
 * classic EMFILE trap). Counting per address and in all is `struct pf_guests`
 * (IPv6 by /64), shared by all listeners.
 *
 * A unix socket is made under another name, gets its permissions, and then
 * takes its place in one step, so that nobody meets it half made. What stands
 * there already is replaced only when it is a socket that nobody listens to any
 * more; it is removed at the end, when it is still the same. */
#ifndef POSTFACH_SYS_LISTEN_H
#define POSTFACH_SYS_LISTEN_H

#include "sys/loop.h"
#include <postfach/bytes.h>

struct pf_handed;
struct pf_listen;

#define PF_LISTEN_BOTH "any" /* one socket for all addresses of IPv4 and IPv6 */

struct pf_listen_place {
    const char *address; /* numeric: "127.0.0.1", "::", "0.0.0.0"; IPv6 sockets are IPv6 only; PF_LISTEN_BOTH; or the
                          * path of a unix socket, which begins with '/' */
    unsigned port;       /* 0 takes a free one */
    int backlog;
    unsigned mode;       /* of a unix socket: its permissions */
    struct pf_handed *handed; /* where it is taken from, if it is there (handed.h); NULL: opened in any case */
};

/* accept(self, fd) owns fd: non-blocking, close-on-exec. */
struct pf_listen *pf_listen_open(struct pf_loop *, const struct pf_listen_place *,
                                 void (*accept)(void *self, int fd), void *self, struct pf_err *err);
/* The same for a socket that listens already; it is taken over, also on failure. It may be one that other processes
 * accept from, too. Opens no file. */
struct pf_listen *pf_listen_adopt(struct pf_loop *, int fd, void (*accept)(void *self, int fd), void *self,
                                  struct pf_err *err);
/* Where several processes accept from one socket: while `full` says so others are let go first, and only who is not
 * taken by one of them is accepted here, to be told that there is no room. */
void pf_listen_yields(struct pf_listen *, bool (*full)(void *self));
unsigned pf_listen_port(const struct pf_listen *); /* the real one */
int pf_listen_fd(const struct pf_listen *);        /* to be handed on; it stays the listener's */
/* Another process has it, too: a unix socket stays in the file system when this listener goes. */
void pf_listen_leave(struct pf_listen *);
void pf_listen_pause(struct pf_listen *, bool paused);
void pf_listen_free(struct pf_listen *);

/* Who is here: bounded tables of addresses. */
struct pf_guests;
struct pf_guests *pf_guests_new(unsigned max_all, unsigned max_per_address);
void pf_guests_free(struct pf_guests *);
enum pf_guest { PF_GUEST_OK, PF_GUEST_FULL, PF_GUEST_TOO_MANY_HERE };
/* Counts one in; PF_GUEST_OK must be matched by one leave with the same address. NULL is nobody's address and
 * counts in all only. */
enum pf_guest pf_guests_enter(struct pf_guests *, const char *numeric_address);
void pf_guests_leave(struct pf_guests *, const char *numeric_address);
void pf_guests_limits(struct pf_guests *, unsigned max_all, unsigned max_per_address);
unsigned pf_guests_count(const struct pf_guests *);
bool pf_guests_full(const struct pf_guests *); /* of all; an address may have too many before */

#endif
