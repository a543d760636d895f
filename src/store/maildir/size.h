/* Size: the wire size of a message file, by reading it once. */
#ifndef POSTFACH_STORE_MAILDIR_SIZE_H
#define POSTFACH_STORE_MAILDIR_SIZE_H

#include <stdbool.h>
#include <stdint.h>

struct pf_maildir_measure {
    uint64_t size;
    int64_t mtime; /* nanoseconds */
    uint64_t wire;
    bool squeezed; /* then size is that of the text, see squeeze.h */
};

/* 0, or an errno. A file that changes while it is read is read again; EBUSY when it does not stop;
 * EBADMSG when it is squeezed and damaged. */
int pf_maildir_measure(int dir, const char *name, struct pf_maildir_measure *out_measure);

/* Whether a file is squeezed; false also when it cannot be read. */
bool pf_maildir_is_squeezed(int dir, const char *name);

#endif
