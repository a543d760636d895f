/* The place inside: what its kinds share.
 *
 * place.c has the doors, the order of ends and what broke; a kind has a row of functions. A letter's
 * octets go into a file either way: in the Maildir's tmp, or in the spool of a carrier. */
#ifndef POSTFACH_FETCH_PLACE_PRIVATE_H
#define POSTFACH_FETCH_PLACE_PRIVATE_H

#include "base/crlf.h"
#include "fetch/place.h"

/* A file that is being written with LF line ends. */
struct pf_place_file {
    int fd;        /* -1: none */
    bool cr;       /* a CR is held back until it is known whether LF follows */
    uint64_t size; /* octets in it */
    struct pf_crlf crlf;
};

struct pf_letter {
    struct pf_place *place;
    void *of;
    struct pf_letter *next;   /* in the line of those that were ended */
    struct pf_letter **begun; /* the link to it while it is being written; NULL: it was ended */
    struct pf_letter *begun_next;
    struct pf_place_file file;
    pf_time deadline; /* on the loop's clock */
    uint64_t octets;
    unsigned char head[PF_LEDGER_HEAD];
    char name[PF_LEDGER_NAME_MAX + 1];   /* of the file; "": there is none */
    char record[PF_LEDGER_NAME_MAX + 1]; /* what `will` says */
    void *more;                          /* the kind's */
    enum pf_ledger_state state;          /* as the ledger's file has it now */
    bool doubt;                          /* it may be a torso */
    struct pf_err err;
    size_t uid_len;
    unsigned char uid[];
};

struct pf_place_kind {
    /* Opens a file for it: name and file.fd. */
    enum pf_code (*begin)(struct pf_place *, struct pf_letter *, struct pf_err *);
    /* More of it is known now: folder, sums. An error is the letter's. */
    enum pf_code (*end)(struct pf_place *, struct pf_letter *, const char *folder, struct pf_err *);
    /* The file goes, and what else the letter has of the kind. */
    void (*drop)(struct pf_place *, struct pf_letter *);
    /* There are letters in line (pf_place_next), or the place broke. Again whenever there are more. */
    void (*work)(struct pf_place *);
    void (*settle)(struct pf_place *);
    /* Nobody is told any more; waits for the disk. place->kind_private is freed with the last hold. */
    void (*free)(struct pf_place *);
    /* Each piece as it stands in the file; may be NULL. */
    void (*wrote)(struct pf_letter *, struct pf_bytes);
};

struct pf_place {
    const struct pf_place_kind *kind;
    struct pf_place_settings settings;
    struct pf_later later; /* for ends that are known at once, and for the kind's work */
    unsigned holds;        /* the owner, `later` while it is queued, a job: the last one frees */
    bool freed;            /* the owner is gone */
    struct pf_letter *line, **line_end; /* ended, and the kind has not taken them */
    struct pf_letter *begun;
    unsigned waiting;
    struct pf_err broken;
    void *kind_private;
    char text[256];
};

/* The kinds: each fills place->kind and its own part. */
enum pf_code pf_place_maildir(struct pf_place *, struct pf_err *);
enum pf_code pf_place_carried(struct pf_place *, struct pf_err *);

/* The next letter of the line, or NULL. */
struct pf_letter *pf_place_next(struct pf_place *);
/* The letter's err is told, after the ledger has learnt its state, and the letter is freed. On the loop.
 */
void pf_place_told(struct pf_place *, struct pf_letter *);
void pf_place_release(struct pf_place *); /* one hold less */
/* A letter goes without a word; its file, too, where it still has a name. */
void pf_place_lost(struct pf_letter *);
/* From now on everything fails with that. The first one counts. */
void pf_place_break(struct pf_place *, const struct pf_err *);
/* place->kind->work on a later turn. */
void pf_place_wake(struct pf_place *);
/* The letter as a record. */
struct pf_ledger_note pf_place_note(const struct pf_letter *, enum pf_ledger_state);

/* A system call failed: `what` could not be done to mail at `path`; with a hint. Never PF_PERM, which is
 * about one message. */
enum pf_code pf_place_trouble(struct pf_err *, int sys, const char *path, const char *what);

/* A copy of a record that waits to be settled. */
struct pf_place_old {
    struct pf_ledger_note note; /* its views are into room */
    unsigned char room[PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX];
};
/* Those of the ledger that are `will`; malloc, NULL with *out_count 0 when there are none. False: no
 * memory. */
bool pf_place_olds(const struct pf_ledger *, struct pf_place_old **out_olds, size_t *out_count);

/* Files with LF line ends. An errno, or 0. */
int pf_place_file_add(struct pf_place_file *, struct pf_bytes wire,
                      void (*wrote)(struct pf_letter *, struct pf_bytes), struct pf_letter *);
int pf_place_file_end(struct pf_place_file *, void (*wrote)(struct pf_letter *, struct pf_bytes),
                      struct pf_letter *);

/* A folder as Maildir++ names it: ".Lists.Announce". '/' and '.' part levels; what is not ASCII must be
 * UTF-8 and becomes modified UTF-7 (RFC 3501 section 5.1.3). INBOX is the Maildir itself: "". */
enum { PF_PLACE_FOLDER_MAX = 160 }; /* beside the message's name in a record of the ledger */
enum pf_code pf_place_folder_name(const char *given, char room[PF_PLACE_FOLDER_MAX + 1],
                                  struct pf_err *);

#endif
