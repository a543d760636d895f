/* Size: the wire size of a message file, by reading it once. */
#ifndef POSTFACH_STORE_MAILDIR_SIZE_H
#define POSTFACH_STORE_MAILDIR_SIZE_H

#include <stdint.h>

struct pf_maildir_measure {
    uint64_t size;
    int64_t mtime; /* nanoseconds */
    uint64_t wire;
};

/* 0, or an errno. A file that changes while it is read is read again; EBUSY when it does not stop. */
int pf_maildir_measure(int dir, const char *name, struct pf_maildir_measure *out_measure);

#endif
