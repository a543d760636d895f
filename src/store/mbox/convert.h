/* Convert: a message as it came becomes text of an mbox.
 *
 * CRLF becomes LF where that cannot change what RETR will send: a CR that stands
 * in front of a line end keeps its own. Header lines that mail programs keep notes in (Status,
 * X-UID, X-IMAPbase, Content-Length and their kin) are left out, for a
 * stranger must not write them (MB-009, MB-014). Lines that begin with From are quoted. */
#ifndef POSTFACH_STORE_MBOX_CONVERT_H
#define POSTFACH_STORE_MBOX_CONVERT_H

#include "store/mbox/quote.h"

struct pf_mbox_convert {
    int from;      /* file with the message */
    uint64_t size; /* of it */
    int to;
    uint64_t at; /* in: where to begin; out: the end */
    bool mboxrd;
    int64_t when; /* for the From_ line */
};

/* Writes From_ line, text and the empty line that ends it. 0 or an errno. */
int pf_mbox_convert(struct pf_mbox_convert *);

#endif
