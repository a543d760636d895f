#include "tool/table.h"

#include "conf/utf8.h"

#include <stdlib.h>

static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static bool grow(struct pf_table *table)
{
    size_t room = table->room * 2 + 64;
    char **cells;

    if (table->rows < table->room)
        return true;
    cells = reallocarray(table->cells, room * table->columns, sizeof cells[0]);
    if (!cells)
        return false;
    table->cells = cells;
    table->room = room;
    return true;
}

bool pf_table_add(struct pf_table *table, const char *const cells[])
{
    char clean[PF_TABLE_CELL];

    if (!grow(table))
        return false;
    for (size_t i = 0; i < table->columns; i++) {
        char *cell;

        pf_conf_clean(clean, sizeof clean, pf_bytes_of(cells[i][0] ? cells[i] : "-"));
        cell = strdup(clean);
        if (!cell) {
            while (i > 0)
                free(table->cells[table->rows * table->columns + --i]);
            return false;
        }
        table->cells[table->rows * table->columns + i] = cell;
        if (width_of(cell) > table->width[i])
            table->width[i] = width_of(cell);
    }
    table->rows++;
    return true;
}

void pf_table_print(const struct pf_table *table, FILE *to)
{
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        size_t column = i % table->columns, width = width_of(table->cells[i]);

        fputs(table->cells[i], to);
        if (column + 1 == table->columns)
            putc('\n', to);
        else
            fprintf(to, "%*s", (int)(table->width[column] - width) + 2, "");
    }
}

void pf_table_done(struct pf_table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct pf_table){0};
}
