/* Conform: one list of tests that every store must pass.
 *
 * The laws in store/store.h are the same for a Maildir, for a store in memory
 * and for any that comes later. The tests are in the law_*.c files and in the list
 * conform.def; a store joins by a *rig*, a small file t_<store>.c that says how
 * to make a world with that store and how to clear it away:
 *
 *     static bool make(struct world *w) {
 *         w->drive.store = pf_..._new(w->drive.loop, ...);   // w->pool has threads, for lift
 *         return w->drive.store != NULL;
 *     }
 *     static const struct rig rig = {.name = "...", .make = make, ...};
 *     int main(void) { return conform(&rig); }
 *
 * and a word in the list of meson.build. Every test gets a fresh world:
 * `make` is called with loop, pool and the three paths of maildrops ready
 * (`folder`/0, 1, 2, below a temporary directory when the rig wants one, which
 * is removed afterwards), and with nothing delivered yet. The first parcel makes a
 * maildrop. Messages are delivered at `where.now`. */
#ifndef POSTFACH_TEST_STORE_CONFORM_H
#define POSTFACH_TEST_STORE_CONFORM_H

#include "store/drive.h"
#include "sys/pool.h"

enum {
    WORLD_BOXES = 3,
    WORLD_PATH = 120
};

struct rig;

struct world {
    const struct rig *rig;
    struct drive drive;
    struct pf_pool *pool;
    char folder[WORLD_PATH / 2];
    char paths[WORLD_BOXES][WORLD_PATH];
    void *own; /* for the rig */
};

struct rig {
    const char *name;
    bool folder; /* wants a temporary directory */
    /* Sets w->drive.store. */
    bool (*make)(struct world *w);
    /* After the store was freed; may be NULL. */
    void (*break_down)(struct world *w);
    bool quota; /* keeps one */
    /* Mail outlives the store: pf_store_free and make again must show the same maildrops. */
    bool lasting;
    bool makes; /* an open makes a maildrop that is not there, empty */
};

/* Runs every test of conform.def; what main returns. */
int conform(const struct rig *rig);

bool world_make(struct world *, const struct rig *);
/* False, and no memory is freed, when a box or parcel was left open. */
bool world_break(struct world *);
/* A lasting store is freed and made again; others stay. */
void world_restart(struct world *);

/* Words for tests; each fails the test when something is not PF_OK. `box` is 0, 1 or 2. */
/* Where it is, as its user, now. */
struct pf_box_where at_box(const struct world *, unsigned box);
struct pf_parcel_seal put(struct world *, unsigned box, struct pf_bytes message);
void put_many(struct world *, unsigned box, unsigned count); /* "message 0\n", "message 1\n", ... */
struct pf_box_open enter(struct world *, unsigned box);
void leave(struct world *, struct pf_box_open *);
/* Reads it whole in pieces and compares. */
void expect_text(struct world *, struct pf_box_open *, uint32_t index, struct pf_bytes text, size_t piece);
void expect_uidl(const struct pf_box_open *, uint32_t index, const char *uidl);
/* Expunges the messages whose bits are set in `mask`. */
void expunge_mask(struct world *, struct pf_box_open *, uint64_t mask);
/* The wire size by the oracle: the encoder that serves RETR. */
uint64_t wire_octets(struct pf_bytes text);

/* Messages that stores got wrong before. */
enum { NASTY_COUNT = 23 };
struct pf_bytes nasty(unsigned index);

/* Numbers from a seed. */
struct dice {
    uint64_t state;
};
uint32_t roll(struct dice *, uint32_t below); /* below > 0 */

#endif
