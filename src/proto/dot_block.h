/* Blocks: the questions that dot.c asks about 64 octets at once.
 *
 * A mask has a bit for each octet of a block, the lowest for the first. All
 * functions look at octets before the block too (how many is said at each),
 * so that what stands at its first octet needs no special case. They exist
 * three times: for SSE2, which every x86-64 has, for NEON, which every arm64
 * has, and in plain C with eight octets in a word. PF_DOT_PLAIN chooses the
 * last one everywhere; the tests use that. */
#ifndef POSTFACH_PROTO_DOT_BLOCK_H
#define POSTFACH_PROTO_DOT_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DOT_BLOCK = 64 };

#if defined(__x86_64__) && !defined(PF_DOT_PLAIN)
#include <emmintrin.h>

struct dot_vec {
    __m128i v;
};

static inline struct dot_vec dot_load(const unsigned char *at)
{
    return (struct dot_vec){_mm_loadu_si128((const __m128i *)(const void *)at)};
}

static inline void dot_store(unsigned char *to, struct dot_vec v)
{
    _mm_storeu_si128((__m128i *)(void *)to, v.v);
}

static inline struct dot_vec dot_is(struct dot_vec v, char octet)
{
    return (struct dot_vec){_mm_cmpeq_epi8(v.v, _mm_set1_epi8(octet))};
}

static inline struct dot_vec dot_and(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){_mm_and_si128(a.v, b.v)};
}

static inline struct dot_vec dot_or(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){_mm_or_si128(a.v, b.v)};
}

static inline struct dot_vec dot_but(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){_mm_andnot_si128(b.v, a.v)};
}

static inline uint64_t dot_mask(struct dot_vec a, struct dot_vec b, struct dot_vec c, struct dot_vec d)
{
    uint64_t low = (uint32_t)_mm_movemask_epi8(a.v) | (uint32_t)_mm_movemask_epi8(b.v) << 16;
    uint64_t high = (uint32_t)_mm_movemask_epi8(c.v) | (uint32_t)_mm_movemask_epi8(d.v) << 16;

    return low | high << 32;
}

/* Adds one in each lane of `hits` that is set; lanes hold up to 255. */
static inline struct dot_vec dot_tally(struct dot_vec sum, struct dot_vec hits)
{
    return (struct dot_vec){_mm_sub_epi8(sum.v, hits.v)};
}

static inline size_t dot_total(struct dot_vec sum)
{
    __m128i halves = _mm_sad_epu8(sum.v, _mm_setzero_si128());

    return (size_t)_mm_cvtsi128_si64(halves) + (size_t)_mm_extract_epi16(halves, 4);
}

static inline struct dot_vec dot_zero(void)
{
    return (struct dot_vec){_mm_setzero_si128()};
}

#elif defined(__aarch64__) && !defined(PF_DOT_PLAIN)
#include <arm_neon.h>

struct dot_vec {
    uint8x16_t v;
};

static inline struct dot_vec dot_load(const unsigned char *at)
{
    return (struct dot_vec){vld1q_u8(at)};
}

static inline void dot_store(unsigned char *to, struct dot_vec v)
{
    vst1q_u8(to, v.v);
}

static inline struct dot_vec dot_is(struct dot_vec v, char octet)
{
    return (struct dot_vec){vceqq_u8(v.v, vdupq_n_u8((uint8_t)octet))};
}

static inline struct dot_vec dot_and(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){vandq_u8(a.v, b.v)};
}

static inline struct dot_vec dot_or(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){vorrq_u8(a.v, b.v)};
}

static inline struct dot_vec dot_but(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){vbicq_u8(a.v, b.v)};
}

/* There is no movemask: each lane keeps the bit of its place in eight, and
 * sums of neighbours put the bits together. */
static inline uint64_t dot_mask(struct dot_vec a, struct dot_vec b, struct dot_vec c, struct dot_vec d)
{
    const uint8x16_t place = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
    uint8x16_t low = vpaddq_u8(vandq_u8(a.v, place), vandq_u8(b.v, place));
    uint8x16_t high = vpaddq_u8(vandq_u8(c.v, place), vandq_u8(d.v, place));
    uint8x16_t all = vpaddq_u8(low, high);

    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline struct dot_vec dot_tally(struct dot_vec sum, struct dot_vec hits)
{
    return (struct dot_vec){vsubq_u8(sum.v, hits.v)};
}

static inline size_t dot_total(struct dot_vec sum)
{
    return vaddlvq_u8(sum.v);
}

static inline struct dot_vec dot_zero(void)
{
    return (struct dot_vec){vdupq_n_u8(0)};
}

#else

/* Two words of eight octets; a lane of an answer is 0x80 where true and 0 where not. */
struct dot_vec {
    uint64_t low, high;
};

#define DOT_LANES(octet) (0x0101010101010101u * (uint64_t)(unsigned char)(octet))

/* The lowest octet is the first in memory; its own inverse. */
static inline uint64_t dot_order(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(word);
#else
    return word;
#endif
}

static inline struct dot_vec dot_load(const unsigned char *at)
{
    uint64_t words[2];

    memcpy(words, at, sizeof words);
    return (struct dot_vec){dot_order(words[0]), dot_order(words[1])};
}

static inline void dot_store(unsigned char *to, struct dot_vec v)
{
    uint64_t words[2] = {dot_order(v.low), dot_order(v.high)};

    memcpy(to, words, sizeof words);
}

/* Exact in every lane: the sum cannot carry out of seven bits. */
static inline uint64_t dot_zeros(uint64_t w)
{
    return ~(((w & DOT_LANES(0x7f)) + DOT_LANES(0x7f)) | w | DOT_LANES(0x7f));
}

static inline struct dot_vec dot_is(struct dot_vec v, char octet)
{
    return (struct dot_vec){dot_zeros(v.low ^ DOT_LANES(octet)), dot_zeros(v.high ^ DOT_LANES(octet))};
}

static inline struct dot_vec dot_and(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){a.low & b.low, a.high & b.high};
}

static inline struct dot_vec dot_or(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){a.low | b.low, a.high | b.high};
}

static inline struct dot_vec dot_but(struct dot_vec a, struct dot_vec b)
{
    return (struct dot_vec){a.low & ~b.low, a.high & ~b.high};
}

/* The product moves the eight lane bits into the topmost octet, in order. */
static inline uint64_t dot_bits(struct dot_vec v)
{
    uint64_t low = (v.low >> 7) * 0x0102040810204080u >> 56;
    uint64_t high = (v.high >> 7) * 0x0102040810204080u >> 56;

    return low | high << 8;
}

static inline uint64_t dot_mask(struct dot_vec a, struct dot_vec b, struct dot_vec c, struct dot_vec d)
{
    return dot_bits(a) | dot_bits(b) << 16 | dot_bits(c) << 32 | dot_bits(d) << 48;
}

static inline struct dot_vec dot_tally(struct dot_vec sum, struct dot_vec hits)
{
    return (struct dot_vec){sum.low + (hits.low >> 7), sum.high + (hits.high >> 7)};
}

/* Neighbours are added in 16 bits; then one product adds the four of them. */
static inline size_t dot_total(struct dot_vec sum)
{
    const uint64_t even = 0x00ff00ff00ff00ffu;
    uint64_t fours = (sum.low & even) + (sum.low >> 8 & even) + (sum.high & even) + (sum.high >> 8 & even);

    return (size_t)(fours * 0x0001000100010001u >> 48);
}

static inline struct dot_vec dot_zero(void)
{
    return (struct dot_vec){0, 0};
}

#endif

/* An LF that no CR precedes. Reads one octet before `at`. */
static inline struct dot_vec dot_bare_lf(const unsigned char *at)
{
    return dot_but(dot_is(dot_load(at), '\n'), dot_is(dot_load(at - 1), '\r'));
}

/* An octet that gets another one in front: a bare LF, or a dot behind any LF.
 * Reads one octet before `at`. */
static inline struct dot_vec dot_grows(const unsigned char *at)
{
    struct dot_vec here = dot_load(at), before = dot_load(at - 1);

    return dot_or(dot_but(dot_is(here, '\n'), dot_is(before, '\r')),
                  dot_and(dot_is(here, '.'), dot_is(before, '\n')));
}

/* A dot behind CRLF. Reads two octets before `at`. */
static inline struct dot_vec dot_stuffed(const unsigned char *at)
{
    return dot_and(dot_is(dot_load(at), '.'),
                   dot_and(dot_is(dot_load(at - 1), '\n'), dot_is(dot_load(at - 2), '\r')));
}

static inline uint64_t dot_grows_64(const unsigned char *at)
{
    return dot_mask(dot_grows(at), dot_grows(at + 16), dot_grows(at + 32), dot_grows(at + 48));
}

static inline uint64_t dot_stuffed_64(const unsigned char *at)
{
    return dot_mask(dot_stuffed(at), dot_stuffed(at + 16), dot_stuffed(at + 32), dot_stuffed(at + 48));
}

/* A block in registers. */
struct dot_four {
    struct dot_vec v[4];
};

static inline struct dot_four dot_load_64(const unsigned char *at)
{
    return (struct dot_four){{dot_load(at), dot_load(at + 16), dot_load(at + 32), dot_load(at + 48)}};
}

static inline void dot_store_64(unsigned char *to, struct dot_four block)
{
    for (size_t i = 0; i < 4; i++)
        dot_store(to + 16 * i, block.v[i]);
}

#endif
