/* The inside of the reach: reach.c (its life, and the calls), reach_place.c (what an account says about
 * its server), reach_find.c (looking up, on a thread), reach_account.c (how a server is called),
 * reach_word.c. */
#ifndef POSTFACH_FETCH_REACH_PRIVATE_H
#define POSTFACH_FETCH_REACH_PRIVATE_H

#include "fetch/reach.h"
#include "proto/pop_url.h"
#include "sys/dns_srv.h"
#include "sys/dns_tlsa.h"

/* What an account says, read. */
struct pf_reach_place {
    const char *path;             /* of a unix socket; else NULL */
    char host[PF_POP_URL_HOST];   /* "": to be found by the domain */
    char domain[PF_POP_URL_USER]; /* "" where there is a host or a path */
    unsigned port;
    enum pf_call_tls tls; /* where there is a host or a path */
    char url_user[PF_POP_URL_USER], url_auth[PF_POP_URL_AUTH];
    const char *user;       /* NULL: none; may be url_user */
    const char *mechanisms; /* NULL: any; may be in url_auth */
};

/* PF_SYNTAX, PF_CONFIG: what it says cannot be, or contradicts itself. Points into itself and the
 * account. */
enum pf_code pf_reach_place(const struct pf_account *, bool anonymous, struct pf_reach_place *out,
                            struct pf_err *);
/* How TLS begins; url NULL: there was none. */
enum pf_code pf_reach_tls(enum pf_account_tls wanted, const struct pf_pop_url *url, unsigned port,
                          enum pf_call_tls *out, struct pf_err *);

/* A server that may be meant. */
struct pf_reach_server {
    char host[PF_SRV_NAME];
    unsigned port;
    enum pf_call_tls tls;
    bool
        sure; /* its name comes from the account, from a rule, or from DNS with DNSSEC: so DANE counts */
};

struct pf_reach_list {
    struct pf_reach_server at[PF_SRV_MOST];
    size_t count;
    bool guessed;
};

/* Those that DNS names, or common names; PF_CONFIG when there is none to be called. */
enum pf_code pf_reach_choose(const struct pf_srv_list *, const char *domain, enum pf_account_tls wanted,
                             struct pf_reach_list *out, struct pf_err *);

/* A look-up, by itself: it goes on when the reach is freed. */
struct pf_reach_search {
    struct pf_job job;
    struct pf_reach *reach; /* NULL: nobody waits any more */
    char name[PF_SRV_NAME];
    unsigned port; /* 0: for servers of a domain, else for TLSA */
    bool plain;
    bool other; /* another resolver than the machine's */
    char address[64];
    struct pf_srv_resolver resolver;
    struct pf_err err;
    struct pf_srv_list servers;
    struct pf_tlsa_list tlsa;
};

struct pf_reach {
    struct pf_reach_settings set;
    struct pf_reach_calls calls;
    void *self;
    struct pf_reach_place place;
    char who[PF_POP_URL_USER + PF_POP_URL_HOST + 16];
    struct pf_timer *kick;
    struct pf_reach_search *search; /* under way, or NULL */
    struct pf_reach_search *dane;   /* the TLSA records of the server that is called, or NULL */

    struct pf_reach_list list;
    size_t at;
    bool found, looked, careful, ready, over;
    struct pf_err worst; /* why those before could not be reached */

    struct pf_call_account account;
    struct pf_call *call;
    bool connected;
    struct pf_call_facts facts;
    char version[32], cipher[64], mechanism[24], checked[16];

    unsigned char *secret;
    size_t secret_len;
    struct pf_err secret_err;
    bool secret_asked, secret_here;
};

/* Submits a look-up for that name; `done` has it as its job. PF_NO_MEMORY, PF_BUSY. */
enum pf_code pf_reach_search(struct pf_reach *, const char *name, unsigned port,
                             void (*done)(struct pf_job *), struct pf_err *);
void pf_reach_search_drop(struct pf_reach_search *); /* NULL is allowed */
/* Whether the records of that server are to be looked up. */
bool pf_reach_wants_dane(const struct pf_reach *, const struct pf_reach_server *);
/* How the server is called. */
void pf_reach_account(struct pf_reach *, const struct pf_reach_server *);

#endif
