/* What the journal is told of a delivery by `postfach deliver` (base/journal.h). */
#ifndef POSTFACH_TOOL_DELIVER_JOURNAL_H
#define POSTFACH_TOOL_DELIVER_JOURNAL_H

#include "conf/conf.h"
#include "session/post_text.h"
#include "store/store.h"

struct pf_deliver_told {
    const struct pf_conf *conf;
    const struct pf_post_text *text;
    const char *sender, *recipient;
    const char *user, *path;            /* whose maildrop; or NULL */
    const struct pf_parcel_seal *seal;  /* it is there; or NULL: */
    const struct pf_err *why;           /* it is not */
};

/* Writes a record, where the settings want a journal. */
enum pf_code pf_deliver_journal(const struct pf_deliver_told *, struct pf_err *err);

#endif
