/* The sifted store: any store, with views of a maildrop by recipient.
 *
 * A box that is opened with `where.recipient` shows of the maildrop only the messages that were sent there
 * (SDPS: all who are at a host share its maildrop, and each may have a login of its own). It is a box like any
 * other: messages are counted from the first that it shows, sums are theirs, UIDLs are those of the whole
 * maildrop, the lock is the maildrop's. Without a recipient a box is passed on as it is, its listing too; and so is
 * all mail that comes in.
 *
 * To know whose a message is, its head is read (sifted_head.h) behind the open of the store below, a message
 * a turn or more: others are served in between, but a maildrop of many thousand messages keeps
 * such a login waiting, and nothing of it is kept for the next one.
 *
 * Caveats:
 *   - What a view does not show is shown by the whole maildrop. So in doubt a message is left out: without a
 *     field that names the recipient, with a damaged head, gone or changed in the meantime, or unreadable for ever
 *     (PF_GONE, PF_CHANGED, PF_DAMAGED, PF_PERM). Else people would be handed, and would delete, the mail of others;
 *     and one broken message of anybody's would lock all out.
 *   - Trouble that passes (PF_IO, PF_NO_MEMORY, PF_BUSY ...) fails the open: a listing with holes would make
 *     clients forget what they have and fetch it again.
 *   - A view never removes what it does not show: nothing expires when one is opened. */
#ifndef POSTFACH_STORE_SIFTED_H
#define POSTFACH_STORE_SIFTED_H

#include "store/store.h"

/* Takes over `inner`; NULL, and inner is freed, without memory. It is to stand in front of all other wrappers:
 * they take no recipient. */
struct pf_store *pf_sifted_new(struct pf_store *inner);

#endif
