/* Safe: text of strangers on a terminal. */
#ifndef POSTFACH_TOOL_SAFE_H
#define POSTFACH_TOOL_SAFE_H

#include <stdbool.h>
#include <stdio.h>

/* Prints text with '?' for every control character, and for each octet that is no UTF-8. Newlines and
 * tabs stay when `lines`; else what turns the direction of writing round is '?', too: a person reads one
 * line as one thing. */
void pf_tool_print_safe(FILE *to, const char *text, bool lines);

#endif
