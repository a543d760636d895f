#include "store/mbox/numbers.h"

#include <inttypes.h>
#include <stdio.h>

void pf_mbox_numbers_put(char *to, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        snprintf(to + i * PF_MBOX_NUMBER, PF_MBOX_NUMBER + 1, " %016" PRIx64, numbers[i]);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool get_one(const char *from, uint64_t *number)
{
    *number = 0;
    for (int i = 1; i < PF_MBOX_NUMBER; i++) {
        int digit = digit_of(from[i]);

        if (digit < 0)
            return false;
        *number = *number << 4 | (uint64_t)digit;
    }
    return from[0] == ' ';
}

bool pf_mbox_numbers_get(const char *from, uint64_t *out_numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!get_one(from + i * PF_MBOX_NUMBER, &out_numbers[i]))
            return false;
    return true;
}
