/* The journal's files, as the settings have them: for the one process, and for the one of several that may write. */
#ifndef POSTFACH_ROLE_SETUP_JOURNAL_H
#define POSTFACH_ROLE_SETUP_JOURNAL_H

#include "base/log.h"
#include "conf/conf.h"
#include "sys/journal_file.h"

/* Made in any case, so that a reload can switch it on. *log is where trouble is told then; `process` stands in the
 * records of the sink. */
struct pf_journal_file *pf_setup_journal(const struct pf_conf *, struct pf_loop *, struct pf_pool *,
                                         struct pf_log **log, struct pf_err *err);
/* Other settings are in force. */
void pf_setup_journal_change(struct pf_journal_file *, const struct pf_conf *, struct pf_log **log);
/* For halls and docks; NULL where the settings want no journal. */
struct pf_journal_sink *pf_setup_journal_sink(struct pf_journal_file *, const struct pf_conf *);
/* Says that this process begins to write. Nothing is to be put before it is the user who owns the folder. */
void pf_setup_journal_begin(struct pf_journal_sink *);

#endif
