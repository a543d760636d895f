/* The initiate: SASL mechanisms, client side; the exchange (exchange.h) turned round.
 *
 * An initiate takes decoded challenges and gives decoded responses. The first step needs no challenge:
 * what it gives is the initial response, if the mechanism has one (where the server speaks first it has
 * none). How responses travel (base64, initial or not, "*" to give up) is the client engine's affair
 * (postfach/pop3_client.h):
 *
 *     step(i, {}, &told)          -> say AUTH with told.response as its initial response, if there is
 * one CHALLENGE, `initial` set    -> respond with the same told.response again: no step CHALLENGE ->
 * step(i, challenge, &told): respond, or cancel when it FAILED END, WHOLE                  -> logged in,
 * if pf_initiate_content(i)
 *
 * Laws:
 *   - "+OK" is not enough. A mechanism that proves the server, too, is content only when it has: SCRAM's
 * "v=", the "rspauth" of DIGEST-MD5 (RFC 5034 section 4, RFC 5802 section 5). Who sees +OK and finds it
 * not content has met somebody who knows no password: close, and say so.
 *   - SCRAM's server cannot choose at will: its nonce begins with ours and is longer, its iterations are
 * neither so few that guessing becomes cheap nor so many that we compute for ever (SCR-005, SCR-014).
 *   - Channel binding: a -PLUS name says "p"; a bare name says "y" when we could bind and the server
 * offers no -PLUS, so that one who took it out of the list is found; else "n" (RFC 5802 section 6). The
 *     exporter's value serves one exchange of a connection (RFC 9266 section 4.1).
 *   - No layer of security is agreed to: TLS does that.
 *   - Secrets are wiped as soon as they are not needed any more.
 *
 * A step may take long (iterations, a Kerberos server that is asked for a ticket): it runs on a thread
 * of a pool, and each initiate is used by one thread at a time. */
#ifndef POSTFACH_AUTH_INITIATE_H
#define POSTFACH_AUTH_INITIATE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum pf_initiate_need {
    PF_INITIATE_PASSWORD = 1,
    PF_INITIATE_TOKEN = 2,       /* OAuth 2 */
    PF_INITIATE_BINDING = 4,     /* `exporter` or `unique` */
    PF_INITIATE_TICKET = 8,      /* Kerberos' own cache */
    PF_INITIATE_SHOWS = 16,      /* the secret is shown to the server: TLS only */
    PF_INITIATE_CERTIFICATE = 32 /* TLS showed one */
};

struct pf_initiate_mechanism {
    const char *name;
    unsigned needs;
};

/* All that this build can do, strongest first. */
const struct pf_initiate_mechanism *pf_initiate_mechanisms(size_t *out_count);

enum {
    PF_INITIATE_PART_MAX = 1024,        /* a name, a password */
    PF_INITIATE_TOKEN_MAX = 32768,      /* a token of OAuth */
    PF_SCRAM_ITERATIONS_LEAST = 4096,   /* RFC 7677 section 4 */
    PF_SCRAM_ITERATIONS_MOST = 10000000 /* seconds of computing; more is an attack on us */
};

/* Fixed for one initiate; views must outlive it. */
struct pf_initiate_settings {
    const char *mechanism;
    struct pf_bytes name, secret; /* the password, or the token */
    struct pf_bytes acts_for;     /* the authorization identity; empty: oneself */
    const char *hostname;         /* of the server: DIGEST-MD5, GSSAPI ("pop@hostname"), OAUTHBEARER */
    const char *port;             /* OAUTHBEARER, or NULL */
    struct pf_bytes exporter,
        unique;        /* channel binding data of this connection that may be used; empty: none */
    bool plus_offered; /* the server offers a -PLUS name on this connection */
};

struct pf_initiate;

/* NULL: PF_NO_MECH (also: it lacks what it needs), PF_SYNTAX (a part that cannot be said), PF_NO_MEMORY.
 */
struct pf_initiate *pf_initiate_new(const struct pf_initiate_settings *, struct pf_err *err);
void pf_initiate_free(struct pf_initiate *); /* wipes; NULL is allowed */

enum pf_initiate_step {
    PF_INITIATE_SEND,  /* the response is to be sent, be it empty */
    PF_INITIATE_WAIT,  /* only from the first step: no initial response, the server speaks first */
    PF_INITIATE_FAILED /* cancel; err says why: PF_AUTH (the server is not who he should be, or refused),
                        * PF_SYNTAX, PF_TEMP, PF_NO_MEMORY */
};

/* Views live until the next step. */
struct pf_initiate_told {
    struct pf_bytes response;
    bool refused; /* SEND: the server has refused already (OAuth tells why, in `refusal`); +OK cannot
                     come any more */
    struct pf_bytes refusal; /* as the server sent it: JSON, perhaps */
    bool spent;              /* the exporter's value has served this exchange, however it ends */
};

enum pf_initiate_step pf_initiate_step(struct pf_initiate *, struct pf_bytes challenge,
                                       struct pf_initiate_told *out_told, struct pf_err *err);

/* The exchange is complete on our side, and the server has proved what it can prove. */
bool pf_initiate_content(const struct pf_initiate *);

/* APOP (RFC 1939 section 7): the digest of timestamp and password, in lower-case digits. False: the
 * library failed. */
bool pf_initiate_apop(struct pf_bytes timestamp, struct pf_bytes password, char out_hex[33]);

#endif
