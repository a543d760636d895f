/* The call: a session with somebody else's server, from its address to the commands of who wants
 * something of it.
 *
 * The client engine (postfach/pop3_client.h) joined to the world: the name is looked up, addresses are
 * tried in their order, TLS is there and was checked before anything that matters is said, the strongest
 * mechanism that both sides have and the account allows logs in; from `ready` on the owner says commands
 * and hears events.
 *
 * Laws:
 *   - Plaintext is never a fallback. TLS that was asked for and cannot be had, or a certificate that
 * does not check out, ends the call before a name or a secret was said; the error says what to do about
 * it.
 *   - A login that the server accepts without proving itself, where the mechanism demands proof, is no
 * login (auth/initiate.h).
 *   - Mechanisms are tried by strength; what the server refuses as unknown or unsupported is followed by
 * the next one, a wrong password by none: three tries lock accounts.
 *   - Every wait has an end: looking up, connecting, handshake, answers.
 *   - Every event of the engine reaches the owner once, in order, each on a turn of the loop and never
 * inside pf_call_say. While the owner holds the call (pf_call_hold) nothing is read: so a disk that is
 * slow slows the server and fills no memory.
 *   - After `gone`, which comes once, nothing is called any more.
 *
 * Codes in `gone`: PF_NEED_TLS (no TLS that can be trusted; a login that is too open for this
 * connection), PF_AUTH (the server refuses the login, or did not prove itself), PF_NO_MECH (no mechanism
 * that both have), what the server says by a code (PF_IN_USE, PF_LOGIN_DELAY, PF_TEMP, PF_PERM),
 * PF_CONFIG (the account cannot be so, a name is unknown), PF_TEMP (not reached, cut, silent), PF_SYNTAX
 * (what came is no POP3), PF_NO_MEMORY. The sentence is in `log`.
 *
 * Text of the server is for pf_print_safe, never for a terminal as it is. */
#ifndef POSTFACH_SESSION_CALL_H
#define POSTFACH_SESSION_CALL_H

#include "sys/loop.h"
#include "sys/pool.h"
#include <postfach/pop3_client.h>

struct pf_tls_tlsa;

enum pf_call_tls { PF_CALL_IMPLICIT, PF_CALL_STLS, PF_CALL_PLAIN };

/* Who is called as whom. Texts live as long as the call. */
struct pf_call_account {
    const char *host; /* a name or a numeric address; an absolute path is a unix socket */
    unsigned port;    /* 0: 995 with IMPLICIT, else 110 */
    enum pf_call_tls tls;
    const char *server_name; /* for SNI and the check of the certificate; NULL: host */
    const char *ca;          /* a PEM file or a folder of hashed ones; NULL: the system's */
    const char *pins; /* SHA-256 of public keys (SPKI), base64 or hexadecimal, blanks between; then one
                       * of them must match, and no CA need vouch. NULL: none */
    bool unchecked;   /* any certificate will do: for tests and for people who know */
    /* DANE (sys/tls_client.h): they decide, and no CA. Whoever gives them knows that DNSSEC vouches for
     * them. Copied as the call begins. */
    const struct pf_tls_tlsa *tlsa;
    size_t tlsa_count;
    const char *certificate, *key; /* our own, for EXTERNAL; or NULL */
    const char *user;              /* NULL: no login; `ready` comes after CAPA */
    const char *acts_for;          /* authorization identity, or NULL */
    const char *mechanisms; /* those that are allowed, blanks between, in order: SASL names, APOP, USER;
                             * NULL: all that are safe, strongest first (never APOP: CVE-2007-1558) */
    bool token;             /* the secret is an OAuth 2 token */
    /* From pf_pop3_client_settings_init. plain_login counts with PLAIN alone: where TLS was asked for,
     * nothing is said before it. */
    struct pf_pop3_client_settings engine;
    pf_time connect_time, tls_time; /* ms; 0: 30 s each */
    bool no_capa;        /* CAPA is not said: for servers that hang at it. Nothing is known to be
                          * offered then: STLS, USER, and what `mechanisms` names are tried unseen */
    uint64_t octets_max; /* of a message, where its command says none; 0: none */
    /* Where CAPA before the login has PIPELINING, `ready` follows the login at once: CAPA is on its way, and what
     * the owner says goes out behind it. Until it was answered the offer is that from before the login. */
    bool eager;
};

/* What became known on the way, for who explains it. Texts live as long as the call. */
struct pf_call_facts {
    char address[64]; /* numeric */
    unsigned port;
    const char *tls_version, *tls_cipher; /* or "" */
    const char *mechanism;                /* that was tried last, and, with logged_in, did; or "" */
    const char *checked; /* how the certificate was: "ca", "pin", "dane", "unchecked", "" */
    /* ms since the call began; 0: not yet */
    pf_time looked_up, connected, greeted, encrypted, logged_in;
    bool careful;    /* it was called without CAPA, and so without pipelining */
    bool capa_lost;  /* the server hung or hung up at CAPA (QS-002): it may be called without */
    bool ahead_lost; /* it did while several commands were on their way: it may not bear pipelining */
};

struct pf_call;

struct pf_call_calls {
    /* The secret is needed now, once for a call: answer with pf_call_secret, now or later (a command may
     * run for it, a person may be asked). NULL where there is no user. */
    void (*secret)(void *self, struct pf_call *);
    void (*ready)(void *self, struct pf_call *);
    void (*heard)(void *self, struct pf_call *,
                  const struct pf_heard *); /* of commands said by the owner */
    /* Why it ended; err->code PF_OK when QUIT was answered. What is left to do is pf_call_free. */
    void (*gone)(void *self, struct pf_call *, const struct pf_err *);
};

/* Begins at once. `pool` is for what blocks (names, key derivation). NULL: no memory, or an account that
 * cannot be. */
struct pf_call *pf_call_new(struct pf_loop *, struct pf_pool *, const struct pf_call_account *,
                            const struct pf_call_calls *, void *self, struct pf_err *err);
/* Copied, and wiped after use. An error (NULL is none) ends the call with it. */
void pf_call_secret(struct pf_call *, struct pf_bytes secret, const struct pf_err *);
/* As pf_pop3_client_say; from `ready` on. */
enum pf_code pf_call_say(struct pf_call *, const struct pf_pop3_command *);
/* While held, nothing is read and nothing heard, no answer is late, and the views of the event in which
 * the call was held stay valid: a piece may be on its way to a disk for as long as that takes. */
void pf_call_hold(struct pf_call *, bool held);
const struct pf_pop3_offer *pf_call_offer(const struct pf_call *);
const struct pf_call_facts *pf_call_facts(const struct pf_call *);
const struct pf_pop3_client_stats *pf_call_stats(const struct pf_call *);
/* PEM certificates that the server showed, its own first, for who explains them; empty without TLS. */
struct pf_bytes pf_call_chain(const struct pf_call *);
/* At any time, also inside a callback; without QUIT when it was not said. NULL is allowed. */
void pf_call_free(struct pf_call *);

#endif
