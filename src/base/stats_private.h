/* Figures as the files of this room share them: the rows of the list, and where their cells are. */
#ifndef POSTFACH_BASE_STATS_PRIVATE_H
#define POSTFACH_BASE_STATS_PRIVATE_H

#include "base/stats.h"

enum pf_stats_kind { PF_STATS_COUNTER, PF_STATS_GAUGE, PF_STATS_GAUGE_MIN, PF_STATS_HISTOGRAM };

enum pf_stats_label {
#define PF_LABEL(name, words) PF_STATS_LABEL_##name,
#include "base/stats.def"
    PF_STATS_LABELS
};

struct pf_stats_row {
    const char *name, *help;
    enum pf_stats_kind kind;
    const char *from; /* letters of the processes that count it */
    enum pf_stats_label first, second;
};

extern const struct pf_stats_row pf_stats_rows[PF_STATS];

/* All words of a label, with blanks between. */
const char *pf_stats_words(enum pf_stats_label);

struct pf_stats {
    size_t at[PF_STATS + 1]; /* the first cell of each, and the end */
    size_t words[PF_STATS_LABELS]; /* how many a label has */
    uint64_t cells[];
};

#endif
