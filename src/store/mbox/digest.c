#include "store/mbox/digest.h"

/* Odd constants with as many ones as zeros: golden ratio, roots of two and three. */
#define GOLDEN 0x9e3779b97f4a7c15u
#define ROOT2  0xb504f333f9de6485u
#define ROOT3  0xbb67ae8584caa73bu

static uint64_t fold(uint64_t x, uint64_t y)
{
    __extension__ unsigned __int128 product = (unsigned __int128)x * y;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void block(struct pf_mbox_digest *d, const unsigned char *at)
{
    uint64_t x, y;

    memcpy(&x, at, sizeof x);
    memcpy(&y, at + sizeof x, sizeof y);
    /* The state is added again: a factor that happens to be zero must not wipe what came before. */
    d->a = fold(d->a ^ x, y ^ GOLDEN) + (d->a << 1 | d->a >> 63);
    d->b = fold(d->b ^ y, x ^ ROOT2) + (d->b << 3 | d->b >> 61);
}

void pf_mbox_digest_init(struct pf_mbox_digest *d, const uint64_t seed[2])
{
    *d = (struct pf_mbox_digest){.a = seed[0] ^ ROOT3, .b = seed[1] ^ GOLDEN};
}

void pf_mbox_digest_add(struct pf_mbox_digest *d, struct pf_bytes in)
{
    d->len += in.len;
    if (d->held) {
        size_t more = sizeof d->hold - d->held;

        if (more > in.len)
            more = in.len;
        if (more)
            memcpy(d->hold + d->held, in.at, more);
        d->held += more;
        in = pf_bytes_skip(in, more);
        if (d->held < sizeof d->hold)
            return;
        block(d, d->hold);
        d->held = 0;
    }
    for (; in.len >= sizeof d->hold; in = pf_bytes_skip(in, sizeof d->hold))
        block(d, in.at);
    if (in.len)
        memcpy(d->hold, in.at, in.len);
    d->held = in.len;
}

void pf_mbox_digest_end(const struct pf_mbox_digest *d, uint64_t out_digest[2])
{
    struct pf_mbox_digest end = *d;

    memset(end.hold + end.held, 0, sizeof end.hold - end.held);
    block(&end, end.hold);
    end.a ^= end.len;
    for (int i = 0; i < 2; i++) {
        uint64_t a = end.a;

        end.a = fold(a ^ ROOT2, end.b ^ ROOT3) + a;
        end.b = fold(end.b ^ end.len, a ^ GOLDEN) + end.b;
    }
    out_digest[0] = end.a;
    out_digest[1] = end.b;
}
