/* The journal of others: looks at what another process says happened (sys/journal_remote.h).
 *
 * A process that talks to strangers may have been taken over by one. It can then say what it likes of its own
 * sessions, as it could do with them what it likes; but it speaks for no other process, writes nothing that is no
 * record, and moves nothing to another day. Whoever does is to be dropped (pf_ipc_drop).
 *
 * How much a process says is not bounded here; what waits for the disk is (sys/journal_file.h). */
#ifndef POSTFACH_SYS_JOURNAL_SERVE_H
#define POSTFACH_SYS_JOURNAL_SERVE_H

#include "base/journal.h"

enum {
    /* ms that a record may have waited at its writer, which keeps it while this side is started anew */
    PF_JOURNAL_SERVE_OLD = 15 * 60 * 1000,
    PF_JOURNAL_SERVE_AHEAD = 5 * 1000 /* one machine has one clock; it may be set */
};

/* Puts the lines of a notice into `to`, as they are. NULL; or why the peer is to be dropped: the lines before the
 * bad one are in `to` then. `process` is the number under which this side knows the peer, `now` in ms since 1970. */
const char *pf_journal_serve(struct pf_journal_sink *to, uint64_t process, struct pf_bytes lines, int64_t now);

#endif
