/* A page: what the server said of itself at one moment, as `postfach top` reads it.
 *
 * It is the answer to PF_TOP_REQUEST on the control socket, taken apart in place.
 * Every text in it is printable ASCII, whoever sent it: what is not becomes '?'. */
#ifndef POSTFACH_TOOL_TOP_PAGE_H
#define POSTFACH_TOOL_TOP_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PF_TOP_REQUEST "SESSIONS ALL\nMETRICS\n"

enum pf_top_field { /* of a line of SESSIONS ALL, in their order */
    PF_TOP_ID, PF_TOP_USER, PF_TOP_ADDRESS, PF_TOP_TLS, PF_TOP_STATE, PF_TOP_AGE, PF_TOP_IDLE, PF_TOP_MESSAGES,
    PF_TOP_OCTETS, PF_TOP_FETCHED, PF_TOP_RECEIVED, PF_TOP_SENT, PF_TOP_COMMAND, PF_TOP_FIELDS
};

struct pf_top_row {
    const char *text[PF_TOP_FIELDS];
    uint64_t number[PF_TOP_FIELDS]; /* of those that are numbers; of an id its last part */
    uint64_t gate;                  /* of an id what stands before the dot, or 0 */
};

struct pf_top_figures {
    double start, processes, silent, sessions, strangers, carriers, disk_queue, hash_queue; /* as they are */
    double logins, refused_logins, messages, octets, deliveries, refused_mail, delivered, failures; /* they grow */
};

struct pf_top_page {
    char *text;          /* owned */
    struct pf_top_row *rows;
    size_t count;
    struct pf_top_figures figures; /* messages and octets with those of the sessions that go on */
    const char *missing; /* who did not answer, or "" */
};

/* Takes over `text` (from malloc, with a NUL behind its `len` octets), also on failure; false: it is no whole answer,
 * or there is no memory. */
bool pf_top_page_read(struct pf_top_page *, char *text, size_t len);
void pf_top_page_done(struct pf_top_page *);

#endif
