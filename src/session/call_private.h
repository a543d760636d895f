/* The inside of a call: call.c (life, and the pump between engine and connection), call_steps.c (what is
 * said before the owner may), call_login.c (mechanisms), call_why.c (why it ended, in sentences). */
#ifndef POSTFACH_SESSION_CALL_PRIVATE_H
#define POSTFACH_SESSION_CALL_PRIVATE_H

#include "session/call.h"
#include "sys/conn.h"
#include "sys/dial.h"
#include "sys/tls_client.h"

enum pf_call_stage {
    PF_CALL_DIALS,
    PF_CALL_SHAKES,    /* TLS */
    PF_CALL_OPENS,     /* greeting, and the first CAPA */
    PF_CALL_ASKS_TLS,  /* STLS was said */
    PF_CALL_ENCRYPTED, /* CAPA behind STLS */
    PF_CALL_LOGS_IN,
    PF_CALL_LOOKS, /* CAPA behind the login */
    PF_CALL_READY,
    PF_CALL_OVER
};

enum { PF_CALL_IN = 16 * 1024 /* a record of TLS */ };

struct pf_call_login;

struct pf_call {
    struct pf_loop *loop;
    struct pf_pool *pool;
    const struct pf_call_account *account;
    struct pf_call_calls calls;
    void *self;
    struct pf_pop3_client_settings set;

    enum pf_call_stage stage;
    struct pf_dial *dial;
    struct pf_conn *conn;
    struct pf_tls_client *tls;
    struct pf_pop3_client *engine;
    struct pf_timer *clock;   /* what is waited for has an end */
    struct pf_timer *kick;    /* something was said or let go outside of a turn */
    pf_time began, stage_end; /* of what is no answer of the server: handshake, a step of a mechanism */
    pf_time held_since, paused;      /* paused: how long it was held in all */
    bool wants_tls, held, eof, mute; /* mute: nothing can be written any more */
    unsigned depth;                  /* inside how many functions of ours */
    bool freed;

    unsigned char *secret;
    size_t secret_len;
    bool secret_asked, secret_here, wants_secret;
    struct pf_call_login *login; /* the exchange that runs, or NULL */
    size_t candidate;            /* of the mechanisms, in their order */
    bool spent;                  /* tls-exporter's value has served an exchange */
    bool looks;                  /* `ready` was called, and a CAPA of ours is on its way */

    struct pf_call_facts facts;
    struct pf_err io; /* what reading or writing said, or the reason of a mechanism */
    size_t in_len, in_at;
    unsigned char in[PF_CALL_IN];
};

/* Ends the call with this error, once; the owner hears of it and may free it. Nothing may touch it
 * afterwards but by pf_call_alive inside enter and leave. */
void pf_call_end(struct pf_call *, const struct pf_err *err);
void pf_call_fail(struct pf_call *, enum pf_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Neither freed nor over. */
bool pf_call_alive(const struct pf_call *);
/* The engine's time. */
pf_time pf_call_now(const struct pf_call *);
/* Takes what is there; `may_read`: from the connection, too. */
void pf_call_turn(struct pf_call *, bool may_read);
pf_time pf_call_since(const struct pf_call *);
/* A later turn looks at everything again. */
void pf_call_kick(struct pf_call *);
void pf_call_enter(struct pf_call *);
void pf_call_leave(struct pf_call *);

/* An event of the engine before `ready`. */
void pf_call_step(struct pf_call *, const struct pf_heard *);
/* Says one of our own commands; ends the call when the engine does not take it. */
bool pf_call_ask(struct pf_call *, const struct pf_pop3_command *);
/* The owner may speak now. */
void pf_call_ready(struct pf_call *);
/* CAPA, and what comes then. */
void pf_call_ask_capa(struct pf_call *, enum pf_call_stage);

/* Begins to log in; goes on when the secret is there; hears what concerns it. */
void pf_call_login_begin(struct pf_call *);
void pf_call_login_secret(struct pf_call *);
void pf_call_login_heard(struct pf_call *, const struct pf_heard *);
void pf_call_login_free(struct pf_call *);

/* One mechanism of those that may be tried (call_pick.c). */
struct pf_initiate_mechanism;
struct pf_call_pick {
    const char *name;                        /* in the table's letters; "USER", "APOP" */
    const struct pf_initiate_mechanism *row; /* NULL: no SASL */
    bool wants_secret;
};
/* The first from call->candidate on that can be used here and now; false when there is none, or the call
 * has ended. */
bool pf_call_pick(struct pf_call *, struct pf_call_pick *out_pick);
bool pf_call_is_encrypted(const struct pf_call *);

/* Ends the call: the handshake did not do. */
void pf_call_shake_failed(struct pf_call *, const struct pf_err *err);
/* What a second call could do without. */
void pf_call_note_lost(struct pf_call *, enum pf_lost lost);
/* LOST, as an error. */
void pf_call_why(const struct pf_call *, const struct pf_heard *, struct pf_err *out_err);

#endif
