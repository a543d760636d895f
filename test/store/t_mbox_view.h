/* View: an mbox store as the conformance suite can see it.
 *
 * An mbox cannot hold every octet string: line ends become LF, a last line gets its end, notes of mail programs are
 * left out, and mboxo quotes for good. The suite asks for octets as they were given. So this twin stands in front
 * of the real one, works out by its own, naive means what an mbox has to make of each message, demands that the
 * store hands out exactly that with exactly its wire size, and then shows the suite the message it gave. */
#ifndef POSTFACH_TEST_STORE_T_MBOX_VIEW_H
#define POSTFACH_TEST_STORE_T_MBOX_VIEW_H

#include "store/conform.h"
#include "store/mbox/mbox.h"

/* Sets w->drive.store. */
bool view_make(struct world *, const struct pf_mbox_settings *);
/* Forgets the messages of this world. */
void view_forget(struct world *);

#endif
