/* The guest: one session, as the files of this room share it.
 *
 * Life: a socket comes in (hall.c) -> perhaps a look whether it speaks TLS at
 * once, perhaps a handshake (guest.c) -> the engine is made and turns run
 * (guest.c): feed, carry the body, begin what is asked, flush -> `depart`
 * closes the connection and logs -> when the store is through with the guest's
 * op and the box is closed, the guest is freed on a later turn.
 *
 * Who owns what: the guest owns its connection, engine, timer, exchange,
 * buffers, and the box once open. While an op or check is under way, the op and
 * what it points to (the engine's marks among it) belong to the store or to
 * auth; hence the engine lives until the guest is freed. */
#ifndef POSTFACH_SESSION_GUEST_H
#define POSTFACH_SESSION_GUEST_H

#include "auth/auth.h"
#include "session/guest_journal.h"
#include "session/holders.h"
#include "session/serve_pop3.h"
#include "session/shelf.h"
#include <postfach/pop3_server.h>

/* Settings, certificates and what engines read: one per reload, counted. */
struct pf_generation {
    unsigned holds;
    struct pf_conf *conf;
    struct pf_tls *tls; /* or NULL */
    struct pf_pop3_mechanism mechanisms[PF_AUTH_MECHANISMS];
    size_t mechanism_count;
    struct pf_profile {
        char greeting[300];  /* a host name has at most 255 octets */
        uint64_t mechanisms; /* those that may be offered, bits by their index */
        struct pf_door *door;
        struct pf_pop3_server_settings engine;
    } profiles[]; /* one per listener */
};

/* Who came in by one listener, counted over reloads. */
struct pf_door {
    unsigned holds;
    struct pf_guests *guests;
};

struct pf_hall {
    struct pf_hall_parts parts;
    struct pf_generation *generation;
    struct pf_guest_session *guests; /* list of those who are not gone */
    unsigned count;                  /* all, also those who wait for the store to finish */
    unsigned strangers;              /* not logged in yet */
    uint64_t served;
    uint32_t gate; /* which of several processes this is; 0: the only one */
    struct pf_stats *stats; /* or NULL */
    struct pf_journal_sink *journal; /* or NULL */
    struct pf_shelf shelf;
    struct pf_timer *grace;
    void (*emptied)(void *);
    void *emptied_self;
    struct pf_later emptied_later;
    struct pf_guest_session *holds; /* who has a box open (holders.h): thousands */
    struct pf_guest_session *waits; /* and who waits for one: few, and gone through whenever a box is closed */
    bool closing;
};

enum pf_guest_stage {
    PF_STAGE_PEEK,  /* waits a moment for a TLS client on a plain port */
    PF_STAGE_TLS,   /* handshake before the greeting */
    PF_STAGE_SERVE, /* the engine speaks */
    PF_STAGE_GONE   /* departed; waits for the store */
};

enum { PF_GUEST_STAMP = 300 }; /* numbers, and a host name of 255 octets */

/* What a session needs of a user as long as it lasts, in one piece of memory that is as large as the texts. */
struct pf_guest_user {
    const char *name, *maildrop;              /* maildrop: as the store knows it */
    const char *recipient, *master, *token;   /* as in struct pf_user; "" for none */
    uint64_t pass;
    bool no_delete, read_only;
    char texts[];
};

struct pf_guest_session {
    struct pf_hall *hall;
    struct pf_guest_session *next, *prev;
    struct pf_generation *generation;
    size_t listen;
    enum pf_guest_stage stage;
    struct pf_conn *conn;
    struct pf_timer *timer;
    struct pf_pop3_server *engine;
    pf_time came;
    uint64_t id;   /* of the process's sessions, from one */
    pf_time heard; /* when it last sent something */
    bool kicked;
    uint64_t received, sent; /* octets, without those of TLS */

    unsigned char *in; /* small buffer, only while octets wait in it */
    size_t in_at, in_len;
    unsigned char *out; /* lent to the engine */
    enum pf_shelf_size out_size;
    unsigned char *body; /* large buffer, only during BODY */
    size_t body_at, body_len;
    uint64_t body_offset; /* of the next read */
    uint32_t body_index;
    bool body_open;    /* between ask BODY and its tell */
    bool body_last;    /* the piece in hand ends the message */
    bool body_clean;

    bool question;     /* the engine waits for a tell other than BODY */
    bool eof, eof_told;
    bool handshaking;  /* STLS was answered, TLS is not up yet */
    bool tls_wanted, close_wanted; /* asked for, begin when output is empty */
    bool counted, stranger;
    struct pf_door *door; /* by which it is counted in */
    bool apart;           /* its address counts there alone */
    bool proxying; /* before all else: waits for what the proxy in front says (guest_proxy.c) */
    bool may_xclient; /* a proxy that may still say who its client is */
    char proxy_session[PF_XCLIENT_SESSION + 1]; /* its name for the session, or "" */
    bool nobody;   /* the proxy itself came, or did not say who: counted in all, not for an address */
    enum pf_close close;

    struct pf_guest_login *login; /* only while somebody logs in */
    bool exporter_spent;          /* tls-exporter's value serves one exchange only */
    pf_time login_began;
    const char *mechanism;        /* of the login under way or done, for the log */
    char *timestamp; /* APOP's, as it stood in the greeting, until it has served; or NULL */
    const struct pf_guest_user *user; /* who opened, or opens, a maildrop; until then one of empty texts */
    uint32_t login_delay;
    int32_t expire_days;

    struct pf_box *box;
    struct pf_hold hold;
    const struct pf_err *box_err; /* why the box is being closed, or what COMMIT failed with; or NULL */
    bool op_busy;
    pf_time op_began;
    enum { PF_AFTER_NOTHING, PF_AFTER_REFUSE, PF_AFTER_COMMIT } after_close;
    union {
        struct pf_box_open open;
        struct pf_box_read read;
        struct pf_box_expunge expunge;
        struct pf_box_close close;
    } op; /* one at a time */
    uint32_t removed, expired;
    struct pf_guest_journal journal;
    struct pf_later again, bury;
};

/* generation.c */
/* Where a listener stays, so do the counts of who is there. */
void pf_generation_follow(struct pf_generation *, const struct pf_generation *before);
void pf_door_free(struct pf_door *); /* gives one hold back; NULL is allowed */

/* guest.c */
void pf_guest_wake(void *self, unsigned what); /* for pf_conn_new */
void pf_guest_begin(struct pf_guest_session *);
void pf_guest_welcome(struct pf_guest_session *); /* whose address is known now */
void pf_guest_turn(struct pf_guest_session *);
void pf_guest_tell(struct pf_guest_session *, const struct pf_tell *);
void pf_guest_depart(struct pf_guest_session *, enum pf_close, bool abrupt);
pf_time pf_guest_now(const struct pf_guest_session *);
/* The administrator wants it gone: as if its connection had failed. From outside of its turns only. */
void pf_guest_kick(struct pf_guest_session *);

/* guest_login.c: PF_ASK_PASS, APOP, SASL, CANCEL, OPEN */
/* What the engine may offer on this connection now; with the greeting also APOP's timestamp. */
void pf_guest_offer(struct pf_guest_session *, bool greeting);
void pf_guest_ask_pass(struct pf_guest_session *, const struct pf_ask *);
void pf_guest_ask_apop(struct pf_guest_session *, const struct pf_ask *);
void pf_guest_ask_sasl(struct pf_guest_session *, const struct pf_ask *);
void pf_guest_ask_cancel(struct pf_guest_session *);
void pf_guest_ask_open(struct pf_guest_session *);
/* Ends what is under way, whatever it is. */
void pf_guest_drop_login(struct pf_guest_session *);
/* Whose maildrop is open; before that, the name that was tried last; or "". */
const char *pf_guest_name(const struct pf_guest_session *);
void pf_guest_user_init(struct pf_guest_session *);
void pf_guest_user_free(struct pf_guest_session *); /* and what else a login has left */

/* guest_box.c: BODY, COMMIT, and the end of a box */
void pf_guest_ask_body(struct pf_guest_session *, const struct pf_ask *);
bool pf_guest_carry_body(struct pf_guest_session *); /* true when something moved */
void pf_guest_ask_commit(struct pf_guest_session *, const struct pf_ask *);
void pf_guest_open_box(struct pf_guest_session *);
/* Logs and tells the engine that the maildrop was not opened. */
void pf_guest_refuse_open(struct pf_guest_session *, const struct pf_err *);
/* Closes the box where one is open and free of ops, then buries a guest who is gone. */
void pf_guest_release(struct pf_guest_session *);

/* guest_log.c */
void pf_guest_log_end(struct pf_guest_session *);
const char *pf_guest_end(const struct pf_guest_session *); /* the word for how it ended */
void pf_guest_log_login_failed(struct pf_guest_session *, const struct pf_err *, struct pf_bytes name);
void pf_guest_log_trouble(struct pf_guest_session *, const char *what, const struct pf_err *);
void pf_guest_log_tls_failed(struct pf_guest_session *, const struct pf_err *);

/* guest_count.c */
void pf_guest_count_end(struct pf_guest_session *, const char *end);
void pf_guest_count_login(struct pf_guest_session *, const struct pf_err *);
/* A call to the store that began at op_began is over. */
void pf_guest_count_op(struct pf_guest_session *, const char *operation, const struct pf_err *);

/* guest_proxy.c */
void pf_guest_proxy_begin(struct pf_guest_session *);
void pf_guest_proxy_wake(struct pf_guest_session *);
void pf_guest_proxy_late(struct pf_guest_session *);

/* guest_xclient.c */
/* A fresh guest: whether its word on others counts. */
void pf_guest_xclient_begin(struct pf_guest_session *);
void pf_guest_ask_xclient(struct pf_guest_session *, const struct pf_ask *);

/* hall.c */
/* Who was nobody until now has an address: counts it there; where there is no place, *out_why says so. */
void pf_hall_name(struct pf_guest_session *, struct pf_err *out_why);
/* Counts a guest in whose address was told; false: there is no place, which was logged and said. */
bool pf_hall_enter(struct pf_guest_session *);
void pf_hall_bury(struct pf_guest_session *);
void pf_hall_unlist(struct pf_guest_session *);

#endif
