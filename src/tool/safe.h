/* Safe: text of strangers on a terminal. */
#ifndef POSTFACH_TOOL_SAFE_H
#define POSTFACH_TOOL_SAFE_H

#include <stdbool.h>
#include <stdio.h>

/* Prints UTF-8 text without control characters (newlines and tabs stay when `lines`). */
void pf_tool_print_safe(FILE *to, const char *text, bool lines);

#endif
