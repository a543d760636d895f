/* The lines of a talk's head: `set name value`, `user`, `box`, `tls`, `refuse`, `only`. */
#ifndef POSTFACH_TEST_TALK_SET_H
#define POSTFACH_TEST_TALK_SET_H

#include "talk.h"

/* The defaults that README.md names. */
void talk_set_defaults(struct talk *);
/* NULL or what is wrong with `rest` (everything behind "set "). */
const char *talk_set(struct talk *, const char *rest);
/* "61s", "1500ms" or "10m" in milliseconds, -1 when it is none of them. */
int64_t talk_duration(const char *text);
/* "in-use" is PF_IN_USE; PF_CODES when there is no such verdict. */
enum pf_code talk_verdict(const char *word);

#endif
