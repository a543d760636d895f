#include "base/stats_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PF_VERDICT(name, pop3, lmtp, exit, retry, say) #name " "
static const char verdicts[] =
#include <postfach/verdict.def>
    "other";
#undef PF_VERDICT
#define PF_STATS_VERDICTS verdicts

static const struct {
    const char *name, *words;
} labels[] = {
#define PF_LABEL(name, words) {#name, words},
#include "base/stats.def"
};

const struct pf_stats_row pf_stats_rows[PF_STATS] = {
#define PF_STAT(name, kind, from, first, second, unit, help) \
    {#name, help, PF_STATS_##kind, from, PF_STATS_LABEL_##first, PF_STATS_LABEL_##second},
#include "base/stats.def"
};

const char *pf_stats_words(enum pf_stats_label label)
{
    return labels[label].words;
}

/* Upper bounds of a histogram's buckets: from a call that met the page cache to a session of an afternoon. */
static const struct {
    uint64_t ms;
    const char *seconds;
} buckets[] = {{1, "0.001"},   {5, "0.005"},   {20, "0.02"},   {50, "0.05"},    {100, "0.1"},
               {250, "0.25"},  {500, "0.5"},   {1000, "1.0"},  {2500, "2.5"},   {5000, "5.0"},
               {10000, "10.0"}, {30000, "30.0"}, {60000, "60.0"}, {300000, "300.0"}, {3600000, "3600.0"}};

enum {
    BUCKETS = sizeof buckets / sizeof buckets[0],
    SUM = BUCKETS + 1, /* behind the bucket of all that took longer */
    CELLS = SUM + 1,   /* of a histogram */
    WORD = 40          /* the longest word of a label, with its NUL */
};

/* The word number `index`, or false behind the last. */
static bool word_at(enum pf_stats_label label, size_t index, struct pf_bytes *out_word)
{
    struct pf_bytes rest = pf_bytes_of(labels[label].words);

    for (;; index--) {
        const unsigned char *blank = rest.len ? memchr(rest.at, ' ', rest.len) : NULL;
        size_t len = blank ? (size_t)(blank - rest.at) : rest.len;

        *out_word = pf_bytes_head(rest, len);
        if (index == 0)
            return true;
        if (!blank)
            return false;
        rest = pf_bytes_skip(rest, len + 1);
    }
}

static size_t words_of(enum pf_stats_label label)
{
    struct pf_bytes word;
    size_t count = 1;

    while (word_at(label, count, &word))
        count++;
    return count;
}

/* The last word stands for all that are not in the list. */
static size_t index_of(enum pf_stats_label label, const char *text)
{
    const char *at = labels[label].words;
    size_t len = text ? strlen(text) : 0;

    for (size_t index = 0;; index++) {
        const char *end = strchr(at, ' ');

        if (!end || ((size_t)(end - at) == len && len && memcmp(at, text, len) == 0))
            return index;
        at = end + 1;
    }
}

static size_t cells_of(const struct pf_stats_row *row)
{
    return words_of(row->first) * words_of(row->second) * (row->kind == PF_STATS_HISTOGRAM ? CELLS : 1);
}

struct pf_stats *pf_stats_new(struct pf_err *err)
{
    struct pf_stats *stats;
    size_t count = 0;

    for (size_t i = 0; i < PF_STATS; i++)
        count += cells_of(&pf_stats_rows[i]);
    stats = calloc(1, sizeof *stats + count * sizeof stats->cells[0]);
    if (!stats) {
        pf_fail(err, PF_NO_MEMORY, 0, "stats", "no memory for figures");
        return NULL;
    }
    count = 0;
    for (size_t i = 0; i < PF_STATS; i++) {
        stats->at[i] = count;
        count += cells_of(&pf_stats_rows[i]);
    }
    stats->at[PF_STATS] = count;
    for (size_t i = 0; i < PF_STATS_LABELS; i++)
        stats->words[i] = words_of((enum pf_stats_label)i);
    return stats;
}

void pf_stats_free(struct pf_stats *stats)
{
    free(stats);
}

static size_t place(const struct pf_stats *stats, enum pf_stat stat, const char *first, const char *second)
{
    const struct pf_stats_row *row = &pf_stats_rows[stat];
    size_t series = index_of(row->first, first) * stats->words[row->second] + index_of(row->second, second);

    return stats->at[stat] + series * (row->kind == PF_STATS_HISTOGRAM ? CELLS : 1);
}

void pf_stats_count(struct pf_stats *stats, enum pf_stat stat, const char *first, const char *second,
                    uint64_t number)
{
    assert(pf_stats_rows[stat].kind == PF_STATS_COUNTER);
    if (stats)
        stats->cells[place(stats, stat, first, second)] += number;
}

void pf_stats_gauge(struct pf_stats *stats, enum pf_stat stat, uint64_t value)
{
    assert(pf_stats_rows[stat].kind == PF_STATS_GAUGE || pf_stats_rows[stat].kind == PF_STATS_GAUGE_MIN);
    if (stats)
        stats->cells[stats->at[stat]] = value;
}

void pf_stats_took(struct pf_stats *stats, enum pf_stat stat, const char *first, uint64_t ms)
{
    size_t at, bucket = 0;

    assert(pf_stats_rows[stat].kind == PF_STATS_HISTOGRAM);
    if (!stats)
        return;
    at = place(stats, stat, first, NULL);
    while (bucket < BUCKETS && ms > buckets[bucket].ms)
        bucket++;
    stats->cells[at + bucket]++;
    stats->cells[at + SUM] += ms;
}

static uint64_t number_of(const uint64_t *histogram)
{
    uint64_t number = 0;

    for (size_t i = 0; i < SUM; i++)
        number += histogram[i];
    return number;
}

uint64_t pf_stats_value(const struct pf_stats *stats, enum pf_stat stat, const char *first, const char *second)
{
    const uint64_t *cell = &stats->cells[place(stats, stat, first, second)];

    return pf_stats_rows[stat].kind == PF_STATS_HISTOGRAM ? number_of(cell) : *cell;
}

struct text {
    void (*put)(void *self, const char *line);
    void *self;
    const struct pf_stats_row *row;
    char labels[2 * WORD + 40]; /* a="b",c="d" without braces, or "" */
};

static void put_line(const struct text *t, const char *line)
{
    t->put(t->self, line);
}

static void name_series(struct text *t, size_t first, size_t second)
{
    struct pf_bytes a, b;

    word_at(t->row->first, first, &a);
    word_at(t->row->second, second, &b);
    t->labels[0] = 0;
    if (t->row->second != PF_STATS_LABEL_none)
        snprintf(t->labels, sizeof t->labels, "%s=\"%.*s\",%s=\"%.*s\"", labels[t->row->first].name, (int)a.len,
                 (const char *)a.at, labels[t->row->second].name, (int)b.len, (const char *)b.at);
    else if (t->row->first != PF_STATS_LABEL_none)
        snprintf(t->labels, sizeof t->labels, "%s=\"%.*s\"", labels[t->row->first].name, (int)a.len,
                 (const char *)a.at);
}

static void put_number(const struct text *t, const char *suffix, const char *value)
{
    char line[PF_STATS_LINE];
    bool bare = !t->labels[0];

    snprintf(line, sizeof line, "postfach_%s%s%s%s%s %s", t->row->name, suffix, bare ? "" : "{", t->labels,
             bare ? "" : "}", value);
    put_line(t, line);
}

static void put_histogram(const struct text *t, const uint64_t *cells)
{
    char line[PF_STATS_LINE], value[40];
    uint64_t number = 0;

    for (size_t i = 0; i <= BUCKETS; i++) {
        number += cells[i];
        snprintf(line, sizeof line, "postfach_%s_bucket{%s%sle=\"%s\"} %llu", t->row->name, t->labels,
                 t->labels[0] ? "," : "", i < BUCKETS ? buckets[i].seconds : "+Inf", (unsigned long long)number);
        put_line(t, line);
    }
    snprintf(value, sizeof value, "%llu.%03u", (unsigned long long)(cells[SUM] / 1000),
             (unsigned)(cells[SUM] % 1000));
    put_number(t, "_sum", value);
    snprintf(value, sizeof value, "%llu", (unsigned long long)number);
    put_number(t, "_count", value);
}

static void put_series(const struct text *t, const uint64_t *cells)
{
    char value[40];

    if (t->row->kind == PF_STATS_HISTOGRAM) {
        put_histogram(t, cells);
        return;
    }
    if (t->row->second != PF_STATS_LABEL_none && *cells == 0)
        return;
    snprintf(value, sizeof value, "%llu", (unsigned long long)*cells);
    put_number(t, "", value);
}

static void tell_series(const struct text *t, const uint64_t *cells)
{
    char value[80];
    uint64_t number = t->row->kind == PF_STATS_HISTOGRAM ? number_of(cells) : *cells;
    uint64_t mean = t->row->kind == PF_STATS_HISTOGRAM && number ? cells[SUM] / number : 0;

    if (number == 0)
        return;
    if (t->row->kind == PF_STATS_HISTOGRAM)
        snprintf(value, sizeof value, "%llu, %llu.%03u on average", (unsigned long long)number,
                 (unsigned long long)(mean / 1000), (unsigned)(mean % 1000));
    else
        snprintf(value, sizeof value, "%llu", (unsigned long long)number);
    put_number(t, "", value);
}

static void put_head(const struct text *t)
{
    static const char *const kinds[] = {"counter", "gauge", "gauge", "histogram"};
    char line[PF_STATS_LINE];

    snprintf(line, sizeof line, "# HELP postfach_%s %s", t->row->name, t->row->help);
    put_line(t, line);
    snprintf(line, sizeof line, "# TYPE postfach_%s %s", t->row->name, kinds[t->row->kind]);
    put_line(t, line);
}

static void each_series(const struct pf_stats *stats, struct text *t,
                        void (*show)(const struct text *, const uint64_t *cells))
{
    const uint64_t *cells = &stats->cells[stats->at[t->row - pf_stats_rows]];
    size_t firsts = words_of(t->row->first), seconds = words_of(t->row->second);

    for (size_t i = 0; i < firsts * seconds; i++) {
        name_series(t, i / seconds, i % seconds);
        show(t, cells);
        cells += t->row->kind == PF_STATS_HISTOGRAM ? CELLS : 1;
    }
}

void pf_stats_write(const struct pf_stats *stats, void (*put)(void *self, const char *line), void *self)
{
    struct text t = {.put = put, .self = self};

    for (t.row = pf_stats_rows; t.row < pf_stats_rows + PF_STATS; t.row++) {
        put_head(&t);
        each_series(stats, &t, put_series);
    }
}

void pf_stats_tell(const struct pf_stats *stats, void (*put)(void *self, const char *line), void *self)
{
    struct text t = {.put = put, .self = self};

    for (t.row = pf_stats_rows; t.row < pf_stats_rows + PF_STATS; t.row++)
        each_series(stats, &t, tell_series);
}
