/* Sizes: which of a session's messages may have been cut by their own lone dot (QS-006).
 *
 * A server that stuffs no dots ends a message where a line of it is a dot; the rest is lost, and the end
 * looks whole. What gives it away is that fewer octets came than LIST told. But servers count otherwise,
 * too (QS-007): lines as one octet more or less, a mark of a mail file, whole blocks. So it is asked
 * what this server does with all the others of the session:
 *   - most came with one octet a line more than told: it counts LF, and so is every size corrected;
 *   - any came with as much as told, or more: it counts right, and one that lacks octets is suspect,
 * unless it lacks no more than one for each line that begins with a dot (sizes with stuffing);
 *   - all lack octets: it is no suspect that lacks just one for each line, or no more than twice what
 * the middle one of at least four lacks. Who suspects too much leaves a message on a server; who
 * suspects too little deletes half a message. */
#ifndef POSTFACH_FETCH_COLLECT_SIZES_H
#define POSTFACH_FETCH_COLLECT_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pf_collect_size {
    bool came_whole; /* else the rest says nothing */
    uint64_t told;   /* PF_OCTETS_UNKNOWN: it was not */
    uint64_t came;
    uint64_t lines, dots; /* how many there are, and begin with a dot */
    bool suspect;         /* the answer */
};

/* Fills the answers; true when any message came with other octets than told. */
bool pf_collect_judge(struct pf_collect_size *sizes, size_t count);

#endif
