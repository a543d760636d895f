#include "base/stats_private.h"

#include "base/number.h"

#include <assert.h>

enum {
    HEAD = 4 + 8 + 4, /* mark and version of the form, fingerprint of the list, number of cells */
    CELL = 4 + 8
};

static const uint64_t value_max = ((uint64_t)1 << PF_STATS_VALUE_BITS) - 1;

static const unsigned char mark[4] = {'P', 'F', 'S', 1};

/* FNV-1a, with the NUL. */
static uint64_t stir(uint64_t sum, const char *text)
{
    size_t len = strlen(text) + 1;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)text[i]) * 1099511628211u;
    return sum;
}

/* Two programs with another list must not take cells for each other's. */
static uint64_t fingerprint(void)
{
    uint64_t sum = 14695981039346656037u;

    for (size_t i = 0; i < PF_STATS; i++) {
        const struct pf_stats_row *row = &pf_stats_rows[i];

        sum = stir(stir(stir(sum, row->name), row->from), pf_stats_words(row->first));
        sum = stir(sum, pf_stats_words(row->second)) * 31 + row->kind;
    }
    return sum;
}

static bool counts(const struct pf_stats_row *row, char from)
{
    return strchr(row->from, from);
}

bool pf_stats_pack(const struct pf_stats *stats, char from, struct pf_span *out)
{
    size_t begin = out->len, count = 0;
    struct pf_span number;

    assert(HEAD + stats->at[PF_STATS] * CELL <= PF_STATS_PACK_MAX);
    if (pf_span_room(out) < PF_STATS_PACK_MAX)
        return false;
    pf_span_put(out, pf_bytes_from(mark, sizeof mark));
    pf_number_put(out, fingerprint(), 8);
    pf_number_put(out, 0, 4);
    for (size_t i = 0; i < PF_STATS; i++)
        for (size_t at = stats->at[i]; counts(&pf_stats_rows[i], from) && at < stats->at[i + 1]; at++)
            if (stats->cells[at]) {
                pf_number_put(out, at, 4);
                pf_number_put(out, stats->cells[at] > value_max ? value_max : stats->cells[at], 8);
                count++;
            }
    number = (struct pf_span){out->at + begin + HEAD - 4, 0, 4};
    pf_number_put(&number, count, 4);
    return true;
}

/* Looks at each cell; with `into` it also takes them. Only the first look may fail. */
static bool each(const struct pf_stats *stats, char from, struct pf_bytes cells, uint64_t *into)
{
    uint64_t next = 0;
    size_t row = 0;

    while (cells.len) {
        uint64_t at = pf_number_take(&cells, 4), value = pf_number_take(&cells, 8);

        if (at < next || at >= stats->at[PF_STATS] || !value || value > value_max)
            return false;
        while (at >= stats->at[row + 1])
            row++;
        if (!counts(&pf_stats_rows[row], from))
            return false;
        if (into)
            into[at] = value;
        next = at + 1;
    }
    return true;
}

bool pf_stats_unpack(struct pf_stats *stats, char from, struct pf_bytes packed)
{
    uint64_t print, count;

    if (packed.len < HEAD || memcmp(packed.at, mark, sizeof mark) != 0)
        return false;
    packed = pf_bytes_skip(packed, sizeof mark);
    print = pf_number_take(&packed, 8);
    count = pf_number_take(&packed, 4);
    if (print != fingerprint() || packed.len != count * CELL || !each(stats, from, packed, NULL))
        return false;
    pf_stats_clear(stats);
    return each(stats, from, packed, stats->cells);
}

void pf_stats_clear(struct pf_stats *stats)
{
    memset(stats->cells, 0, stats->at[PF_STATS] * sizeof stats->cells[0]);
}

static void join(uint64_t *all, uint64_t one, enum pf_stats_kind kind)
{
    if (kind != PF_STATS_GAUGE_MIN) {
        if (__builtin_add_overflow(*all, one, all))
            *all = UINT64_MAX;
    } else if (one && (!*all || one < *all)) {
        *all = one;
    }
}

static void add(struct pf_stats *all, const struct pf_stats *one, bool past)
{
    for (size_t i = 0; i < PF_STATS; i++) {
        enum pf_stats_kind kind = pf_stats_rows[i].kind;

        if (past && (kind == PF_STATS_GAUGE || kind == PF_STATS_GAUGE_MIN))
            continue;
        for (size_t at = all->at[i]; at < all->at[i + 1]; at++)
            join(&all->cells[at], one->cells[at], kind);
    }
}

void pf_stats_add(struct pf_stats *all, const struct pf_stats *one)
{
    add(all, one, false);
}

void pf_stats_add_past(struct pf_stats *all, const struct pf_stats *one)
{
    add(all, one, true);
}
