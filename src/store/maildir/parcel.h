/* Parcel: one delivery into a Maildir.
 *
 * The file is written in tmp under a name of its own, synced, linked into new
 * under its final name, and new is synced; only then it is delivered. A link
 * refuses to overwrite, where a rename would not. The final name bears the
 * stored and the wire size, which are known only at the end, so that no
 * session has to open the file to list it; and it is short enough to be the
 * message's UIDL: the host's name is cut to what fits.
 *
 * Two syncs, and what each is for:
 *   1. fsync of the file, before it has a name that anybody lists: its octets,
 *      size and inode are on disk. A power cut later finds it whole or not at all.
 *   2. fsync of new, after the link: the name is on disk.
 * And before both, once for a young maildrop, those of anchor.h: the way to new is.
 * tmp is never synced: a file there that a power cut brings back, or does not, is litter
 * either way. The name in tmp goes before the second sync, so that it goes with the same
 * commit of a journal and none is left over for the next delivery's.
 *
 * Each delivery syncs by descriptors of its own and sees the errors of its own: what fails for one file
 * (a full disk under delayed allocation, EIO) is told to every descriptor that was open then, and so to the
 * one delivery that has this file; a folder that fails, to all who sync it. Nothing is synced on behalf of
 * others, so no error has to be handed on. That deliveries at the same time share the cost is the kernel's
 * doing: who syncs while a commit is being written joins the next one, with all who wait. What that
 * needs is that many wait at once, each in a thread (the setting disk-threads). doc/why/10-delivery-syncs.md
 * has the measurements, and what was tried beside it. */
#ifndef POSTFACH_STORE_MAILDIR_PARCEL_H
#define POSTFACH_STORE_MAILDIR_PARCEL_H

#include "store/maildir/box.h"

enum pf_code pf_maildir_parcel_begin(struct pf_twin *, const struct pf_box_where *,
                                     struct pf_twin_parcel **out_parcel, struct pf_err *err);
enum pf_code pf_maildir_parcel_write(struct pf_twin_parcel *, struct pf_bytes, struct pf_err *err);
enum pf_code pf_maildir_parcel_seal(struct pf_twin_parcel *, struct pf_parcel_seal *,
                                    struct pf_err *err);
void pf_maildir_parcel_drop(struct pf_twin_parcel *);
/* quota_ask.c */
enum pf_code pf_maildir_parcel_ask(struct pf_twin *, const struct pf_box_where *, uint64_t size,
                                   struct pf_err *err);

bool pf_maildir_parcel_ready(struct pf_twin *, const struct pf_box_where *);

/* What a name is made of. */
struct pf_maildir_birth {
    int64_t micros;  /* time of arrival */
    uint32_t pid;
    uint32_t number; /* of the delivery in this process */
    uint32_t random;
};

/* A new one; times of one store never stand still, so that names sort in the order of delivery. */
void pf_maildir_born(struct pf_maildir *, int64_t now, struct pf_maildir_birth *out_birth);

/* The final name, of at most 70 octets; `room` for 71. With size PF_MAILDIR_NO_SIZE: the name in
 * tmp. */
void pf_maildir_birth_name(const struct pf_maildir_birth *, const char *host, uint64_t size,
                           uint64_t wire, char room[PF_UIDL_MAX + 1]);

/* A host as names may bear it (MD-005): '/' and ':' written as octal, what a UIDL cannot hold or
 * what means something in names replaced. malloc; NULL when memory lacks. */
char *pf_maildir_host(const char *host);

/* Removes files of an open tmp that nobody can be writing any more (sweep.c). */
enum pf_code pf_maildir_sweep_tmp(int tmp, const char *path, int64_t now, uint32_t *out_count,
                                  struct pf_err *err);

#endif
