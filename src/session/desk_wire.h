/* What the desk and the other processes say to each other (frames of sys/ipc.h).
 *
 * The desk is the process that the administrator talks to; the others answer it:
 *
 *   SESSIONS  before(8)                   -> more(1), sessions, the highest number first
 *   KICK      number(8) name              -> count(4)
 *   STATS                                 -> figures (base/stats.h)
 *   BYE       figures, a notice: this process ends, and these are its last
 *
 * A gate may be in the hands of a stranger, and the desk has the administrator's
 * screen: what it reads is exactly of this form, texts are printable ASCII, and
 * numbers of sessions fall, so that a gate cannot tell of sessions for ever. The
 * desk itself is believed, but read as strictly. */
#ifndef POSTFACH_SESSION_DESK_WIRE_H
#define POSTFACH_SESSION_DESK_WIRE_H

#include "session/ctl_source.h"
#include "sys/ipc.h"

enum pf_desk_kind { PF_DESK_SESSIONS = 1, PF_DESK_KICK, PF_DESK_STATS, PF_DESK_BYE };

enum {
    PF_DESK_PAYLOAD_MAX = PF_IPC_PAYLOAD_MAX,
    /* state, 5 counters of 8 octets and 4 of 4, 4 texts with their length */
    PF_DESK_SESSION_MAX = 1 + 6 * 8 + 2 * 4 + 4 + PF_CTL_NAME_MAX + PF_CTL_ADDRESS_MAX + 15 + 15,
    PF_DESK_SESSIONS_HEAD = 1
};

/* Requests; each is read whole or not at all. */
void pf_desk_put_before(struct pf_span *, uint64_t before);
bool pf_desk_get_before(struct pf_bytes payload, uint64_t *out_before);
/* By number, or by name where the number is 0. False when there is no room. */
bool pf_desk_put_who(struct pf_span *, const struct pf_ctl_who *);
bool pf_desk_get_who(struct pf_bytes payload, struct pf_ctl_who *out_who);

/* Answers. */
bool pf_desk_put_session(struct pf_span *, const struct pf_ctl_session *); /* all or nothing */
/* The next session of *rest, whose number must be lower than `before` and not 0; false: it is none. */
bool pf_desk_get_session(struct pf_bytes *rest, uint64_t before, struct pf_ctl_session *out_session);
void pf_desk_put_count(struct pf_span *, uint32_t count);
bool pf_desk_get_count(struct pf_bytes payload, uint32_t *out_count);

#endif
