/* The journal of a process that may open no file: records go to another one by notices.
 *
 * A sink like that of sys/journal_file.h: the lines of a turn go together in one frame, or in several when they are
 * many. While the other side is gone or takes nothing, they wait in bounded memory, and the oldest go. When some
 * went, a record `lost` says how many.
 *
 * The other side looks at what comes (sys/journal_serve.h). */
#ifndef POSTFACH_SYS_JOURNAL_REMOTE_H
#define POSTFACH_SYS_JOURNAL_REMOTE_H

#include "base/journal.h"
#include "sys/ipc.h"

struct pf_journal_remote;

struct pf_journal_remote_settings {
    uint16_t kind;      /* of the notices */
    uint64_t process;   /* the number under which the other side knows this one */
    size_t memory;      /* octets of lines that wait */
    int64_t (*now)(void); /* ms since 1970; NULL: the machine's clock */
};

struct pf_journal_remote *pf_journal_remote_new(struct pf_loop *, const struct pf_journal_remote_settings *,
                                                struct pf_err *err);
/* Where lines go from now on; NULL: they wait. To be told before that peer is closed. */
void pf_journal_remote_to(struct pf_journal_remote *, struct pf_ipc *);
struct pf_journal_sink *pf_journal_remote_sink(struct pf_journal_remote *);
/* What can be sent is sent; memory goes on a later turn of the loop. NULL is allowed. */
void pf_journal_remote_free(struct pf_journal_remote *);

#endif
