#include "base/crlf.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

uint64_t pf_crlf_bare_scalar(const unsigned char *at, size_t len)
{
    uint64_t bare = 0;

    for (size_t i = 1; i < len; i++)
        bare += at[i] == '\n' && at[i - 1] != '\r';
    return bare;
}

#ifdef __SSE2__
/* One run of at most 255 blocks, so that no octet-wide counter overflows. */
static uint64_t bare_blocks(const unsigned char *at, size_t blocks)
{
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r');
    __m128i sum = _mm_setzero_si128();
    uint64_t halves[2];

    for (size_t i = 0; i < blocks; i++, at += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i before = _mm_loadu_si128((const __m128i *)(const void *)(at - 1));
        __m128i bare = _mm_andnot_si128(_mm_cmpeq_epi8(before, cr), _mm_cmpeq_epi8(here, lf));

        sum = _mm_sub_epi8(sum, bare);
    }
    _mm_storeu_si128((__m128i *)(void *)halves, _mm_sad_epu8(sum, _mm_setzero_si128()));
    return halves[0] + halves[1];
}

uint64_t pf_crlf_bare(const unsigned char *at, size_t len)
{
    uint64_t bare = 0;
    size_t i = 1;

    while (i < len && len - i >= 16) {
        size_t blocks = (len - i) / 16;

        if (blocks > 255)
            blocks = 255;
        bare += bare_blocks(at + i, blocks);
        i += blocks * 16;
    }
    return i < len ? bare + pf_crlf_bare_scalar(at + i - 1, len - i + 1) : bare;
}
#else
uint64_t pf_crlf_bare(const unsigned char *at, size_t len)
{
    return pf_crlf_bare_scalar(at, len);
}
#endif

void pf_crlf_add(struct pf_crlf *c, struct pf_bytes in)
{
    if (!in.len)
        return;
    c->octets += in.len + pf_crlf_bare(in.at, in.len);
    c->octets += in.at[0] == '\n' && !c->after_cr;
    c->after_cr = in.at[in.len - 1] == '\r';
    c->mid_line = in.at[in.len - 1] != '\n';
}
