#include "auth/throttle.h"

#include "auth/recent.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS = 32768,             /* 768 KiB; a row is one address, one name or one pair of them */
    KNOWN_ROWS = 131072,      /* 3 MiB, of which only those pages are there that are used */
    FORGIVE = 60 * 1000,      /* one failure is forgiven each minute */
    KNOWN = 24 * 3600 * 1000, /* a good login makes an address known for a day */
    COUNT_BITS = 16,          /* the milliseconds of a minute fit into as many, too */
    COUNT_MASK = 0xffff,
    COUNT_MAX = 30,           /* half an hour of forgiving; 2^30 seconds is beyond any limit */
    OVER_MAX = 60,            /* an address that was blocked is free an hour after its last failure */
    PREFIX_OCTETS = 8,
    NO_ADDRESS = 1 /* octets that stand for what is none */
};

/* Who guesses makes rows of failures, as many as he likes; what is known of those who log in well stands in a
 * table of its own, where that pushes nobody out. */
struct pf_throttle {
    struct pf_recent *failures;
    struct pf_recent *known;
};

struct pf_throttle *pf_throttle_new(void)
{
    struct pf_throttle *throttle = calloc(1, sizeof *throttle);

    if (!throttle)
        return NULL;
    throttle->failures = pf_recent_new(ROWS);
    throttle->known = pf_recent_new(KNOWN_ROWS);
    if (throttle->failures && throttle->known)
        return throttle;
    pf_throttle_free(throttle);
    return NULL;
}

void pf_throttle_free(struct pf_throttle *throttle)
{
    if (!throttle)
        return;
    pf_recent_free(throttle->failures);
    pf_recent_free(throttle->known);
    free(throttle);
}

struct place {
    unsigned char octets[16];
    size_t len;
};

/* What counts as one place: an IPv4 address, also when it comes as ::ffff:a.b.c.d, or the network of
 * an IPv6 address, since its owner has all of it. What is no address is one place of its own. */
static void place_of(const char *peer, struct place *out)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char octets[16];

    *out = (struct place){.len = NO_ADDRESS};
    if (!peer)
        return;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(peer, "%"), peer);
    if (inet_pton(AF_INET, text, out->octets) == 1) {
        out->len = 4;
        return;
    }
    if (inet_pton(AF_INET6, text, octets) != 1)
        return;
    if (memcmp(octets, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0) {
        memcpy(out->octets, octets + 12, 4);
        out->len = 4;
    } else {
        memcpy(out->octets, octets, PREFIX_OCTETS);
        out->len = PREFIX_OCTETS;
    }
}

/* A row of failures: `spare` is the count that blocks. `value` has the count that delays, at most COUNT_MAX, and above
 * COUNT_BITS how much of a minute had gone by at the last failure: parts of minutes are forgiven, too. So `at` stays
 * the time of the last failure, by which rows are forgotten. */
static pf_time elapsed(const struct pf_recent_row *row, pf_time now)
{
    return row->at ? now - row->at + (row->value >> COUNT_BITS) : 0;
}

static uint32_t unforgiven(uint32_t count, const struct pf_recent_row *row, pf_time now)
{
    pf_time minutes = elapsed(row, now) / FORGIVE;

    return minutes >= count ? 0 : count - (uint32_t)minutes;
}

/* The count that delays. */
static uint32_t count_up(struct pf_recent *recent, uint64_t key, pf_time now)
{
    struct pf_recent_row *row = pf_recent_take(recent, key);
    uint32_t part = (uint32_t)(elapsed(row, now) % FORGIVE);
    uint32_t delays = unforgiven(row->value & COUNT_MASK, row, now), blocks = unforgiven(row->spare, row, now);

    if (delays == 0 && blocks == 0)
        part = 0;
    delays = delays < COUNT_MAX ? delays + 1 : COUNT_MAX;
    *row = (struct pf_recent_row){
        .key = key, .at = now, .value = delays | part << COUNT_BITS, .spare = blocks + 1};
    return delays;
}

static pf_time delay_of(uint32_t count, const struct pf_throttle_delays *delays)
{
    pf_time delay = delays->first;

    while (--count && delay < delays->max)
        delay *= 2;
    return delay < delays->max ? delay : delays->max;
}

static bool is_known(const struct pf_throttle *throttle, struct pf_bytes name, struct pf_bytes address, pf_time now)
{
    const struct pf_recent_row *row =
        pf_recent_find(throttle->known, pf_recent_key(throttle->known, 'k', name, address));

    return row && now - row->at < KNOWN;
}

pf_time pf_throttle_failed(struct pf_throttle *throttle, struct pf_bytes name, const char *peer,
                           const struct pf_throttle_delays *delays, pf_time now)
{
    struct pf_recent *failures = throttle->failures;
    struct place place;
    struct pf_bytes address;
    uint32_t of_name, of_address;

    place_of(peer, &place);
    address = pf_bytes_from(place.octets, place.len);
    if (is_known(throttle, name, address, now))
        return delay_of(count_up(failures, pf_recent_key(failures, 'p', name, address), now), delays);
    of_name = count_up(failures, pf_recent_key(failures, 'n', name, PF_LIT("")), now);
    of_address = count_up(failures, pf_recent_key(failures, 'a', address, PF_LIT("")), now);
    return delay_of(of_name > of_address ? of_name : of_address, delays);
}

bool pf_throttle_blocked(struct pf_throttle *throttle, struct pf_bytes name, const char *peer, unsigned limit,
                         pf_time now)
{
    struct pf_recent_row *row;
    struct place place;
    struct pf_bytes address;

    place_of(peer, &place);
    address = pf_bytes_from(place.octets, place.len);
    if (limit == 0 || place.len == NO_ADDRESS)
        return false;
    row = pf_recent_find(throttle->failures, pf_recent_key(throttle->failures, 'a', address, PF_LIT("")));
    if (!row || unforgiven(row->spare, row, now) <= limit)
        return false;
    if (row->spare - limit > OVER_MAX)
        row->spare = limit + OVER_MAX;
    return !is_known(throttle, name, address, now);
}

void pf_throttle_succeeded(struct pf_throttle *throttle, struct pf_bytes name, const char *peer,
                           pf_time now)
{
    struct place place;
    struct pf_bytes address;
    struct pf_recent_row *pair;

    place_of(peer, &place);
    address = pf_bytes_from(place.octets, place.len);
    pf_recent_take(throttle->known, pf_recent_key(throttle->known, 'k', name, address))->at = now;
    pair = pf_recent_find(throttle->failures, pf_recent_key(throttle->failures, 'p', name, address));
    if (pair)
        pair->value = 0;
}
