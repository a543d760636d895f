/* serve_pop3: an engine joined to the world.
 *
 * One session is one guest: a connection, an engine, a login, a box. This room
 * carries what the engine asks to whom it concerns (auth, store, TLS), moves
 * body octets from the store through the engine to the client, and writes one
 * log event at the end. It decides nothing of POP3 and nothing of mail.
 *
 * A guest costs little while it waits: buffers come from a shelf that all
 * guests of a loop share, at most three at once (input, stored octets,
 * output), and go back when they are empty.
 *
 * `struct pf_hall` is what all guests of one loop share. */
#ifndef POSTFACH_SESSION_SERVE_POP3_H
#define POSTFACH_SESSION_SERVE_POP3_H

#include "auth/auth.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/stats.h"
#include "conf/conf.h"
#include "store/store.h"
#include "sys/conn.h"
#include "sys/listen.h"
#include "sys/loop.h"
#include "sys/tls.h"

struct pf_hall;
struct pf_generation;

struct pf_hall_parts { /* owned by the role; all outlive the hall */
    struct pf_loop *loop;
    struct pf_log *log;
    struct pf_auth *auth;
    struct pf_store *store;
    struct pf_guests *guests;
};

struct pf_hall *pf_hall_new(const struct pf_hall_parts *, struct pf_err *err);
/* Only when no guest is left. */
void pf_hall_free(struct pf_hall *);

/* The settings and certificates that guests who come from now on are served with; both are held
 * here and by each guest. `tls` may be NULL. */
enum pf_code pf_hall_settings(struct pf_hall *, struct pf_conf *, struct pf_tls *tls, struct pf_err *err);

/* The same in two steps, of which only the first can fail: what several rooms take on is all new or all old. */
struct pf_generation *pf_generation_new(struct pf_conf *, struct pf_tls *, struct pf_err *err);
void pf_generation_free(struct pf_generation *); /* gives one hold back; NULL is allowed */
void pf_hall_take(struct pf_hall *, struct pf_generation *); /* owns it now */

/* Where those who come from now on are logged and served from; the old ones must outlive the guests
 * who are here: while any is, the settings he came under are held. */
void pf_hall_change(struct pf_hall *, struct pf_log *, struct pf_store *);

/* Where is counted; it outlives the hall. NULL, as at first: nowhere. */
void pf_hall_stats(struct pf_hall *, struct pf_stats *);

/* Where it is told what becomes of mails (guest_journal.h), for maildrops that are opened from now on; it outlives the
 * hall. NULL, as at first: nowhere. */
void pf_hall_journal(struct pf_hall *, struct pf_journal_sink *);

/* Which gate this is: ids of sessions in the log are gate.number, as the administrator sees them. 0, as at first: plain
 * numbers. */
void pf_hall_gate(struct pf_hall *, uint32_t number);

/* A stranger at listener number `listen` of the settings; fd is taken over. */
void pf_hall_guest(struct pf_hall *, int fd, size_t listen);

/* Ask every guest to leave: -ERR [SYS/TEMP] between answers; `emptied` is called when the last is
 * gone (on a later turn, also when there is none). After `grace` ms the rest is cut. */
void pf_hall_close(struct pf_hall *, pf_time grace, void (*emptied)(void *), void *self);
/* Whether a guest at that listener would be told that there is no room, whoever he is. */
bool pf_hall_full(const struct pf_hall *, size_t listen);
unsigned pf_hall_count(const struct pf_hall *);
uint64_t pf_hall_served(const struct pf_hall *);

#endif
