#include "sys/listen.h"
#include "sys/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

enum {
    SLOTS_MIN = 64,
    ADDRESS_CAP = 64 /* as in struct pf_conn_info */
};

/* Who counts as one: an IPv4 address, an IPv6 /64 (what one subscriber gets), all else together. */
struct who {
    uint64_t net;
    uint32_t kind;
};

struct slot {
    struct who who;
    uint32_t count; /* 0: free */
};

/* Open addressing with linear probing; at most half full. */
struct pf_guests {
    struct slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
    unsigned count, max_all, max_per_address;
    uint64_t seed[2]; /* so that nobody can choose addresses that collide */
};

struct pf_guests *pf_guests_new(unsigned max_all, unsigned max_per_address)
{
    struct pf_guests *guests = calloc(1, sizeof *guests);

    if (!guests)
        return NULL;
    guests->slots = calloc(SLOTS_MIN, sizeof *guests->slots);
    if (!guests->slots || pf_random((unsigned char *)guests->seed, sizeof guests->seed, NULL) != PF_OK) {
        pf_guests_free(guests);
        return NULL;
    }
    guests->slot_count = SLOTS_MIN;
    pf_guests_limits(guests, max_all, max_per_address);
    return guests;
}

void pf_guests_free(struct pf_guests *guests)
{
    if (!guests)
        return;
    free(guests->slots);
    free(guests);
}

static struct who who_of_v6(const struct in6_addr *v6)
{
    struct who who = {0, AF_INET6};
    uint32_t v4;

    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        memcpy(&v4, &v6->s6_addr[12], sizeof v4);
        return (struct who){v4, AF_INET};
    }
    memcpy(&who.net, v6->s6_addr, sizeof who.net);
    return who;
}

static struct who who_is(const char *address)
{
    static const struct who nobody = {1, AF_UNSPEC};
    char bare[ADDRESS_CAP];
    size_t len = address ? strcspn(address, "%") : 0; /* a zone is no part of the address */
    struct in_addr v4;
    struct in6_addr v6;

    if (!address)
        return nobody;
    if (len >= sizeof bare)
        return (struct who){0, AF_UNSPEC};
    memcpy(bare, address, len);
    bare[len] = 0;
    if (inet_pton(AF_INET, bare, &v4) == 1)
        return (struct who){v4.s_addr, AF_INET};
    if (inet_pton(AF_INET6, bare, &v6) == 1)
        return who_of_v6(&v6);
    return (struct who){0, AF_UNSPEC};
}

static size_t home(const struct pf_guests *guests, struct who who)
{
    uint64_t x = (who.net ^ guests->seed[0]) + who.kind;

    x = (x ^ (x >> 32)) * (guests->seed[1] | 1);
    x = (x ^ (x >> 29)) * (guests->seed[0] | 1);
    return (size_t)(x ^ (x >> 32)) & (guests->slot_count - 1);
}

static size_t next(const struct pf_guests *guests, size_t index)
{
    return (index + 1) & (guests->slot_count - 1);
}

/* The slot of `who`, or the free one where it belongs. */
static struct slot *find(const struct pf_guests *guests, struct who who)
{
    size_t i = home(guests, who);

    while (guests->slots[i].count && (guests->slots[i].who.net != who.net || guests->slots[i].who.kind != who.kind))
        i = next(guests, i);
    return &guests->slots[i];
}

static bool grow(struct pf_guests *guests)
{
    struct slot *old = guests->slots;
    size_t old_count = guests->slot_count;
    struct slot *slots = calloc(old_count * 2, sizeof *slots);

    if (!slots)
        return false;
    guests->slots = slots;
    guests->slot_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].count)
            *find(guests, old[i].who) = old[i];
    free(old);
    return true;
}

enum pf_guest pf_guests_enter(struct pf_guests *guests, const char *numeric_address)
{
    struct who who = who_is(numeric_address);
    struct slot *slot = find(guests, who);

    if (guests->count >= guests->max_all)
        return PF_GUEST_FULL;
    if (numeric_address && slot->count >= guests->max_per_address)
        return PF_GUEST_TOO_MANY_HERE;
    if (slot->count == 0 && (guests->used + 1) * 2 > guests->slot_count) {
        if (!grow(guests))
            return PF_GUEST_FULL;
        slot = find(guests, who);
    }
    if (slot->count == 0) {
        slot->who = who;
        guests->used++;
    }
    slot->count++;
    guests->count++;
    return PF_GUEST_OK;
}

/* Moves up what could no longer be found past the slot that is free now. */
static void close_gap(struct pf_guests *guests, size_t gap)
{
    for (size_t i = next(guests, gap); guests->slots[i].count; i = next(guests, i)) {
        size_t mask = guests->slot_count - 1;
        size_t from_home = (i - home(guests, guests->slots[i].who)) & mask;

        if (from_home < ((i - gap) & mask))
            continue; /* its home lies after the gap */
        guests->slots[gap] = guests->slots[i];
        guests->slots[i].count = 0;
        gap = i;
    }
}

void pf_guests_leave(struct pf_guests *guests, const char *numeric_address)
{
    struct slot *slot = find(guests, who_is(numeric_address));

    assert(slot->count > 0 && guests->count > 0);
    guests->count--;
    if (--slot->count > 0)
        return;
    guests->used--;
    close_gap(guests, (size_t)(slot - guests->slots));
}

void pf_guests_limits(struct pf_guests *guests, unsigned max_all, unsigned max_per_address)
{
    guests->max_all = max_all;
    guests->max_per_address = max_per_address;
}

unsigned pf_guests_count(const struct pf_guests *guests)
{
    return guests->count;
}

bool pf_guests_full(const struct pf_guests *guests)
{
    return guests->count >= guests->max_all;
}
