/* The carrier, as the files of serve_lmtp share it.
 *
 * Life: a socket comes in (serve_lmtp.c) -> perhaps a TLS handshake -> the
 * engine is made and turns run (serve_lmtp_carrier.c) -> depart closes the
 * connection and logs -> when the store holds nothing of its letters any more,
 * the carrier is freed on a later turn. */
#ifndef POSTFACH_SESSION_SERVE_LMTP_CARRIER_H
#define POSTFACH_SESSION_SERVE_LMTP_CARRIER_H

#include "session/post.h"
#include "session/serve_lmtp.h"
#include "session/shelf.h"
#include <postfach/lmtp_server.h>

/* Settings and certificates: one per reload, counted. */
struct pf_dock_generation {
    unsigned holds;
    struct pf_conf *conf;
    struct pf_tls *tls;                       /* or NULL */
    struct pf_lmtp_server_settings engines[]; /* one per listener */
};

void pf_dock_generation_free(struct pf_dock_generation *); /* gives one hold back */

struct pf_dock {
    struct pf_dock_parts parts;
    struct pf_dock_generation *generation;
    struct pf_carrier *carriers; /* list of those who are not gone */
    unsigned count;              /* all, also those who wait for the store */
    struct pf_stats *stats;      /* or NULL */
    struct pf_journal_sink *journal; /* or NULL */
    uint64_t letters;            /* so far, for their ids */
    struct pf_shelf shelf;
    struct pf_timer *grace;
    void (*emptied)(void *);
    void *emptied_self;
    struct pf_later emptied_later;
    bool closing;
};

/* A message under way, and a little longer when its connection is gone. */
struct pf_letter {
    struct pf_carrier *carrier;
    struct pf_post *post;
    struct pf_log *log;
    char *sender; /* or NULL */
    char id[40];
    pf_time began;
    unsigned untold; /* recipients; 0: the text has not begun */
    char address[64], via[12]; /* who brings it, and how */
    char *helo;      /* or NULL */
};

struct pf_carrier {
    struct pf_dock *dock;
    struct pf_carrier *next, *prev;
    struct pf_dock_generation *generation;
    struct pf_store *store; /* as it was when the carrier came */
    size_t listen;
    struct pf_conn *conn;
    struct pf_timer *timer;
    struct pf_lmtp_server *engine; /* NULL during a handshake before the greeting */
    pf_time came;
    unsigned char *in, *out, *text; /* from the shelf; text: un-stuffed, for the post */
    size_t in_at, in_len;
    bool question, eof, eof_told, handshaking, tls_wanted, close_wanted, gone;
    bool proxying;    /* before all else: waits for what the proxy in front says */
    bool writing;     /* the post writes a piece */
    bool seal_wanted; /* asked for while it still writes */
    const char *close;
    struct pf_lookup_ask lookup;
    bool looking;
    uint64_t rcpt_size; /* declared; 0 for unknown */
    struct pf_bytes rcpt_sender; /* only until the answer to RCPT */
    struct pf_letter *letter; /* the one under way */
    unsigned letters;         /* that the store still holds something of */
    unsigned messages, delivered, failed;
    struct pf_later again;
};

/* serve_lmtp.c */
void pf_dock_unlist(struct pf_carrier *);
void pf_dock_bury(struct pf_carrier *);

/* serve_lmtp_carrier.c */
void pf_carrier_begin(struct pf_carrier *);
void pf_carrier_wake(void *self, unsigned what);
void pf_carrier_turn(struct pf_carrier *);
void pf_carrier_tell(struct pf_carrier *, const struct pf_lmtp_tell *);
void pf_carrier_depart(struct pf_carrier *, const char *close, bool abrupt);
/* A turn of its own, soon: for answers, which may come from inside other work. */
void pf_carrier_soon(struct pf_carrier *);

/* serve_lmtp_letter.c: RCPT, BEGIN, text, SEAL, DROP */
void pf_carrier_ask_rcpt(struct pf_carrier *, const struct pf_lmtp_ask *);
void pf_carrier_ask_begin(struct pf_carrier *, const struct pf_lmtp_ask *);
void pf_carrier_write(struct pf_carrier *, struct pf_bytes text);
void pf_carrier_ask_seal(struct pf_carrier *);
void pf_carrier_drop(struct pf_carrier *);

/* serve_lmtp_journal.c */
struct pf_carrier_refused {
    struct pf_bytes recipient;
    const char *user;       /* or NULL */
    struct pf_bytes sender; /* where the letter does not know it yet */
};
void pf_carrier_journal_dropped(const struct pf_letter *); /* nobody gets it */
void pf_carrier_journal_delivered(const struct pf_letter *, const struct pf_post_stored *);
/* The letter may be NULL. */
void pf_carrier_journal_refused(const struct pf_carrier *, const struct pf_letter *, const struct pf_carrier_refused *,
                                const struct pf_err *);

#endif
