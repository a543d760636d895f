/* Numbers: how our files beside an mbox write them where places are fixed: a space and sixteen
 * hexadecimal digits each. */
#ifndef POSTFACH_STORE_MBOX_NUMBERS_H
#define POSTFACH_STORE_MBOX_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PF_MBOX_NUMBER = 17 }; /* octets of one */

/* `to` has room for count numbers and a NUL. */
void pf_mbox_numbers_put(char *to, const uint64_t *numbers, size_t count);
/* False when they are not written so. */
bool pf_mbox_numbers_get(const char *from, uint64_t *out_numbers, size_t count);

#endif
