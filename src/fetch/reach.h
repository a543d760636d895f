/* The reach: from an account, as a person writes it, to a server that listens.
 *
 * An account may name a server, a URL or nothing but an address (RFC 6186), want DANE, leave the way of
 * TLS open. The reach makes of it the servers that may be meant, in the order in which they are to be
 * tried, and calls them (session/call.h) until one can be connected to. What a server says about a
 * login, or about TLS, ends it: the next server is asked only where the one before could not be reached.
 *
 * Rules:
 *   - `auto` is implicit TLS, on port 110 and for pop:// STLS; never plain text. pops:// and port 995
 * contradict `starttls` and are told so.
 *   - A server that SRV names outside of the domain, and for which nobody vouches, is PF_CONFIG with the
 * name, and the hint to write it into the account (RFC 6186 section 6).
 *   - DANE counts only where the resolver vouches (AD, and resolv.conf trusts it); then records decide,
 * and a server whose records cannot be had for sure is not called. No records: CAs decide.
 *   - A server that hung or hung up in the middle of CAPA, or at pipelined commands, is called once more
 * with less (QS-002, QS-024), before `ready`; whether pipelining was given up is in the facts.
 *
 * As with a call, callbacks come on turns of the loop, `gone` once and last. The call in them is the one
 * that is alive; it belongs to the reach. */
#ifndef POSTFACH_FETCH_REACH_H
#define POSTFACH_FETCH_REACH_H

#include "conf/accounts.h"
#include "session/call.h"

struct pf_reach;

struct pf_reach_calls {
    /* Once at most; answer with pf_reach_secret, now or later. `host`: the server's name, for ~/.netrc
     * and questions. */
    void (*secret)(void *self, struct pf_reach *, const char *host);
    void (*ready)(void *self, struct pf_reach *, struct pf_call *);
    void (*heard)(void *self, struct pf_reach *, struct pf_call *, const struct pf_heard *);
    void (*gone)(void *self, struct pf_reach *, const struct pf_err *);
};

struct pf_srv_resolver;

struct pf_reach_settings {
    struct pf_loop *loop;
    struct pf_pool *pool;
    const struct pf_account *account; /* lives as long as the reach */
    bool anonymous;                   /* no login, whatever user is set: for a probe */
    enum pf_pipelining pipelining;
    bool keep_crlf;                         /* messages are lent as they come; else CRLF becomes LF */
    uint64_t octets_max;                    /* of a message; 0: none */
    const struct pf_srv_resolver *resolver; /* NULL: the machine's; for tests */
    bool eager; /* `ready` does not wait for CAPA behind the login (session/call.h), and much is said ahead */
};

struct pf_reach *pf_reach_new(const struct pf_reach_settings *, const struct pf_reach_calls *,
                              void *self, struct pf_err *);
void pf_reach_secret(struct pf_reach *, struct pf_bytes secret, const struct pf_err *);
/* NULL before the first one connects and after `gone`. */
struct pf_call *pf_reach_call(struct pf_reach *);
/* Of the call that was last, also in and after `gone`: a copy. */
const struct pf_call_facts *pf_reach_facts(const struct pf_reach *);
/* user@host[:port] as the account names them (the domain where the server is found by it): whose
 * maildrop it is, the same from one day to the next; for the ledger's `who`. */
const char *pf_reach_who(const struct pf_reach *);
void pf_reach_free(struct pf_reach *); /* at any time, also in a callback; NULL is allowed */

/* An account from one word of a command line: a pop:// or pops:// URL, or USER@DOMAIN. Fills what it
 * says over `base` (defaults); texts are in `room`. PF_SYNTAX with the column. */
struct pf_reach_room {
    char text[8][256];
};
enum pf_code pf_reach_word(const char *word, const struct pf_account *base, struct pf_reach_room *room,
                           struct pf_account *out, struct pf_err *);
/* The same account, its server as it is called: a URL in it taken apart, `auto` decided. Without a
 * server (the domain of its user names one) both stay. PF_SYNTAX, PF_CONFIG: it contradicts itself. */
enum pf_code pf_reach_way(const struct pf_account *, struct pf_reach_room *room, struct pf_account *out,
                          struct pf_err *);

#endif
