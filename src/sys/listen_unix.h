/* Listening sockets in the file system; for listen.c alone. */
#ifndef POSTFACH_SYS_LISTEN_UNIX_H
#define POSTFACH_SYS_LISTEN_UNIX_H

#include "sys/listen.h"
#include <sys/types.h>

/* The socket as it was made, to know it again. */
struct pf_listen_unix {
    char *path; /* NULL: none */
    dev_t device;
    ino_t inode;
};

/* A socket that listens, in *out_fd. */
enum pf_code pf_listen_unix_open(const struct pf_listen_place *, struct pf_listen_unix *out_socket, int *out_fd,
                                 struct pf_err *err);
/* Removes it from the file system, unless another has taken its place. */
void pf_listen_unix_remove(struct pf_listen_unix *);

/* It stays where it is. */
void pf_listen_unix_leave(struct pf_listen_unix *);

#endif
