/* The visitor: who is at the other end of a unix socket, as the kernel knows him. */
#ifndef POSTFACH_SYS_VISITOR_H
#define POSTFACH_SYS_VISITOR_H

#include <stdbool.h>

/* True when the other process is root's, or of the same user as this one (SO_PEERCRED). */
bool pf_visitor_is_ours(int fd);

#endif
