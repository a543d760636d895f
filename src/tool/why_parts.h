/* The inside of `postfach why`, as its files share it.
 *
 * The days' files are read twice. First for lines with what was asked for in them: they show which mails are meant
 * (maildrop and UIDL), or that a user is. Then, for mails, for all that names their maildrops: who listed, fetched
 * and deleted them is told by UIDL alone. Records that matter are kept, put in order of time, and told.
 *
 * What stands in a record comes from strangers: it is matched octet by octet, and printed with everything that is no
 * printable ASCII as %XX. */
#ifndef POSTFACH_TOOL_WHY_PARTS_H
#define POSTFACH_TOOL_WHY_PARTS_H

#include "base/journal.h"
#include "sys/journal_day.h"

#include <stdio.h>

enum {
    PF_WHY_KEPT_MOST = 500000, /* records: a login each minute is 43,200 in thirty days; then memory gets scarce */
    PF_WHY_TIME = 32           /* "2026-11-22 06:13:00 +0100" */
};

struct pf_why_kept {
    struct pf_journal_record r;
    unsigned char *memory; /* of its texts */
};

struct pf_why {
    const char *folder;
    int64_t since, until; /* ms since 1970 */
    struct pf_why_kept *kept;
    size_t count, room;
    bool full;            /* more would have mattered */
    unsigned files;       /* that were read */
    uint64_t octets;      /* in them */
    uint64_t lost;        /* records that were never written, as the journal itself says */
    int sys;              /* why a file or the folder could not be read, or 0 */
    int64_t first_day;    /* of all files there; 0: there is none */
    bool all_sessions;    /* the settings want each of them told */
};

/* why_scan.c */
struct pf_why_want {
    struct pf_bytes needle; /* only lines with these octets in them are looked at */
    bool (*wanted)(void *self, const struct pf_journal_record *);
    void *self;
};
/* Keeps what is wanted of the days between since and until. */
void pf_why_scan(struct pf_why *, const struct pf_why_want *);
/* Puts what is kept in order of time; what is the same record is there once. */
void pf_why_sort(struct pf_why *);
void pf_why_forget(struct pf_why *);

/* why_tell.c */
/* Each mail that has a record among those kept, with its answer. */
void pf_why_tell_mails(const struct pf_why *, FILE *to);
/* How a mail ended, in one sentence; records are its own and the sessions of its maildrop. */
struct pf_why_mail {
    const struct pf_journal_record *delivered, *whole, *unsure, *cut, *deleted, *kept, *topped, *last_listed, *expired;
    unsigned listed; /* sessions, from its delivery or its first record to its end */
};
void pf_why_judge(const struct pf_why *, struct pf_bytes maildrop, struct pf_bytes uidl, struct pf_why_mail *out);
void pf_why_answer(const struct pf_why *, const struct pf_why_mail *, FILE *to);
void pf_why_tell_record(const struct pf_journal_record *, FILE *to);
/* Printable, whatever it is. */
void pf_why_put(struct pf_bytes text, FILE *to);

/* why_people.c */
void pf_why_tell_user(const struct pf_why *, struct pf_bytes user, FILE *to);

/* why_json.c */
void pf_why_json(const struct pf_journal_record *, FILE *to);

/* why_time.c */
/* "7d", "12h", "90m" before now, or a date with or without a time, as the machine's zone has it. */
bool pf_why_time_read(const char *text, int64_t now, int64_t *out_ms);
const char *pf_why_time(int64_t ms, char room[PF_WHY_TIME]);

#endif
