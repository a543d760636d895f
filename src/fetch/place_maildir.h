/* The Maildir of a place: its folders, its groups, its settling.
 *
 * A `will` of this kind is MARK/FOLDER/NAME: eight hexadecimal digits that stand for the Maildir's path
 * (so that a record of another Maildir is not taken for one of this), the folder as Maildir++ writes it
 * or nothing, and the name that the message gets. Its name in tmp is the beginning of that one, up to
 * the host. */
#ifndef POSTFACH_FETCH_PLACE_MAILDIR_H
#define POSTFACH_FETCH_PLACE_MAILDIR_H

#include "fetch/place_private.h"
#include "store/maildir/parcel.h"

#include <semaphore.h>

struct pf_place_folder {
    struct pf_place_folder *next;
    char name[PF_PLACE_FOLDER_MAX + 1]; /* "": the Maildir itself */
    int root, fresh; /* root: of the folder; -1: not open yet. Used by the job that runs */
    bool dirty;      /* in this group something was renamed into it */
};

/* A letter's `more`. */
struct pf_place_letter {
    struct pf_maildir_birth birth;
    struct pf_place_folder *folder;
};

struct pf_place_maildir {
    struct pf_place *place;
    struct pf_twin *store; /* names, settings, what was anchored; no box is opened */
    const char *path;
    uint32_t mark;
    int root, tmp;
    struct pf_place_folder *folders;
    struct pf_job job;
    sem_t worked;           /* the job's work is over, be its `done` still to come */
    struct pf_timer *retry; /* the pool was full */
    struct pf_letter *group[PF_PLACE_MOST];
    size_t group_count;
    struct pf_place_old *olds;
    size_t old_count, again;
    struct pf_err err; /* the job's: what stopped it, or broke the place at its end */
    bool settling;
    bool dead; /* a job broke the place: nothing is tried any more */
};

/* place_folder_open.c. On a thread: makes and opens what is missing. */
enum pf_code pf_place_folder_open(struct pf_place_maildir *, struct pf_place_folder *, struct pf_err *);
/* The entry of that name, made where there is none; NULL: no memory. */
struct pf_place_folder *pf_place_folder_of(struct pf_place_maildir *, const char *name);
/* rename that does not overwrite. An errno, or 0. */
int pf_place_rename(int from, const char *name, int to, const char *new_name);
/* A folder for people, in errors: "PATH/FOLDER". */
void pf_place_folder_path(const struct pf_place_maildir *, const struct pf_place_folder *, char *room,
                          size_t cap);

/* place_group.c: the job that commits a group. */
void pf_place_group(struct pf_place_maildir *);
/* place_settle.c: the job that settles. */
void pf_place_settle_olds(struct pf_place_maildir *);

/* A record's parts. False: it is none of this kind. */
struct pf_place_record {
    uint32_t mark;
    char folder[PF_PLACE_FOLDER_MAX + 1];
    char name[PF_UIDL_MAX + 1];
    char tmp[PF_UIDL_MAX + 1];
};
bool pf_place_record_put(const struct pf_place_record *, char room[PF_LEDGER_NAME_MAX + 1]);
bool pf_place_record_get(struct pf_bytes, struct pf_place_record *out);
/* The beginning of a name up to the host: what it is called in tmp. */
bool pf_place_tmp_name(const char *name, char room[PF_UIDL_MAX + 1]);

#endif
