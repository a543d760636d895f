/* Length: may a Content-Length be believed?
 *
 * It says that lines within a body which look like From_ lines are text. Whoever sends a message can write one, so a
 * wrong one must not make two messages one: the second would not be listed, and go with the first. Mail readers (mutt
 * among them) believe one when a From_ line or the end of the file stands where it points; but a stranger who
 * sends two messages knows where the second ends. So it must also hold that nothing inside is known to be, or looks
 * like, the beginning of a message:
 *
 *   - a From_ line behind an empty line, and behind it a header field, an empty line or the end of the file: every
 *     delivery begins so (ours with Return-Path);
 *   - a From_ line where the state has the beginning of a message that was listed.
 *
 * What is left are From_ lines with prose behind them. A message that holds another with its From_ line and header,
 * unquoted (mboxcl2), reads as two: that costs nobody a message. The answer does not change by what comes
 * behind the end, or goes there: a message that was listed stays the same. */
#ifndef POSTFACH_STORE_MBOX_LENGTH_H
#define POSTFACH_STORE_MBOX_LENGTH_H

#include "store/mbox/scan.h"

struct pf_mbox_length {
    const struct pf_mbox_scanner *how;
    struct pf_mbox_locks *locks; /* or NULL */
    unsigned char *buffer;       /* PF_MBOX_BUFFER octets, lent */
    uint64_t beginning;          /* one that was found inside: it is not looked for again, so that a file full of
                                  * lengths that are all wrong is gone through twice, not once for each; 0: none */
};

/* 1: nothing before *out_end begins a message; 0: not to be believed; -1: errno. */
int pf_mbox_length_holds(struct pf_mbox_length *, uint64_t body_at, uint64_t length, uint64_t *out_end);

#endif
