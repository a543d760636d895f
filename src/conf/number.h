/* Numbers: plain, with a unit, or "never". */
#ifndef POSTFACH_CONF_NUMBER_H
#define POSTFACH_CONF_NUMBER_H

#include "conf/settings.h"

enum pf_conf_number {
    PF_CONF_NUMBER_GOOD,
    PF_CONF_NUMBER_NONE,   /* not of this form */
    PF_CONF_NUMBER_BARE,   /* a time without its unit */
    PF_CONF_NUMBER_BROKEN, /* a part of a second where whole ones are kept */
    PF_CONF_NUMBER_RANGE
};

/* Reads a NUMBER, SIZE, DURATION or DAYS in the row's unit; *out_value is set when it is good. */
enum pf_conf_number pf_conf_number_read(const struct pf_conf_row *, struct pf_bytes word,
                                        int64_t *out_value);

enum { PF_CONF_NUMBER_TEXT = 32 };
/* The number in the file's grammar, in the largest unit that is exact: "10m". */
void pf_conf_number_text(const struct pf_conf_row *, int64_t, char out_text[PF_CONF_NUMBER_TEXT]);

#endif
