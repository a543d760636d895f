#include "store/maildir/mix.h"

/* Odd, so that multiplying by it is a bijection; the bits are those of the golden ratio and of
 * the square root of two. */
#define GOLDEN 0x9e3779b97f4a7c15u
#define ROOT   0xb504f333f9de6485u

static uint64_t load(const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static uint64_t turn(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static uint64_t step(uint64_t state, uint64_t word)
{
    return turn((state ^ word) * GOLDEN, 29);
}

/* Four lanes, because one multiplication waits for the one before it. */
uint64_t pf_maildir_sum(const void *at, size_t len)
{
    const unsigned char *p = at;
    uint64_t a = 1, b = 2, c = 3, d = 4, sum;
    size_t left = len;
    uint64_t tail = 0;

    for (; left >= 32; left -= 32, p += 32) {
        a = step(a, load(p));
        b = step(b, load(p + 8));
        c = step(c, load(p + 16));
        d = step(d, load(p + 24));
    }
    sum = step(step(step(step(len, a), b), c), d);
    for (; left >= 8; left -= 8, p += 8)
        sum = step(sum, load(p));
    if (left)
        memcpy(&tail, p, left);
    return step(sum, tail) * ROOT;
}

uint32_t pf_maildir_hash(uint64_t seed, struct pf_bytes name)
{
    const unsigned char *p = name.at;
    size_t left = name.len;
    uint64_t state = seed ^ name.len * ROOT;
    uint64_t tail = 0;

    for (; left >= 8; left -= 8, p += 8) {
        state = step(state, load(p));
        state ^= state >> 32;
    }
    if (left)
        memcpy(&tail, p, left);
    state = step(state, tail);
    state = (state ^ state >> 32) * ROOT;
    return (uint32_t)(state >> 32);
}
