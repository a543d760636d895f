/* The open mbox, as the files of this room share it among themselves. */
#ifndef POSTFACH_STORE_MBOX_BOX_H
#define POSTFACH_STORE_MBOX_BOX_H

#include "base/crlf.h"
#include "store/mbox/digest.h"
#include "store/mbox/lines.h"
#include "store/mbox/lock.h"
#include "store/mbox/mbox.h"
#include "store/mbox/quote.h"
#include "store/mbox/scan.h"
#include "store/mbox/state.h"

struct pf_mbox {
    struct pf_twin twin; /* first */
    struct pf_mbox_settings settings;
    char *state_folder;  /* settings.state_folder is this */
    int64_t clock_ahead; /* nanoseconds added where the age of a stamp is judged: for tests, which
                          * cannot wait two seconds */
};

enum { PF_MBOX_PIECE = 16384 }; /* read at once where quoting is undone */

/* The message that is being read. */
struct pf_mbox_reader {
    bool open;
    uint32_t index;
    uint64_t offset; /* what was handed out so far, in octets of the message */
    uint64_t raw;    /* read from the file so far */
    struct pf_mbox_digest sum;
    struct pf_mbox_quote quote;
    struct pf_span ready; /* unquoted and not yet handed out: from taken on */
    size_t taken;
    bool ended; /* the quote machine has nothing more */
};

/* For tests that hold a box to its word. */
struct pf_mbox_counts {
    unsigned scans;     /* passes over any of the file */
    uint64_t scanned;   /* octets they went over */
    unsigned saves;     /* states written */
    unsigned in_place;  /* rewrites: there are no others */
};

struct pf_twin_box {
    struct pf_mbox *mbox;
    struct pf_mbox_place place;
    int session; /* lock */
    int fd;      /* the file that the offsets are about; -1: none */
    uint64_t seed[2];
    struct pf_mbox_mails mails;
    struct pf_row *rows;
    unsigned char *uidls;
    uint32_t *shown; /* by index of the listing: index of mails */
    uint32_t count;
    uint64_t octets;
    bool doubts; /* a message was not as listed: the next session must look at all */
    bool no_try; /* this file system cannot tell whether a read would block */
    struct pf_mbox_reader reader;
    unsigned char *memory; /* for the reader, where quoting is undone */
    struct pf_mbox_counts counts;
};

/* The messages of a locked mbox with their UIDLs, which are durable when this returns. */
struct pf_mbox_list {
    struct pf_mbox_mails mails;
    struct pf_mbox_state state; /* seed, and what is not taken of old lines */
    struct stat st;
};
/* `sure` asks for a pass over all unless nothing at all was touched. */
enum pf_code pf_mbox_list(struct pf_twin_box *, struct pf_mbox_locks *, bool sure, struct pf_mbox_list *out_list,
                          struct pf_err *err);
void pf_mbox_list_done(struct pf_mbox_list *);
/* Writes the state for mails as they stand in the file now. */
enum pf_code pf_mbox_list_save(struct pf_twin_box *, const struct pf_mbox_locks *, struct pf_mbox_list *,
                               struct pf_err *err);

/* 'B' and 32 digits, made at random. */
enum { PF_MBOX_UIDL_LEN = 33 };
bool pf_mbox_new_uidl(char out_uidl[PF_MBOX_UIDL_LEN + 1]);

enum pf_code pf_mbox_box_open(struct pf_twin *, const struct pf_box_where *, bool may_block,
                              struct pf_twin_opened *out_opened, struct pf_err *err);
enum pf_code pf_mbox_box_read(struct pf_twin_box *, struct pf_box_read *, bool may_block, struct pf_err *err);
enum pf_code pf_mbox_box_expunge(struct pf_twin_box *, struct pf_box_expunge *, struct pf_err *err);
/* Removes what arrived before `before`; the mbox is locked and `list` is of now. */
enum pf_code pf_mbox_expire(struct pf_twin_box *, struct pf_mbox_locks *, struct pf_mbox_list *list,
                            int64_t before, uint32_t *out_expired, struct pf_err *err);
void pf_mbox_box_close(struct pf_twin_box *);

enum pf_code pf_mbox_parcel_begin(struct pf_twin *, const struct pf_box_where *,
                                  struct pf_twin_parcel **out_parcel, struct pf_err *err);
enum pf_code pf_mbox_parcel_write(struct pf_twin_parcel *, struct pf_bytes, struct pf_err *err);
enum pf_code pf_mbox_parcel_seal(struct pf_twin_parcel *, struct pf_parcel_seal *, struct pf_err *err);
void pf_mbox_parcel_drop(struct pf_twin_parcel *);

#endif
