/* The exchange: SASL mechanisms, server side.
 *
 * An exchange takes decoded responses and gives decoded challenges, or ends: in a
 * name and a secret that somebody else must check (PLAIN, LOGIN), or in a
 * name that the mechanism itself has proved (SCRAM, CRAM-MD5, DIGEST-MD5, GSSAPI,
 * EXTERNAL, ANONYMOUS, and the two of OAuth). Which user that is, and whether he may log in,
 * auth.c decides. Most mechanisms are GNU SASL's, named in exchange*.c only, behind checks of
 * our own (exchange_scram.c); OAuth's are ours, because no library has them.
 *
 * A step may block (it asks the world for a user's keys, and computes): it runs on a
 * thread of a pool, and each exchange is used by one thread at a time.
 *
 * Laws:
 *   - A user who is not there, or has no key of the form that is needed, gets challenges
 *     like anybody's: salt and iterations are made of a key of this server and the
 *     name, the same each time (SCR-019), and the proof fails at the end.
 *   - A client that says "y" (I could bind, you cannot) when this server offered -PLUS on
 *     this connection fails (SCR-007). The exporter's value serves one exchange for each connection.
 *   - The server's last word ("v=") is a challenge that the client answers with an
 *     empty line; only then is the name proved (AUTH-017).
 *   - No security layer is ever offered (AUTH-029).
 *   - Secrets are wiped as soon as they are not needed any more. */
#ifndef POSTFACH_AUTH_EXCHANGE_H
#define POSTFACH_AUTH_EXCHANGE_H

#include "auth/auth.h"
#include "auth/oauth.h"
#include "auth/password.h"

/* What a mechanism needs before it can be offered. */
enum pf_exchange_need {
    PF_NEED_SHOW = 1,        /* it shows the secret to the server: not without TLS */
    PF_NEED_LINK = 2,        /* TLS in any case (OA-001) */
    PF_NEED_BINDING = 4,     /* channel binding data */
    PF_NEED_CERTIFICATE = 8, /* a verified client certificate */
    PF_NEED_OAUTH = 16,      /* the block oauth */
    PF_NEED_KEYTAB = 32,
    PF_NEED_FORM = 64 /* users with stored passwords of one of `forms` */
};

struct pf_exchange_mechanism {
    const char *name;
    unsigned needs, forms;
    bool usual; /* offered when the settings name none */
};

/* All that this build can do, in the order of CAPA (strongest first). */
const struct pf_exchange_mechanism *pf_exchange_mechanisms(size_t *out_count);

enum {
    PF_EXCHANGE_PART_MAX = 1024, /* each of two names; RFC 4616 section 2 asks for at least 255 octets */
    PF_EXCHANGE_MESSAGE_MAX = 65536 /* OAuth tokens and Kerberos tickets are long */
};

/* What an exchange asks for, on the thread that steps it. */
struct pf_exchange_world {
    void *self;
    /* The user's keys of that form. PF_OK, PF_NO_USER (also: no such keys), PF_TEMP. With PF_NO_USER
     * out->iterations may say what users here usually have, for what is made up; else it stays 0. */
    enum pf_code (*scram)(void *self, struct pf_bytes name, enum pf_password_form,
                          struct pf_scram_keys *out, struct pf_err *err);
    /* The user's password itself; wiped by who asked. */
    enum pf_code (*plain)(void *self, struct pf_bytes name, char *out_text, size_t cap,
                          struct pf_err *err);
};

/* Fixed for one exchange; views must outlive it. */
struct pf_exchange_settings {
    const char *mechanism;
    struct pf_exchange_world world;
    const char *hostname;             /* in challenges, and for GSSAPI "pop@hostname" */
    struct pf_bytes exporter, unique; /* channel binding data; empty: none */
    bool plus_offered;                /* -PLUS was offered on this connection */
    const char *certificate;          /* the name that it stands for, or NULL */
    struct pf_oauth *oauth;           /* or NULL */
    const struct pf_conf_oauth *oauth_conf;
    const unsigned char
        *site_key;      /* 32 octets, for what is made up; the same as long as the site lives */
    const char *keytab; /* or NULL */
    int64_t now;        /* seconds since 1970 */
};

struct pf_exchange;

/* NULL: PF_NO_MECH, PF_NO_MEMORY. */
struct pf_exchange *pf_exchange_new(const struct pf_exchange_settings *, struct pf_err *err);
void pf_exchange_free(struct pf_exchange *); /* wipes; NULL is allowed */

enum pf_exchange_step {
    PF_EXCHANGE_CHALLENGE, /* send it, come back with the response */
    PF_EXCHANGE_CHECK,     /* name and secret are to be checked */
    PF_EXCHANGE_PROVED,    /* `name` is who it is */
    PF_EXCHANGE_FAILED     /* err says why (PF_AUTH, PF_SYNTAX, PF_TEMP, PF_NO_MEMORY) */
};

/* What a step gives; views live until the next call. `name` is also given with FAILED when it is known.
 */
struct pf_exchange_told {
    struct pf_bytes challenge;
    struct pf_bytes name, secret;
    struct pf_bytes acts_for; /* the authorization identity, when it is another name; else empty */
    bool refused;             /* CHALLENGE: it only says why the answer is no, which err tells, too; the next step
                               * fails whatever comes */
    bool anonymous;           /* PROVED by ANONYMOUS: `name` is the trace, or empty */
    bool spent; /* the exporter's value has served this exchange, however it ends: no further one on this
                 * connection may be given it (RFC 9266 section 4.1) */
};

/* `has_response` false: the first step without an initial response. */
enum pf_exchange_step pf_exchange_step(struct pf_exchange *, struct pf_bytes response, bool has_response,
                                       struct pf_exchange_told *out_told, struct pf_err *err);

/* For whom it acts, prepared, while it asks the world; empty: for himself. */
struct pf_bytes pf_exchange_acts_for(const struct pf_exchange *);

/* SASLprep (RFC 4013) of a name or password into out (NUL-terminated); false when it is refused or
 * does not fit. */
bool pf_saslprep(struct pf_bytes in, char *out_text, size_t cap);

/* For GSSAPI, once, at the start of the process and before its threads: Kerberos reads the keytab's name
 * from the environment only. PF_OK when there is a key of "pop@hostname" in it (RFC 4752 section 3.2:
 * only then may GSSAPI be offered); else PF_CONFIG. */
enum pf_code pf_exchange_keytab(const char *keytab, const char *hostname, struct pf_err *err);

/* APOP (RFC 1939 section 7): the digest of timestamp and password is the one that came; constant time.
 */
bool pf_exchange_apop(const char *timestamp, const char *password, struct pf_bytes digest);

#endif
