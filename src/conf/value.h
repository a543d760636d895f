/* Values: from a word to a field and back.
 *
 * One reader and one printer per type, driven by the row. What is printed reads back as the same
 * value; sizes and times are printed in the largest unit that is exact. */
#ifndef POSTFACH_CONF_VALUE_H
#define POSTFACH_CONF_VALUE_H

#include "conf/memory.h"
#include "conf/mistake.h"
#include "conf/settings.h"

struct pf_conf_input {
    struct pf_bytes word;
    const struct pf_conf_place *place;
    struct pf_conf_mistakes *mistakes;
    struct pf_conf_memory **keep; /* where texts are copied to */
};

/* Reads the word into the row's field; false when a mistake was told. */
bool pf_conf_value_read(const struct pf_conf_row *, const struct pf_conf_input *,
                        struct pf_conf_draft *);
/* Reads "0.0.0.0:110" or "[::]:110" into address (in its canonical form) and port, "any:110", or "unix:/path". */
bool pf_conf_address_read(const struct pf_conf_input *, struct pf_conf_listen *);

/* Sets the row's default. Rows that take another row's value must come behind it. */
void pf_conf_default(const struct pf_conf_row *, struct pf_conf_draft *);
bool pf_conf_value_equal(const struct pf_conf_row *, const struct pf_conf_draft *,
                         const struct pf_conf_draft *);
/* False when the field is a text that is not set. */
bool pf_conf_value_is_set(const struct pf_conf_row *, const struct pf_conf_draft *);
void pf_conf_value_print(const struct pf_conf_row *, const struct pf_conf_draft *, FILE *to);
/* A text, in quotes where the grammar wants them. */
void pf_conf_text_print(const char *text, FILE *to);

/* Room for a listener's address as the file has it. */
enum { PF_CONF_PLACE_TEXT = 128 };
void pf_conf_address_text(const struct pf_conf_listen *, char out_text[PF_CONF_PLACE_TEXT]);

#endif
