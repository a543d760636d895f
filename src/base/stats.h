/* Stats: what the server counts, as one list (stats.def).
 *
 * A figure is a counter (only grows), a gauge (is set when somebody asks), or a
 * histogram of times. It has at most two labels, and all values of a label are
 * words of the list: what a stranger sends can never make a new series, and all
 * room is taken once, when the figures are made. To count is an addition to a
 * plain integer, on the thread of the loop; nothing is locked, nothing allocated.
 *
 * Functions that count take NULL for silence, as the log does. */
#ifndef POSTFACH_BASE_STATS_H
#define POSTFACH_BASE_STATS_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum pf_stat {
#define PF_STAT(name, kind, from, first, second, unit, help) PF_STAT_##name,
#include "base/stats.def"
    PF_STATS
};

enum { PF_STATS_LINE = 256 }; /* the longest line of the text, with its NUL: a help is shorter than 160 */

struct pf_stats;

struct pf_stats *pf_stats_new(struct pf_err *err); /* NULL without memory */
void pf_stats_free(struct pf_stats *);             /* NULL is allowed */

/* Adds to a counter. `first` and `second` are words of its labels, NULL where it has none. */
void pf_stats_count(struct pf_stats *, enum pf_stat, const char *first, const char *second, uint64_t number);
void pf_stats_gauge(struct pf_stats *, enum pf_stat, uint64_t value);
/* One more in a histogram. */
void pf_stats_took(struct pf_stats *, enum pf_stat, const char *first, uint64_t ms);

/* What was counted; of a histogram, how many. */
uint64_t pf_stats_value(const struct pf_stats *, enum pf_stat, const char *first, const char *second);

/* Gives the text form of Prometheus (version 0.0.4) line by line, without line ends. Series with two labels that
 * nothing was counted in are left out. */
void pf_stats_write(const struct pf_stats *, void (*put)(void *self, const char *line), void *self);
/* Figures of several processes as those of one server.
 *
 * A process packs what it counts itself, by the letter that it has in stats.def; who gathers them unpacks that
 * into figures of that process, and adds all up. What is unpacked may come from a process in the hands of a
 * stranger: it is the list of this very version, with cells of that letter only and numbers that can be, or nothing. */
enum {
    PF_STATS_PACK_MAX = 64 * 1024,     /* every cell, and a frame of sys/ipc.h */
    PF_STATS_VALUE_BITS = 53           /* what Prometheus keeps exactly; nothing counts so far */
};
/* Puts the packed form; room for PF_STATS_PACK_MAX always does. */
bool pf_stats_pack(const struct pf_stats *, char from, struct pf_span *);
/* All figures are those from now on; false, and nothing changed, when it is not exactly a packed form. */
bool pf_stats_unpack(struct pf_stats *, char from, struct pf_bytes packed);
void pf_stats_clear(struct pf_stats *);
/* Adds the figures of one process to those of all; a sum stops at its end. */
void pf_stats_add(struct pf_stats *all, const struct pf_stats *one);
/* The same without gauges: of a process that is gone. */
void pf_stats_add_past(struct pf_stats *all, const struct pf_stats *one);

/* For people: a line for each series that is not zero; of a histogram number and mean. */
void pf_stats_tell(const struct pf_stats *, void (*put)(void *self, const char *line), void *self);

#endif
