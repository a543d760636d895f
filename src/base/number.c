#include "base/number.h"

#include <assert.h>

bool pf_number_put(struct pf_span *out, uint64_t number, size_t octets)
{
    unsigned char form[8];

    assert(octets <= sizeof form);
    for (size_t i = 0; i < octets; i++)
        form[i] = (unsigned char)(number >> (8 * (octets - 1 - i)));
    return pf_span_put(out, pf_bytes_from(form, octets));
}

uint64_t pf_number_take(struct pf_bytes *from, size_t octets)
{
    uint64_t number = 0;

    assert(octets <= 8 && octets <= from->len);
    for (size_t i = 0; i < octets; i++)
        number = number << 8 | from->at[i];
    *from = pf_bytes_skip(*from, octets);
    return number;
}
