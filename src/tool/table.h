/* Table: rows of text for people, in columns as wide as they must be.
 *
 * What stands in a cell may come from anywhere: control characters, and what is no UTF-8, become '?'. A
 * column is one code point. */
#ifndef POSTFACH_TOOL_TABLE_H
#define POSTFACH_TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { PF_TABLE_COLUMNS = 8, PF_TABLE_CELL = 512 /* octets; longer text is cut */ };

struct pf_table {
    size_t columns, rows, room;
    size_t width[PF_TABLE_COLUMNS];
    char **cells;
};

/* The first row is the head. False without memory. */
bool pf_table_add(struct pf_table *, const char *const cells[]);
void pf_table_print(const struct pf_table *, FILE *to);
void pf_table_done(struct pf_table *);

#endif
