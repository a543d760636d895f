#include "sys/slot_listings.h"

#include "sys/slot_memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHAINS = 1024 };

struct known {
    struct pf_slot_listing listing; /* first */
    dev_t dev;
    ino_t ino;
    unsigned users;
    struct known *chain;
    struct known *older, *newer; /* among those without users */
};

struct pf_slot_listings {
    struct known *chains[CHAINS];
    struct known *oldest, *newest;
    size_t idle, idle_octets;
};

static struct known **chain_of(struct pf_slot_listings *l, ino_t ino)
{
    return &l->chains[ino % CHAINS]; /* numbers are given one after another */
}

static void rest(struct pf_slot_listings *l, struct known *k)
{
    k->older = l->newest;
    k->newer = NULL;
    *(l->newest ? &l->newest->newer : &l->oldest) = k;
    l->newest = k;
    l->idle++;
    l->idle_octets += k->listing.octets;
}

static void wake(struct pf_slot_listings *l, struct known *k)
{
    *(k->older ? &k->older->newer : &l->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &l->newest) = k->older;
    l->idle--;
    l->idle_octets -= k->listing.octets;
}

static void forget_oldest(struct pf_slot_listings *l)
{
    struct known *k = l->oldest, **link = chain_of(l, k->ino);

    wake(l, k);
    while (*link != k)
        link = &(*link)->chain;
    *link = k->chain;
    pf_slot_listing_done(&k->listing);
    free(k);
}

struct pf_slot_listings *pf_slot_listings_new(void)
{
    return calloc(1, sizeof(struct pf_slot_listings));
}

static struct known *find(struct pf_slot_listings *l, const struct stat *st)
{
    struct known *k = *chain_of(l, st->st_ino);

    while (k && (k->ino != st->st_ino || k->dev != st->st_dev || k->listing.octets != (size_t)st->st_size))
        k = k->chain;
    return k;
}

static enum pf_code add(struct pf_slot_listings *l, int fd, const struct stat *st, uint64_t limit, struct known **out,
                        struct pf_err *err)
{
    struct known *k = calloc(1, sizeof *k), **chain = chain_of(l, st->st_ino);
    enum pf_code code;

    if (!k)
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, __func__, "no memory for a listing");
    code = pf_slot_listing_map(fd, limit, &k->listing, err);
    if (code != PF_OK) {
        free(k);
        return code;
    }
    k->dev = st->st_dev;
    k->ino = st->st_ino;
    k->chain = *chain;
    *chain = k;
    *out = k;
    return PF_OK;
}

enum pf_code pf_slot_listings_take(struct pf_slot_listings *l, int fd, uint64_t limit, struct pf_slot_listing **out,
                                   struct pf_err *err)
{
    struct known *k;
    struct stat st;

    /* The call itself: that of the C library looks by a path, be it empty, and a gate may name none. */
    if (syscall(SYS_fstat, fd, &st) != 0)
        return pf_slot_memory_failed("cannot look at a listing", __func__, err);
    k = find(l, &st);
    if (k && k->users == 0)
        wake(l, k);
    if (!k) {
        enum pf_code code = add(l, fd, &st, limit, &k, err);

        if (code != PF_OK)
            return code;
    }
    k->users++;
    *out = &k->listing;
    return PF_OK;
}

void pf_slot_listings_give(struct pf_slot_listings *l, struct pf_slot_listing *listing)
{
    struct known *k = (struct known *)listing;

    assert(k->users);
    if (--k->users)
        return;
    rest(l, k);
    while (l->idle > PF_SLOT_LISTINGS_IDLE || l->idle_octets > PF_SLOT_LISTINGS_IDLE_OCTETS)
        forget_oldest(l);
}

void pf_slot_listings_free(struct pf_slot_listings *l)
{
    if (!l)
        return;
    while (l->oldest)
        forget_oldest(l);
    free(l);
}
