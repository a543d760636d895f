/* Unix sockets for threads that may wait, but only until a deadline: what clients of other servers' doors need. */
#ifndef POSTFACH_AUTH_AUTH_SOCKET_H
#define POSTFACH_AUTH_AUTH_SOCKET_H

#include <postfach/bytes.h>
#include <postfach/err.h>

#include <sys/types.h>

/* Whether the path fits into an address: PF_OK or PF_CONFIG. `kind` is whose it is, for texts. */
enum pf_code pf_socket_look(const char *kind, const char *path, struct pf_err *err);
/* A connected stream socket, or -1 with err: PF_TEMP. */
int pf_socket_connect(const char *kind, const char *path, pf_time deadline, struct pf_err *err);
/* All of it, or false with errno (ETIMEDOUT when it was too late). */
bool pf_socket_send(int fd, struct pf_bytes bytes, pf_time deadline);
/* What there is, at least an octet; 0 at the end; -1 with errno. */
ssize_t pf_socket_receive(int fd, void *at, size_t cap, pf_time deadline);

#endif
