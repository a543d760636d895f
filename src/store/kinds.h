/* Kinds: one store for maildrops of every kind.
 *
 * A user's maildrop is a Maildir, an mbox, or whatever comes later; a
 * session, a delivery and a tool want to know nothing of it. This is a blocking
 * twin (lift.h) that holds one twin of each kind and sends `box_open` and `parcel_begin`
 * to the one that the path names in front (base/kind.h): "mbox:/var/mail/anna".
 * What it hands out then is the other twin's box or parcel in a thin shell.
 *
 * Server and tools make it here from the settings, so that a maildrop cannot have
 * two sets of locks, or its UIDLs in two places, by who asks. */
#ifndef POSTFACH_STORE_KINDS_H
#define POSTFACH_STORE_KINDS_H

#include "base/kind.h"
#include "conf/conf.h"
#include "conf/roots.h"
#include "store/lift.h"
#include "store/maildir/maildir.h"
#include "store/mbox/mbox.h"

struct pf_kinds_settings {
    struct pf_maildir_settings maildir;
    struct pf_mbox_settings mbox;
    const struct pf_conf *roots; /* whose roots (conf/roots.h) a refusal is explained by, or NULL */
};

/* What the settings say of stores. Strings are the settings' own. */
void pf_kinds_settings(const struct pf_conf *, struct pf_kinds_settings *out_settings);
/* True when a store made by `a` does not fit `b`. */
bool pf_kinds_differ(const struct pf_conf *a, const struct pf_conf *b);

/* Strings are copied. */
struct pf_twin *pf_kinds_new(const struct pf_kinds_settings *, struct pf_err *err);

/* The box within, for who must know its kind (pf_maildir_entry). */
const struct pf_twin_box *pf_kinds_box(const struct pf_twin_box *, enum pf_kind *out_kind);

#endif
