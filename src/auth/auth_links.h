/* Links: connections to a server that are kept, shared by threads, and replaced when they die.
 *
 * What databases have in auth_sql.c, for servers of other protocols: a question takes a connection out of a bounded
 * set (auth_sql_slots.h), opens it where none is open, and asks, all of it until one deadline. A connection that
 * was idle and turns out to be dead is replaced once without a word. A server that could not be reached is left
 * alone for a second, and after that one thread tries it while others are told PF_TEMP at once. */
#ifndef POSTFACH_AUTH_AUTH_LINKS_H
#define POSTFACH_AUTH_AUTH_LINKS_H

#include "auth/auth_sql_slots.h"
#include "conf/conf.h"

enum { PF_LINKS_DOWN = 1000, PF_LINKS_DOWN_MAX = 16000 }; /* ms that an unreachable server is left alone */

/* When a server may be tried again. All zero: now. */
struct pf_links_rest {
    _Atomic pf_time retry; /* 0: all is well */
    _Atomic pf_time pause;
};
/* May it be tried now? Behind a failure only one thread may, until it says how it went, or `limit` ms are over. */
bool pf_links_may(struct pf_links_rest *, pf_time limit);
void pf_links_went(struct pf_links_rest *, bool well);

struct pf_links_driver {
    const char *kind;
    bool rests;  /* `open` knows by itself when to leave a server alone */
    /* NULL with err: PF_TEMP. */
    void *(*open)(void *source, pf_time deadline, struct pf_err *err);
    /* Any code of an answer, after which the connection is still good; PF_GONE: it is not, and a new one may do;
     * PF_BUSY: it is not, and that is the answer. With both err says PF_TEMP. */
    enum pf_code (*ask)(void *connection, void *question, pf_time deadline, struct pf_err *err);
    void (*close)(void *connection);
};

struct pf_links;

struct pf_links *pf_links_new(const struct pf_links_driver *, void *source, const struct pf_conf_userdb *,
                              struct pf_err *err);
/* Closes all; nobody asks any more. NULL is allowed. */
void pf_links_free(struct pf_links *);
/* What `ask` said, or PF_TEMP. */
enum pf_code pf_links_ask(struct pf_links *, void *question, struct pf_err *err);

#endif
