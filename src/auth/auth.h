/* Auth: who is it, and may they?
 *
 * One door for every login: `pf_auth_check` takes a name and a secret, an APOP
 * digest, or one step of a SASL exchange, and answers with a user, a verdict,
 * or a challenge. Behind it stands a list of sources (files, databases,
 * directories, other servers), each a row in a table (auth_source.h), the
 * mechanisms (exchange.h), others' tokens (oauth.h) and scoped credentials
 * (tokens.h). All secrets and keys stay behind this door: what is in front of it
 * sees octets of the wire and verdicts only, so that it can become another process.
 *
 * Laws:
 *   - Unknown user and wrong password cannot be told apart, by text or by time:
 *     an unknown name costs the hash of a stand-in, and gets challenges like
 *     anybody's, the same ones each time.
 *   - What blocks (databases, the steps of a mechanism) happens in a pool, and
 *     hashing in a pool of its own whose threads and memory are bounded. Nothing
 *     of it happens on the loop.
 *   - A login that was good a while ago is remembered as a keyed digest of what
 *     was shown, for a time, in bounded memory: it costs no hash and, with users in
 *     memory, no thread. Who changed his password is not let in with the old one.
 *   - A failed login is answered late (a delay that rises with the failures of
 *     that address and name, on a timer, never blocking anyone else).
 *   - A source that is broken is PF_TEMP, never a wrong password, and the sources
 *     behind it are not asked.
 *   - A name is refused as a wrong password before any source or path sees it when it is empty,
 *     longer than 255 octets, holds a control octet, '/' or NUL, or begins with a dot, or when
 *     SASLprep refuses it.
 *   - Secrets are wiped after use. */
#ifndef POSTFACH_AUTH_AUTH_H
#define POSTFACH_AUTH_AUTH_H

#include "conf/conf.h"
#include "sys/loop.h"
#include "sys/pool.h"
#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/pop3_server.h>

struct pf_auth;
struct pf_auth_talk;

enum { PF_AUTH_NAME_MAX = 255, PF_AUTH_PATH_MAX = 1024, PF_AUTH_TOKEN_ID_MAX = 16 };

/* Who logged in. Values -2 mean "as the settings say". */
struct pf_user {
    char name[PF_AUTH_NAME_MAX + 1];      /* as the source spells it */
    char maildrop[PF_AUTH_PATH_MAX];      /* absolute path, perhaps with its kind (base/kind.h), or "" for the
                                           * settings' template */
    int32_t expire_days;                  /* PF_EXPIRE_NEVER -1, days, or -2 */
    int32_t login_delay;                  /* seconds, or -2 */
    bool needs_tls;                       /* this user may not log in without TLS */
    bool no_delete;                       /* DELE is refused */
    bool read_only;                       /* and nothing else is changed: no marks, no expiry */
    char folder[PF_AUTH_NAME_MAX + 1];    /* of a Maildir, with dots between levels; "": the inbox */
    char master[PF_AUTH_NAME_MAX + 1];    /* who acts for this user, for the log; "": himself */
    char token[PF_AUTH_TOKEN_ID_MAX + 1]; /* which scoped credential was shown; "": the password */
    int64_t quota_octets, quota_messages; /* 0: as the settings say; -1: no limit */
    char recipient[PF_AUTH_NAME_MAX + 1]; /* local@host: may see only mail that was sent there (names.h); "": all */
    uint64_t pass;                        /* the ticket that came with the verdict (base/purse.h); 0 where store and
                                           * auth are parts of one process, which needs none */
};

/* What auth may know about a connection. Views and texts are copied when a check begins. */
struct pf_auth_link {
    const char *peer;        /* numeric address, or "unix" */
    bool tls;                /* the connection is encrypted */
    const char *tls_version; /* "TLSv1.3", or NULL */
    const char *certificate; /* the name that a verified client certificate stands for, or NULL */
    struct pf_bytes exporter, unique; /* channel binding (RFC 9266, RFC 5929); empty: cannot be had */
};

enum pf_auth_way { PF_AUTH_BY_PASSWORD, PF_AUTH_BY_APOP, PF_AUTH_BY_SASL };

/* One question. For SASL each step is a check with the same `talk`. */
struct pf_auth_check {
    void (*done)(struct pf_auth_check *); /* set by the asker; called once, on a later turn */
    enum pf_auth_way way;
    struct pf_bytes name, secret;         /* password; APOP: the secret is the digest as it came. Copied
                                           * at once; the caller may wipe them after the call */
    const char *timestamp;                /* APOP: as it stood in the greeting, with its brackets */
    const char *mechanism;                /* SASL: which; looked at in the first step */
    struct pf_auth_talk *talk;            /* SASL: NULL in the first step; kept here by auth between steps,
                                           * freed by it with the last answer or by pf_auth_forget */
    struct pf_bytes response;             /* SASL: decoded; copied at once */
    bool has_response;                    /* SASL: false in a first step without initial response */
    struct pf_auth_link link;
    const char *peer;                     /* as link.peer, for who fills no link */
    bool tls;
    struct pf_err err;                    /* out; PF_OK, PF_AUTH, PF_NEED_TLS, PF_TEMP, PF_BUSY, PF_CONFIG, PF_SYNTAX */
    bool more;                            /* out: no verdict yet, `challenge` is to be sent; with err PF_AUTH it is
                                           * known to be no, and was counted and delayed as that */
    bool spent;                           /* out: the exporter's value was used, and serves no other exchange
                                           * on this connection (RFC 9266 section 4.1) */
    struct pf_bytes challenge;            /* out; lives until the next check or pf_auth_forget */
    struct pf_user user;                  /* out; with an error its name is what was tried, for the log */
    void *state;                          /* private */
    uint64_t session;                     /* the asker's, for the ticket of a process of its own; 0: none */
};

struct pf_auth_settings {
    const char *password_file;
    unsigned hashes_at_once;      /* threads of the hashing pool */
    pf_time failure_delay;        /* first delay of a failed answer, ms (2 s) */
    pf_time failure_delay_max;    /* it doubles up to this */
    bool allow_weak_schemes;      /* {PLAIN}, {MD5-CRYPT} and the like are accepted */
    struct pf_pool *pool;         /* for the file of the record (record.h); NULL: none is kept */
    struct pf_conf *conf;         /* everything else; NULL: nothing else (tests). Held as long as it is needed */
    bool keytab_ready;            /* private: the settings' keytab was taken at the start */
    bool only_users;              /* for who asks for users and checks no login: nothing else is opened */
};

struct pf_auth *pf_auth_new(struct pf_loop *, const struct pf_auth_settings *, struct pf_err *err);
/* New settings, and the sources read anew; the old stay when this fails. Checks under way finish. */
enum pf_code pf_auth_reload(struct pf_auth *, const struct pf_auth_settings *, struct pf_err *err);
/* Only when no check is under way. */
void pf_auth_free(struct pf_auth *);

void pf_auth_check(struct pf_auth *, struct pf_auth_check *);
/* The asker is gone: done is not called, the check is forgotten as soon as it can be. */
void pf_auth_abandon(struct pf_auth *, struct pf_auth_check *);
/* Ends an exchange between two steps (the client cancelled); nothing when there is none. */
void pf_auth_forget(struct pf_auth *, struct pf_auth_check *);

enum { PF_AUTH_MECHANISMS = 64 }; /* an offer has as many bits */
/* Every mechanism that this build can speak, in the order of CAPA; how many. */
size_t pf_auth_mechanisms(struct pf_pop3_mechanism out[PF_AUTH_MECHANISMS]);
/* Which of them can be used on a connection, as bits by their index: what the users have (stored
 * forms), what the connection has (TLS, a certificate, channel binding). */
uint64_t pf_auth_offer(const struct pf_auth *, const struct pf_auth_link *);
/* Channel binding data can serve somebody: else nobody need compute it. */
bool pf_auth_binds(const struct pf_auth *);
/* APOP is allowed, and at least one user has a secret that it can be computed from. */
bool pf_auth_offers_apop(const struct pf_auth *);

/* LOGIN-DELAY (RFC 2449 section 6.5): true and noted when the user may log in now; false when the
 * last noted login is less than `delay` seconds ago. Bounded memory. */
bool pf_auth_login_due(struct pf_auth *, const char *user, unsigned delay, pf_time now);

/* A password file that changes is read anew without a reload, within a second. True once for each
 * time that this failed and the old users stayed: err is for the log. Ask it after a check. */
bool pf_auth_trouble(struct pf_auth *, struct pf_err *out_err);
/* Checks that wait for memory or a thread to hash in; for figures. */
unsigned pf_auth_waiting(const struct pf_auth *);

/* Recipients: whose is this address? The other door, for mail that comes in; no password is asked for.
 *
 * An address is first looked for among the aliases, then among the users of the same sources that
 * logins use, as `user@domain` and as `user`; with a detail (`user+detail`, RFC 5233) as it stands and
 * then without; at last the catch-all alias of its domain is taken. Nobody is PF_NO_USER. Where the
 * answer may be wrong (a file is broken or being written, an alias leads nowhere), it is PF_TEMP: mail can
 * wait, and what was bounced is gone. Files that change are read anew within a second. */
struct pf_lookup;

struct pf_lookup_settings {
    struct pf_auth_settings users;
    const char *aliases; /* a file (lookup_aliases.h), or NULL */
    const char *domains; /* names with blanks between them, in which names without a domain are users;
                          * NULL: in all */
    bool fold;           /* the case of what stands before the @ does not matter; that of a domain never does */
};

enum { PF_LOOKUP_USERS_MAX = 100 }; /* that one address may stand for */

struct pf_lookup_ask {
    void (*done)(struct pf_lookup_ask *); /* set by the asker; called once, on a later turn */
    struct pf_bytes address;              /* local@domain, or local; copied at once */
    struct pf_err err;                    /* out; PF_OK, PF_NO_USER, PF_TEMP, PF_NO_MEMORY */
    struct pf_user *users;                /* out, with PF_OK: from malloc, the asker's own; each once */
    size_t count;
    void *state;                          /* private */
};

/* The files are read here, blocking, and again by reload; when that fails the old stay. */
struct pf_lookup *pf_lookup_new(struct pf_loop *, const struct pf_lookup_settings *, struct pf_err *err);
enum pf_code pf_lookup_reload(struct pf_lookup *, const struct pf_lookup_settings *, struct pf_err *err);
void pf_lookup_free(struct pf_lookup *); /* only when no question is open, also none abandoned; NULL is allowed */
/* Anything but PF_OK: it was not taken, `done` will not be called, and ask->err says why. */
enum pf_code pf_lookup_ask(struct pf_lookup *, struct pf_lookup_ask *);
void pf_lookup_abandon(struct pf_lookup *, struct pf_lookup_ask *); /* `done` is not called */
/* As pf_auth_trouble. */
bool pf_lookup_trouble(struct pf_lookup *, struct pf_err *out_err);

#endif
