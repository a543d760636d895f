/* Handed: listening sockets that somebody else opened for us.
 *
 * systemd binds ports before the server is started (LISTEN_FDS, sd_listen_fds(3)), and a server that is
 * upgraded hands its own on to the program that takes its place. Either way nobody who connects in between is
 * turned away, and no root is needed. A socket is known by where it listens, so the order does not matter.
 *
 * What is handed to this process is taken once, at the start; it is close-on-exec and does not block from then on. */
#ifndef POSTFACH_SYS_HANDED_H
#define POSTFACH_SYS_HANDED_H

#include <postfach/err.h>
#include <stdbool.h>
#include <stddef.h>

struct pf_handed;

/* For the program that comes behind us: "FIRST:COUNT" of descriptors. */
#define PF_HANDED_VARIABLE "POSTFACH_LISTEN_FDS"
/* The places of those that lie in the file system, a line for each descriptor, empty for others: such a socket
 * was bound under another name than the one it has now (listen.h). */
#define PF_HANDED_PLACES "POSTFACH_LISTEN_PLACES"

/* All that were handed; the variables are removed from the environment. Before there are threads. NULL without
 * memory. */
struct pf_handed *pf_handed_new(struct pf_err *err);
/* The socket that listens at that numeric address and port (0: at any port, the first of that address), or at
 * that path; the caller's own. -1: none. NULL is allowed. */
int pf_handed_take(struct pf_handed *, const char *address, unsigned port);
/* How many nobody took. */
size_t pf_handed_left(const struct pf_handed *);
void pf_handed_free(struct pf_handed *); /* closes what is left; NULL is allowed */

#endif
