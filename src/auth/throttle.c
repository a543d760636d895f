#include "auth/throttle.h"

#include "auth/recent.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
    ROWS = 32768,             /* 768 KiB; a row is one address, one name or one pair of them */
    FORGIVE = 60 * 1000,      /* one failure is forgiven each minute */
    KNOWN = 24 * 3600 * 1000, /* a good login makes an address known for a day */
    COUNT_MAX = 30,           /* half an hour of forgiving; 2^30 seconds is beyond any limit */
    PREFIX_OCTETS = 8
};

struct pf_throttle *pf_throttle_new(void)
{
    return (struct pf_throttle *)pf_recent_new(ROWS);
}

void pf_throttle_free(struct pf_throttle *throttle)
{
    pf_recent_free((struct pf_recent *)throttle);
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

    *out = (struct place){.len = 1};
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

static uint32_t forgiven(const struct pf_recent_row *row, pf_time now)
{
    pf_time minutes = row->at ? (now - row->at) / FORGIVE : 0;

    return minutes >= row->value ? 0 : row->value - (uint32_t)minutes;
}

static uint32_t count_up(struct pf_recent *recent, uint64_t key, pf_time now)
{
    struct pf_recent_row *row = pf_recent_take(recent, key);

    row->value = forgiven(row, now) + 1;
    if (row->value > COUNT_MAX)
        row->value = COUNT_MAX;
    row->at = now;
    return row->value;
}

static pf_time delay_of(uint32_t count, const struct pf_throttle_delays *delays)
{
    pf_time delay = delays->first;

    while (--count && delay < delays->max)
        delay *= 2;
    return delay < delays->max ? delay : delays->max;
}

pf_time pf_throttle_failed(struct pf_throttle *throttle, struct pf_bytes name, const char *peer,
                           const struct pf_throttle_delays *delays, pf_time now)
{
    struct pf_recent *recent = (struct pf_recent *)throttle;
    const struct pf_recent_row *known;
    struct place place;
    struct pf_bytes address;
    uint32_t of_name, of_address;

    place_of(peer, &place);
    address = pf_bytes_from(place.octets, place.len);
    known = pf_recent_find(recent, pf_recent_key(recent, 'k', name, address));
    if (known && now - known->at < KNOWN)
        return delay_of(count_up(recent, pf_recent_key(recent, 'p', name, address), now), delays);
    of_name = count_up(recent, pf_recent_key(recent, 'n', name, PF_LIT("")), now);
    of_address = count_up(recent, pf_recent_key(recent, 'a', address, PF_LIT("")), now);
    return delay_of(of_name > of_address ? of_name : of_address, delays);
}

void pf_throttle_succeeded(struct pf_throttle *throttle, struct pf_bytes name, const char *peer,
                           pf_time now)
{
    struct pf_recent *recent = (struct pf_recent *)throttle;
    struct place place;
    struct pf_bytes address;
    struct pf_recent_row *pair;

    place_of(peer, &place);
    address = pf_bytes_from(place.octets, place.len);
    pf_recent_take(recent, pf_recent_key(recent, 'k', name, address))->at = now;
    pair = pf_recent_find(recent, pf_recent_key(recent, 'p', name, address));
    if (pair)
        pair->value = 0;
}
