/* serve_lmtp: mail comes in.
 *
 * One connection of a mail server is one *carrier*: a connection, an engine, and
 * the *letter* under way (post.h). This room carries what the engine asks to
 * whom it concerns: who a recipient is (auth), where the message goes (post,
 * store), TLS; and logs one event for each recipient and one for each
 * connection. Only users of this server are recipients: nothing is sent on.
 *
 * `struct pf_dock` is what all carriers of one loop share. */
#ifndef POSTFACH_SESSION_SERVE_LMTP_H
#define POSTFACH_SESSION_SERVE_LMTP_H

#include "auth/auth.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/stats.h"
#include "conf/conf.h"
#include "store/store.h"
#include "sys/conn.h"
#include "sys/tls.h"

struct pf_dock;

struct pf_dock_parts { /* owned by the role; all outlive the dock */
    struct pf_loop *loop;
    struct pf_log *log;
    struct pf_lookup *lookup;
    struct pf_store *store;
};

struct pf_dock *pf_dock_new(const struct pf_dock_parts *, struct pf_err *err);
void pf_dock_free(struct pf_dock *); /* only when no carrier is left; NULL is allowed */

/* As pf_hall_settings and pf_hall_change. */
enum pf_code pf_dock_settings(struct pf_dock *, struct pf_conf *, struct pf_tls *tls, struct pf_err *err);
void pf_dock_change(struct pf_dock *, struct pf_log *, struct pf_store *);

/* As pf_hall_stats. */
void pf_dock_stats(struct pf_dock *, struct pf_stats *);

/* As pf_hall_journal: what is delivered and refused from now on. */
void pf_dock_journal(struct pf_dock *, struct pf_journal_sink *);

/* A mail server at listener number `listen` of the settings; fd is taken over. */
void pf_dock_carrier(struct pf_dock *, int fd, size_t listen);

/* As pf_hall_close: what was begun ends, then 421. */
void pf_dock_close(struct pf_dock *, pf_time grace, void (*emptied)(void *), void *self);
bool pf_dock_full(const struct pf_dock *); /* who comes now is told that there is no room */
unsigned pf_dock_count(const struct pf_dock *);

#endif
