/* Rogue: a store that breaks one law, chosen by the test, and keeps all others.
 *
 * It has one maildrop of whatever listing the test sets. Reads give one octet
 * 'x' and end the message. */
#ifndef POSTFACH_TEST_ROGUE_H
#define POSTFACH_TEST_ROGUE_H

#include "store/store.h"

enum rogue_breach {
    ROGUE_NONE,
    ROGUE_DONE_INSIDE,     /* read: completes inside the call */
    ROGUE_DONE_TWICE,      /* read: completes again, at once */
    ROGUE_DONE_AGAIN,      /* read: completes again, after the first completion was delivered */
    ROGUE_GOT_TOO_MUCH,    /* read: more than there was room for */
    ROGUE_GOT_NOTHING,     /* read: nothing, without last */
    ROGUE_FAIL_WITH_LAST,  /* read: fails, and says got and last */
    ROGUE_FAIL,            /* read, write, seal: fail, as they may */
    ROGUE_OPEN_NO_BOX,     /* open, begin: success without box or parcel */
    ROGUE_OPEN_REFUSED,    /* open, begin: fail, as they may */
    ROGUE_CLOSE_FAILS,     /* close, drop */
    ROGUE_REMOVES_TOO_MUCH,
    ROGUE_REMOVES_TOO_LITTLE, /* expunge: success, but one less than was marked */
    ROGUE_BAD_UIDL            /* seal: a UIDL with a space */
};

struct rogue {
    struct pf_store base;
    enum rogue_breach breach;
    struct pf_listing listing;
    struct pf_box box;       /* one at a time */
    struct pf_parcel parcel; /* one at a time */
    struct pf_store_op *last;
    unsigned opens, closes; /* calls that arrived */
};

void rogue_init(struct rogue *, struct pf_loop *);

#endif
