/* The journal as files: a sink that never waits for the disk.
 *
 * Lines that come in one turn of the loop lie together until its end, then a thread of the pool appends them with
 * one write(2) (sys/journal_day.h); what comes meanwhile is the next batch. While the disk fails or hangs, lines wait
 * in bounded memory; when that is full the oldest go, and when the disk is back a record `lost` says how many.
 * The first failure of a run of failures is told, the others are not. */
#ifndef POSTFACH_SYS_JOURNAL_FILE_H
#define POSTFACH_SYS_JOURNAL_FILE_H

#include "base/journal.h"
#include "sys/pool.h"

struct pf_journal_file;

struct pf_journal_file_settings {
    const char *folder; /* NULL: nothing is written. Copied */
    int64_t keep_days;  /* -1: for ever */
    size_t memory;      /* octets of lines that wait; twice that, with those being written */
    uint64_t process;   /* for the sink */
    int64_t (*now)(void); /* ms since 1970; NULL: the machine's clock */
    void (*trouble)(void *self, const struct pf_err *); /* or NULL */
    void *self;
};

struct pf_journal_file *pf_journal_file_new(struct pf_loop *, struct pf_pool *,
                                            const struct pf_journal_file_settings *, struct pf_err *err);
/* Folder, days and memory of these count from now on; what waits goes into the new folder. */
void pf_journal_file_settings(struct pf_journal_file *, const struct pf_journal_file_settings *);
/* Lives as long as the file. */
struct pf_journal_sink *pf_journal_file_sink(struct pf_journal_file *);
/* What waits is still written, by this thread where no other is busy with it; memory goes on a later turn of the
 * loop. Before pf_pool_free. NULL is allowed. */
void pf_journal_file_free(struct pf_journal_file *);

#endif
