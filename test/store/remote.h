/* Remote: any store, behind serve and remote on one loop, as a rig may want it.
 *
 * What the tests ask of the front becomes a ticket in a purse (whose maildrop, which rights, is taken from
 * `where`), then frames on a pair of sockets. When the pair breaks, both ends are made anew at once, as a keeper would
 * start another process: tests break it to see what is left. */
#ifndef POSTFACH_TEST_STORE_REMOTE_H
#define POSTFACH_TEST_STORE_REMOTE_H

#include "base/purse.h"
#include "store/conform.h"
#include "store/store_remote.h"
#include "store/store_serve.h"

struct remote_office {
    struct pf_loop *loop;
    struct pf_store *real, *front, *remote;
    struct pf_purse *purse;
    struct pf_seal *seal;
    struct pf_store_serve *serve;
    uint32_t store, gate; /* their numbers now */
    uint64_t session;
    uint8_t rights; /* of the tickets that are made */
    unsigned troubles, deaths, idles;
    char trouble[PF_ERR_LOG]; /* the last */
    bool stays_dead;          /* not made anew */
    bool ended;
    struct pf_store_remote_calls calls;
};

enum { REMOTE_STORE = 70, REMOTE_RIGHTS = PF_TICKET_RIGHTS };

/* Sets w->drive.store and w->own; `real` is taken over, also on failure. False without memory. */
bool remote_make(struct world *, struct pf_store *real);
struct remote_office *remote_office(const struct world *);

/* Without a world. */
struct remote_office *remote_office_new(struct pf_loop *, struct pf_store *real);
/* Turns the loop until all is ended; frees the real store, too. */
void remote_office_free(struct remote_office *);
/* Another way between the two; false without memory. */
bool remote_connect(struct remote_office *);
/* A ticket for what `where` says, put into the purse: its pass. */
uint64_t remote_pass(struct remote_office *, const struct pf_box_where *);
/* The sealed octets alone. */
struct pf_ticket remote_ticket(struct remote_office *, const struct pf_box_where *);
/* Until what is there to be done at once is done. */
void remote_settle(struct pf_loop *);

#endif
