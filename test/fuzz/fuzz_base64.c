/* Base64: each octet string has exactly one text that is accepted. So what is decoded, encoded again,
 * is the text; and a text that is refused is the encoding of nothing. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/b64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pf_span room(size_t cap)
{
    struct pf_span s = {malloc(cap ? cap : 1), 0, cap};

    assert(s.at);
    return s;
}

/* The octets that the text could only stand for, foreign letters taken as zero. */
static struct pf_span guess(struct pf_bytes text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct pf_span out = room(text.len + 4);
    size_t pads = 0;

    for (size_t i = 0; i + 4 <= text.len; i += 4) {
        uint32_t bits = 0;

        for (size_t j = 0; j < 4; j++) {
            const char *hit = text.at[i + j] ? strchr(letters, text.at[i + j]) : NULL;

            bits = bits << 6 | (uint32_t)(hit ? hit - letters : 0);
        }
        out.at[out.len++] = (unsigned char)(bits >> 16);
        out.at[out.len++] = (unsigned char)(bits >> 8);
        out.at[out.len++] = (unsigned char)bits;
    }
    while (pads < 2 && pads < text.len && text.at[text.len - 1 - pads] == '=')
        pads++;
    out.len -= pads < out.len ? pads : out.len;
    return out;
}

static bool is_encoding_of(struct pf_bytes text, struct pf_bytes octets)
{
    struct pf_span again = room((octets.len + 2) / 3 * 4);
    bool same;

    assert(pf_b64_encode(octets, &again));
    same = pf_bytes_equal(pf_span_bytes(&again), text);
    free(again.at);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes text = pf_bytes_from(data, size);
    struct pf_span octets = room(pf_b64_room(size));
    struct pf_span encoded = room((size + 2) / 3 * 4), back = room(size + 2);
    struct pf_span guessed = guess(text);

    if (pf_b64_decode(text, &octets))
        assert(is_encoding_of(text, pf_span_bytes(&octets)));
    else
        assert(octets.len == 0 && !is_encoding_of(text, pf_span_bytes(&guessed)));
    assert(pf_b64_encode(text, &encoded));
    assert(pf_b64_decode(pf_span_bytes(&encoded), &back));
    assert(pf_bytes_equal(pf_span_bytes(&back), text));
    free(octets.at);
    free(encoded.at);
    free(back.at);
    free(guessed.at);
    return 0;
}
