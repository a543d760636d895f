/* The POP3 server engine: RFC 1939 and its family without a socket.
 *
 * Bytes go in (`feed`), bytes come out (`out`, `sent`). Whatever the engine
 * cannot decide from its own state it asks for (`ask`), one question at a
 * time, and the world answers (`tell`). The engine has no clock (every door
 * that needs the time is given it), no file, no socket, no callback and no
 * global state: the server, a test and a fuzzer drive it in the same way.
 *
 *     for (;;) {
 *         taken = pf_pop3_server_feed(e, input, now);    -- drop `taken` octets
 *         if (pf_pop3_server_ask(e, &ask)) ...           -- begin it; tell() later
 *         send pf_pop3_server_out(e); pf_pop3_server_sent(e, n, now);
 *     }
 *
 * Laws:
 *   - While a question is open the engine takes no input: what a client sent
 *     ahead (pipelining) simply stays with the caller.
 *   - A question is shown by `ask` exactly once and answered by exactly one
 *     `tell` of the same kind. PF_ASK_CLOSE has no answer: it is the last one,
 *     but for a second CLOSE with PF_CLOSE_STALL when the client does not take
 *     what is to be flushed. A tell behind CLOSE changes nothing.
 *   - A question is to be carried out at once, except PF_ASK_TLS and
 *     PF_ASK_CLOSE, which begin only when `out` is empty.
 *   - The final dot of a message is written in one place, and only after the
 *     store vouched for the whole body (tell BODY with PF_OK) and the octets
 *     that were sent equal the listing's. Else the engine asks CLOSE without a
 *     dot, or, when nothing of the answer has left yet, answers -ERR. DELE of
 *     such a message is refused from then on.
 *   - "+OK" to RETR is held back together with the body until the body is
 *     complete or the output buffer is full, so that a short message that
 *     cannot be read gives a clean -ERR.
 *   - +OK to QUIT in TRANSACTION is written only after tell COMMIT with PF_OK.
 *   - Secrets (`ask.secret`, SASL responses) are wiped inside the engine when
 *     the answer is told. The caller wipes its own input buffer
 *     (pf_pop3_server_secret_taken says when).
 *
 * Output goes into a buffer that the caller lends (`lend`) and takes back
 * (`unlend`) when nothing is pending, so that ten thousand idle sessions
 * share a few buffers. Without a buffer the engine takes no input. */
#ifndef POSTFACH_POP3_SERVER_H
#define POSTFACH_POP3_SERVER_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/listing.h>
#include <postfach/public.h>
#include <postfach/xclient.h>

PF_PUBLIC_BEGIN

struct pf_pop3_server;

enum {
    PF_EXPIRE_NEVER = -1,
    PF_POP3_OUT_MIN = 4096 /* smallest buffer that may be lent */
};

struct pf_pop3_mechanism {
    const char *name; /* upper case, 1..20 of A-Z 0-9 - _ (RFC 5034 section 4) */
    bool plaintext;   /* shows the password to the wire: needs TLS unless allowed */
};

/* Settings. One object serves all engines of a generation and must outlive
 * them; the engine only reads it. */
struct pf_pop3_server_settings {
    const char *greeting;       /* text behind "+OK POP3 ", printable ASCII, no '<' */
    const char *implementation; /* capability IMPLEMENTATION, one token, or NULL for none */
    const struct pf_pop3_mechanism *mechanisms;
    size_t mechanism_count;
    bool stls;            /* a certificate is loaded and this listener offers STLS */
    bool plaintext_login; /* passwords are accepted without TLS */
    bool last;            /* LAST is answered (RFC 1460) */
    /* What CAPA announces before login; PF_TELL_OPEN gives the user's own values. */
    int32_t expire_days; /* PF_EXPIRE_NEVER or days; the smallest of all users */
    bool expire_differs; /* announce "USER" behind it before login */
    uint32_t login_delay; /* seconds, the largest of all users; 0: not announced */
    bool login_delay_differs;
    /* Limits. Octets of a line include its CRLF. */
    size_t line_max;            /* command line, at least 255 (RFC 2449 section 4) */
    size_t sasl_line_max;       /* AUTH with initial response, and responses */
    unsigned bad_before_login;  /* errors in a row that end the session, before login */
    unsigned bad_after_login;   /* the same after login */
    unsigned login_tries;       /* failed logins that end the session */
    unsigned sasl_rounds;       /* challenges in one exchange */
    /* Times in milliseconds. */
    pf_time first_command_time; /* greeting to first command */
    pf_time login_time;         /* greeting to successful login */
    pf_time idle_time;          /* between commands after login; >= 600,000 by RFC 1939 */
    pf_time stall_time;         /* a client that takes no output */
};

/* Fills in the defaults that protocols and practice ask for (no STLS, no
 * plaintext login, no mechanisms, expire never, LAST on, 1024 / 65536 octets,
 * 10 / 20 errors, 10 tries, 16 rounds, 60 s / 180 s / 600 s / 600 s). */
void pf_pop3_server_settings_init(struct pf_pop3_server_settings *out_settings);

enum pf_ask_kind {
    PF_ASK_PASS,   /* check name and secret (USER and PASS)            -> tell AUTH */
    PF_ASK_APOP,   /* check name and digest (`secret`, as it came)      -> tell AUTH */
    PF_ASK_SASL,   /* one step of a SASL exchange                      -> tell AUTH or CHALLENGE */
    PF_ASK_CANCEL, /* drop the SASL exchange; has no answer            */
    PF_ASK_OPEN,   /* lock and list the maildrop of who logged in      -> tell OPEN */
    PF_ASK_TLS,    /* start TLS as the server when `out` is empty      -> tell TLS */
    PF_ASK_BODY,   /* feed message `index` through pf_pop3_server_body -> tell BODY */
    PF_ASK_XCLIENT, /* a proxy says who the client is (XCLIENT)         -> tell XCLIENT */
    PF_ASK_COMMIT, /* remove, mark, close the maildrop, unlock         -> tell COMMIT
                      (where EXPIRE is 0, shown only when all output was taken) */
    PF_ASK_CLOSE   /* flush `out`, then close the connection           (no answer) */
};

enum pf_close {
    PF_CLOSE_QUIT,        /* QUIT was answered */
    PF_CLOSE_EOF,         /* the client ended its input */
    PF_CLOSE_IDLE,        /* no command for too long (no text is sent, RFC 1939 section 3) */
    PF_CLOSE_LOGIN_TIME,  /* not logged in in time */
    PF_CLOSE_STALL,       /* the client does not take output: close without flushing */
    PF_CLOSE_BAD,         /* too many bad commands */
    PF_CLOSE_TRIES,       /* too many failed logins */
    PF_CLOSE_BODY,        /* a message could not be sent whole */
    PF_CLOSE_TLS,         /* TLS could not be started */
    PF_CLOSE_SMUGGLE,     /* input was pipelined behind STLS (TLS-005) */
    PF_CLOSE_TLS_ON_PLAIN,/* the client spoke TLS to a port that starts in plain text */
    PF_CLOSE_SHUTDOWN,    /* the server is going down */
    PF_CLOSE_REFUSED,     /* refused at the greeting */
    PF_CLOSE_MEMORY,      /* no memory to go on */
    PF_CLOSE_YIELDED      /* an idle session made room for another one of the same maildrop */
};

/* Views in an ask point into the engine and live until the tell. */
struct pf_ask {
    enum pf_ask_kind kind;
    struct pf_bytes name;      /* PASS, APOP */
    struct pf_bytes secret;    /* PASS; APOP: 32 hex digits of either case; SASL: the decoded response */
    bool has_response;         /* SASL: false in the first step without initial response */
    bool first;                /* SASL: begins a new exchange */
    const char *mechanism;     /* SASL: the settings' name */
    uint32_t index;            /* BODY: index in the listing (number - 1) */
    uint64_t octets;           /* BODY: wire octets the listing promised */
    bool top;                  /* BODY: only the beginning may be wanted (body_wanted) */
    const struct pf_marks *remove; /* COMMIT */
    const struct pf_marks *seen;   /* COMMIT: messages sent whole by RETR in this session */
    uint32_t remove_count;         /* COMMIT */
    enum pf_close close;           /* CLOSE */
    const struct pf_xclient *xclient; /* XCLIENT */
};

enum pf_tell_kind {
    PF_TELL_AUTH,      /* login checked: err.code PF_OK, or why not */
    PF_TELL_CHALLENGE, /* SASL: send `challenge` (may be empty) and wait for a response */
    PF_TELL_OPEN,      /* PF_OK with `listing`, which must live until CLOSE or the next OPEN */
    PF_TELL_TLS,       /* PF_OK: the handshake succeeded */
    PF_TELL_BODY,      /* PF_OK: the whole body went through pf_pop3_server_body, and it is whole */
    PF_TELL_COMMIT,    /* PF_OK: every removal is durable */
    PF_TELL_XCLIENT    /* PF_OK: believed; else the session ends, with -ERR and PF_CLOSE_REFUSED */
};

struct pf_tell {
    enum pf_tell_kind kind;
    struct pf_err err;          /* code PF_OK for success */
    struct pf_bytes challenge;  /* CHALLENGE, raw octets; copied */
    struct pf_listing listing;  /* OPEN */
    int32_t expire_days;        /* OPEN: this user's */
    bool no_delete;             /* OPEN: DELE is refused with [SYS/PERM], and CAPA says EXPIRE NEVER */
    uint32_t login_delay;       /* OPEN: this user's */
    enum pf_xclient_transport transport; /* XCLIENT: TLS: counts as encrypted, STLS or not; INSECURE: as without TLS,
                                          * whatever the proxy speaks; UNSAID: as the connection is */
};

/* Counts for the one log line of a session. */
struct pf_pop3_server_stats {
    uint32_t commands, bad_commands, login_failures;
    uint32_t messages;       /* in the listing; 0 before login */
    uint64_t octets;         /* of the listing */
    uint32_t fetched;        /* messages sent whole by RETR */
    uint32_t topped;         /* TOP answers completed */
    uint64_t fetched_octets; /* wire octets of message bodies, RETR and TOP */
    uint32_t marked;         /* marked for removal now, or committed by QUIT */
    bool logged_in, quit, committed;
    char command[16];        /* the last command's word; "" before the first, "?" when it was none */
};

/* A new engine, or NULL without memory. `tls` says that TLS is active already
 * (port 995). The greeting is queued as soon as a buffer is lent. */
struct pf_pop3_server *pf_pop3_server_new(const struct pf_pop3_server_settings *, bool tls,
                                          pf_time now);
/* Wipes and frees; NULL is allowed. */
void pf_pop3_server_free(struct pf_pop3_server *);

/* What is offered on this connection, as bits by the index of the settings' mechanisms, until the next
 * call; without any call all are. Passwords are still shown to TLS only, unless the settings allow it.
 * To be called before the first lend, and again before tell TLS; at any other time it counts from the next
 * command on (an exchange under way goes on). What has no bit, from the 65th on, is offered only with all. */
void pf_pop3_server_offer(struct pf_pop3_server *, uint64_t mechanisms);
/* APOP is offered: `timestamp` is "<digits.digits@host>" (RFC 1939 section 7; msg-id as other clients read it),
 * at most 255 octets, copied, new for each connection. Before the first lend. It stays what it was after STLS.
 * One that is longer or no msg-id is not offered, nor is any without memory. */
void pf_pop3_server_apop(struct pf_pop3_server *, const char *timestamp);

/* XCLIENT is offered, for the peer is a proxy whose word counts: the greeting begins with [XCLIENT], which Dovecot's
 * look for. Before the first lend. One good XCLIENT is taken, before any login was tried; behind it there is no
 * STLS: what was said in front of TLS must not be believed, so a proxy begins with TLS. */
void pf_pop3_server_xclient(struct pf_pop3_server *);

/* Instead of a greeting: "-ERR [code] text" and CLOSE (P3-002). Only before the
 * first feed, lend or out. */
void pf_pop3_server_refuse(struct pf_pop3_server *, const struct pf_err *why);

/* Lends an output buffer of cap >= PF_POP3_OUT_MIN. Only while none is lent. */
void pf_pop3_server_lend(struct pf_pop3_server *, unsigned char *at, size_t cap);
/* True when the buffer was given back: nothing is pending in it, nothing is
 * being produced, and no question is open that will be answered into it.
 * False leaves it lent. */
bool pf_pop3_server_unlend(struct pf_pop3_server *);

/* Takes input up to where it must wait; returns the octets taken (0..in.len).
 * Carries out as many commands as it can. With in.len 0 it only looks at the
 * clock: call it when the deadline has come. */
size_t pf_pop3_server_feed(struct pf_pop3_server *, struct pf_bytes in, pf_time now);
/* True once after a feed took octets that held a secret: wipe what you fed. */
bool pf_pop3_server_secret_taken(struct pf_pop3_server *);
/* The client ended its input, and every octet before was taken by feed. Commands
 * that are under way are finished and answered (P3-040). */
void pf_pop3_server_eof(struct pf_pop3_server *, pf_time now);
/* The server ends: "-ERR [SYS/TEMP] ..." as the answer to the next command, or
 * at once when the client has none outstanding (P3-038, W-038: only between
 * answers), then CLOSE. Nothing is removed. Lend a buffer before, or before CLOSE
 * is carried out: else there is nowhere to write the line. */
void pf_pop3_server_shutdown(struct pf_pop3_server *, pf_time now);
/* The same for an idle session whose maildrop is wanted by another one: another text, and PF_CLOSE_YIELDED. */
void pf_pop3_server_yield(struct pf_pop3_server *, pf_time now);

bool pf_pop3_server_ask(struct pf_pop3_server *, struct pf_ask *out_ask);
void pf_pop3_server_tell(struct pf_pop3_server *, const struct pf_tell *, pf_time now);

/* Body octets as they are stored (LF, CRLF or mixed line ends). Returns how
 * many were taken; fewer than in.len when the output is full (call again
 * after `sent`) or when no more are wanted. With `clean` the store vouches
 * that the octets are wire form already (CRLF, dots stuffed): they are
 * copied as they are, and only their lines and dots are counted. Only between ask BODY and tell BODY. */
size_t pf_pop3_server_body(struct pf_pop3_server *, struct pf_bytes in, bool clean);
/* False when TOP has all its lines: the caller stops reading and tells BODY. */
bool pf_pop3_server_body_wanted(const struct pf_pop3_server *);

/* What may be sent now: contiguous, possibly empty. Valid until the next call. */
struct pf_bytes pf_pop3_server_out(const struct pf_pop3_server *);
/* Whether more comes behind `out` without anything being asked or fed before: worth telling the kernel (MSG_MORE). */
bool pf_pop3_server_more(const struct pf_pop3_server *);
/* n octets of `out` were sent; more may be produced now (long lists). */
void pf_pop3_server_sent(struct pf_pop3_server *, size_t n, pf_time now);

/* When feed must be called at the latest, even without input; PF_NEVER for no
 * deadline (while a question other than BODY is open). */
pf_time pf_pop3_server_deadline(const struct pf_pop3_server *);

const struct pf_pop3_server_stats *pf_pop3_server_stats(const struct pf_pop3_server *);
/* True between a good login with an opened maildrop and QUIT. */
bool pf_pop3_server_in_transaction(const struct pf_pop3_server *);

PF_PUBLIC_END

#endif
