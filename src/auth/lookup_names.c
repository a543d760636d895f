#include "auth/lookup_names.h"

#include "auth/auth_file.h"
#include "auth/lookup_aliases.h"

#include <stdlib.h>

/* Lives in one piece: the folded name, a NUL, the name as it is written, a NUL. */
struct row {
    char *folded;
    size_t len, place; /* in the order of sources and their lines */
};

struct pf_lookup_names {
    bool fold;
    size_t count, cap;
    struct row *rows;
};

static int compare(struct pf_bytes a, const struct row *row)
{
    int order = memcmp(a.at, row->folded, a.len < row->len ? a.len : row->len);

    return order ? order : (a.len > row->len) - (a.len < row->len);
}

static int by_name(const void *a, const void *b)
{
    const struct row *one = a, *other = b;
    int order = compare(pf_bytes_from(one->folded, one->len), other);

    return order ? order : (one->place > other->place) - (one->place < other->place);
}

static bool make_room(struct pf_lookup_names *names)
{
    size_t cap = names->cap ? 2 * names->cap : 16;
    struct row *rows;

    if (names->count < names->cap)
        return true;
    rows = realloc(names->rows, cap * sizeof *rows);
    if (!rows)
        return false;
    names->rows = rows;
    names->cap = cap;
    return true;
}

static bool add(struct pf_lookup_names *names, const char *name)
{
    unsigned char folded[PF_AUTH_NAME_MAX + 1];
    size_t len = strlen(name);
    char *pair;

    memcpy(folded, name, len + 1);
    pf_aliases_fold(folded, len, names->fold);
    if (memcmp(folded, name, len) == 0)
        return true;
    pair = make_room(names) ? malloc(2 * (len + 1)) : NULL;
    if (!pair)
        return false;
    memcpy(pair, folded, len + 1);
    memcpy(pair + len + 1, name, len + 1);
    names->rows[names->count] = (struct row){pair, len, names->count};
    names->count++;
    return true;
}

static bool add_all(struct pf_lookup_names *names, const struct pf_auth_tables *tables)
{
    struct pf_auth_entry entry;

    for (size_t i = 0; i < PF_AUTH_SOURCES; i++) {
        struct pf_auth_seat seat = pf_auth_tables_seat(tables, i);

        if (seat.row != &pf_auth_file_source)
            continue;
        for (size_t k = 0; k < pf_auth_file_count(seat.self); k++) {
            pf_auth_file_at(seat.self, k, &entry);
            if (!add(names, entry.user.name))
                return false;
        }
    }
    return true;
}

struct pf_lookup_names *pf_lookup_names_new(const struct pf_auth_tables *tables, bool fold, struct pf_err *err)
{
    struct pf_lookup_names *names = calloc(1, sizeof *names);

    if (names)
        names->fold = fold;
    if (!names || !add_all(names, tables)) {
        pf_lookup_names_free(names);
        pf_fail(err, PF_NO_MEMORY, 0, "lookup", "no memory for recipients");
        return NULL;
    }
    if (names->count)
        qsort(names->rows, names->count, sizeof names->rows[0], by_name);
    return names;
}

void pf_lookup_names_free(struct pf_lookup_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < names->count; i++)
        free(names->rows[i].folded);
    free(names->rows);
    free(names);
}

size_t pf_lookup_names_find(const struct pf_lookup_names *names, struct pf_bytes folded, const char **out_name)
{
    size_t from = 0, to = names->count, end;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (compare(folded, &names->rows[middle]) > 0)
            from = middle + 1;
        else
            to = middle;
    }
    for (end = from; end < names->count && compare(folded, &names->rows[end]) == 0; end++)
        ;
    if (end > from)
        *out_name = names->rows[from].folded + names->rows[from].len + 1;
    return end - from;
}
