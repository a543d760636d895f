/* What a fetch shows, as text: sizes, times, the line of an account under way. Pure: no clock, no
 * terminal. */
#ifndef POSTFACH_TOOL_FETCH_TEXT_H
#define POSTFACH_TOOL_FETCH_TEXT_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_FETCH_OCTETS = 24, /* "1023.9 MB" and room */
    PF_FETCH_TIME = 24,   /* "99999:59:59" */
    PF_FETCH_LINE = 2048  /* a terminal of some 500 columns in UTF-8 */
};

/* "917 B", "4.7 kB", "31 MB"; powers of ten, as providers and disks count. */
const char *pf_fetch_octets(uint64_t octets, char room[PF_FETCH_OCTETS]);
/* "0:07", "12:34", "1:02:03". */
const char *pf_fetch_time(pf_time ms, char room[PF_FETCH_TIME]);
/* "0.3 s", "12.0 s"; from a minute on as pf_fetch_time. */
const char *pf_fetch_took(pf_time ms, char room[PF_FETCH_TIME]);
/* Columns of a text; one for each code point. */
size_t pf_fetch_columns(const char *text);

/* How far one account is. */
struct pf_fetch_progress {
    uint64_t messages, of_messages;
    uint64_t octets, of_octets; /* that came, of that will; 0 where the server does not tell sizes */
    uint64_t base;              /* octets of messages before this one */
    uint64_t current, so_far;   /* of the message that comes now */
    pf_time sampled;            /* private, as the others */
    uint64_t sampled_octets;
    double rate; /* octets in a second, smoothed; < 0: not known yet */
};

void pf_fetch_progress_begin(struct pf_fetch_progress *);
/* What is to come was listed (once for each session with the server). */
void pf_fetch_progress_listed(struct pf_fetch_progress *, uint64_t fresh, uint64_t fresh_octets);
void pf_fetch_progress_message(struct pf_fetch_progress *, uint64_t octets);
void pf_fetch_progress_moves(struct pf_fetch_progress *, uint64_t so_far);
/* Takes a sample of the rate where it is time for one. */
void pf_fetch_progress_look(struct pf_fetch_progress *, pf_time now);
/* ms until all of it has come, or -1 where nobody can say. */
pf_time pf_fetch_progress_left(const struct pf_fetch_progress *);

/* One line of at most `width` columns: NAME, a bar, and as many of the figures as fit. `doing`: what
 * happens before and after the fetching, or NULL. */
void pf_fetch_bar(const char *name, const struct pf_fetch_progress *, const char *doing, size_t width,
                  char line[PF_FETCH_LINE]);

#endif
