/* Scan: one pass over an mbox file, which finds its messages.
 *
 * A message begins with a From_ line at the start of the file or behind an empty
 * line, and ends before the empty line that stands in front of the next. A
 * Content-Length may say that a From_ line within a body is text; when it is believed, length.h
 * says. While the octets pass, their wire size, a sum and a digest are made, so that the
 * file is read once. */
#ifndef POSTFACH_STORE_MBOX_SCAN_H
#define POSTFACH_STORE_MBOX_SCAN_H

#include "store/mbox/lines.h"
#include "store/mbox/lock.h"
#include "store/mbox/mails.h"

struct pf_mbox_scanner {
    int fd;
    const char *path;
    uint64_t size; /* where the file ends */
    const uint64_t *seed;
    bool unquote;  /* mboxrd */
    const struct pf_mbox_mails *known; /* where messages were listed before, perhaps wrong; or NULL */
};

/* Adds the messages from offset `from` on, which is 0 or that of a From_ line. UIDLs are those of
 * X-UIDL lines, not checked for uniqueness. PF_DAMAGED when this is no mbox. */
enum pf_code pf_mbox_scan(const struct pf_mbox_scanner *, uint64_t from, struct pf_mbox_mails *,
                          struct pf_err *err);

/* The same for a file that may be large: the dotlock is touched meanwhile. */
enum pf_code pf_mbox_scan_locked(const struct pf_mbox_scanner *, uint64_t from, struct pf_mbox_locks *,
                                 struct pf_mbox_mails *, struct pf_err *err);

/* Whether a From_ line stands at this offset; *out_sum its sum as in pf_mbox_mail. */
bool pf_mbox_from_stands(const struct pf_mbox_scanner *, uint64_t at, uint64_t *out_sum);

/* Whether a piece, behind an empty line, is a From_ line; `last`: the file ends with it. */
bool pf_mbox_is_from(const struct pf_mbox_piece *, bool last, int64_t *out_arrival);

#endif
