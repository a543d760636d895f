/* The journal's files: one for each day (UTC), journal-YYYYMMDD in a folder of its own.
 *
 * Everything here blocks, so it is for threads of a pool and for programs without a loop (`postfach deliver`). Any
 * number of processes may append to a file at the same time: each batch of lines is one write(2) with O_APPEND,
 * which the kernel keeps together. What was torn by a crash or a full disk is ended by a line end before anything
 * else is written, so that it spoils no line but itself; readers see by its check sum what it is.
 *
 * Files are for their owner alone (0600), and a folder that is missing is made for its owner alone: who fetched
 * what is nobody else's business. What root writes belongs to the folder's owner. Nothing is synced: a machine that
 * loses power may lose the last seconds of its journal, and no mail. */
#ifndef POSTFACH_SYS_JOURNAL_DAY_H
#define POSTFACH_SYS_JOURNAL_DAY_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum { PF_JOURNAL_NAME = sizeof "journal-YYYYMMDD" };

/* The file of a day, counted from 1970; false behind the year 9999. */
bool pf_journal_day_name(char out_name[PF_JOURNAL_NAME], int64_t day);
/* The day of a file; false for any other name. */
bool pf_journal_day_of(const char *name, int64_t *out_day);

struct pf_journal_day {
    const char *folder;
    int64_t keep_days; /* older files are removed when another day's is opened; -1: never */
    int fd;            /* -1: none is open. Begin with that */
    int64_t day;       /* of fd */
    bool torn;         /* the last write ended within a line */
};

/* Appends whole lines to the file of the moment `now` (seconds since 1970). *out_taken is set in any case: octets of
 * lines that are written, or that nobody may write again. On failure the rest may be tried later. */
enum pf_code pf_journal_day_write(struct pf_journal_day *, struct pf_bytes lines, int64_t now, size_t *out_taken,
                                  struct pf_err *err);
void pf_journal_day_close(struct pf_journal_day *);

#endif
