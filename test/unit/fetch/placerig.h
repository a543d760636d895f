/* A place with a loop, a pool and a ledger in a temporary folder, and what was told about its letters.
 */
#ifndef POSTFACH_TEST_PLACERIG_H
#define POSTFACH_TEST_PLACERIG_H

#include "unit/cm.h"

#include "fetch/place.h"

enum { PLACERIG_TOLD = 512 };

struct placerig {
    char home[64];
    char maildir[128], ledger_path[128], spool[128];
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_ledger *ledger;
    struct pf_account account;
    const char *carrier;
    void (*before)(void); /* before the place is made */
    struct pf_place *place;
    struct pf_err made; /* by placerig_open */
    /* What was told. */
    unsigned told_count, settled_count;
    size_t again;
    struct pf_err settled;
    struct {
        long of;
        struct pf_err err;
    } told[PLACERIG_TOLD];
    bool inside; /* a door of the place is being called: nothing may be told now */
};

/* Folder, loop, pool, the account's maildir (not made). */
int placerig_begin(void **state);
int placerig_end(void **state);
/* Loop and pool go, and are there anew: who forks must have no threads, which may hold locks at that
 * moment. */
void placerig_stop(struct placerig *);
void placerig_start(struct placerig *);
struct placerig *placerig_of(void **state);
/* Opens ledger and place, and settles; false: the place could not be. A run. */
bool placerig_open(struct placerig *);
/* The end of a run. */
void placerig_close(struct placerig *);

/* A letter with that text, in pieces of `cut` octets (0: whole). NULL: it could not begin or be written;
 * err says. */
struct pf_letter *placerig_write(struct placerig *, long of, const char *text, size_t cut,
                                 struct pf_err *);
void placerig_end_letter(struct placerig *, struct pf_letter *, const char *folder);
/* Both, and waits until it is told; its code. */
enum pf_code placerig_deliver(struct placerig *, long of, const char *text, const char *folder);
/* Until so many were told. */
void placerig_wait(struct placerig *, unsigned told);
/* What the ledger knows of letter `of`. */
enum pf_ledger_state placerig_state(struct placerig *, long of);
/* A note of letter `of`, for the ledger. */
struct pf_ledger_note placerig_note(long of, enum pf_ledger_state, const char *name, char room[32]);

/* Names in a folder below home, without dot entries; the text of the n-th file of it by name. */
unsigned placerig_count(struct placerig *, const char *folder);
void placerig_clear(struct placerig *, const char *folder); /* its files go */
/* The only file there, its name and its text; asserts that it is the only one. */
const char *placerig_only(struct placerig *, const char *folder, char *text, size_t cap);
const char *placerig_at(struct placerig *, const char *name); /* lives until the next but three */

#endif
