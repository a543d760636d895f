/* Append: a message comes to the end of an mbox, and a crash cannot leave a part of it there.
 *
 *     postfach-append 1 `named'
 *     a `UIDL' `digest' `digest' `inode' `device' `at' `len' `lead' `front' `front' `sum' `sum' o|d
 *     `len' octets as they are to be appended at `at'; not behind a line that ends with d (done)
 *     ...
 *
 * Numbers have sixteen hexadecimal digits, UIDLs 33 characters, so places are fixed. Before the first octet goes into
 * the mbox, a copy of all of them is on disk here, with the UIDL, where the mbox ended, and a sum of what stood
 * there. When the mbox is synced the line gets its d, and the copy has no meaning any more: the next line is written
 * over it. So a delivery costs two syncs, which is the least: one between the intent and the octets (else a power cut
 * keeps half of the octets, and nobody knows whose they are), and one of the octets. The UIDL needs none
 * of its own: it is in the intent. The next session moves UIDLs to the state, with a sync for all together, and empties
 * this file, which stays, so that its name need not be synced again; `named' is the inode of the mbox for which
 * that was done, with the mbox's own name.
 *
 * A copy and no digest, since whoever finds octets behind `at' has to know each of them: programs that know nothing
 * of this append behind a torn message. pf_mbox_mend, under both locks, before anything else reads or writes:
 *
 *   - the file is another one, shorter than `at', or `front' differs: somebody wrote it anew. What he took
 *     over is his. Nothing is touched.
 *   - all octets of the copy are there: the message stays, whatever is behind.
 *   - some octets are there and nothing else (octets that a power cut left as NUL count as ours): the
 *     mbox is cut back to `at', synced. Whoever sent the message was never told that it was delivered.
 *   - some are there, and behind them a From_ line that does not stand in the copy: those before it are taken out by a
 *     rewrite in place. The line ends that the old file lacked (`lead') stay, for the foreign message needs
 *     them as ours did; line ends that another program put before its From_ line end our torn line
 *     only, and go.
 *   - something else is behind: nothing is touched, for no octet of others may be lost. */
#ifndef POSTFACH_STORE_MBOX_APPEND_H
#define POSTFACH_STORE_MBOX_APPEND_H

#include "store/mbox/box.h"

struct pf_mbox_record {
    char uidl[PF_MBOX_UIDL_LEN + 1];
    uint64_t id[2];
    uint64_t ino, dev;
    uint64_t at;
    uint64_t len;
    uint64_t lead;
    uint64_t front[2];
    uint64_t sum[2];
    bool done;
};

struct pf_mbox_appends {
    int fd; /* -1: there is no such file */
    uint64_t end; /* behind the records that are done */
    uint32_t count; /* of them */
    uint64_t named;
    bool live; /* the record at `end` is not done */
    struct pf_mbox_record last; /* that one */
};

enum { PF_MBOX_RECORD = 2 + PF_MBOX_UIDL_LEN + 11 * 17 + 3 }; /* octets of a line */

enum pf_code pf_mbox_appends_open(const struct pf_mbox_locks *, bool create, struct pf_mbox_appends *out_appends,
                                  struct pf_err *err);
void pf_mbox_appends_close(struct pf_mbox_appends *);

/* The octets stand behind the place of the line, at end + PF_MBOX_RECORD; id, uidl, len and lead are known: the rest
 * of `record` is filled, and all is synced. */
enum pf_code pf_mbox_append_note(const struct pf_mbox_locks *, struct pf_mbox_appends *, struct pf_mbox_record *,
                                 const struct stat *, struct pf_err *err);
/* Puts them into the mbox, synced. When that fails what was put is taken away again. */
enum pf_code pf_mbox_append_put(struct pf_mbox_locks *, struct pf_mbox_appends *, const struct pf_mbox_record *,
                                struct pf_err *err);
/* The record at the end never was. */
void pf_mbox_append_drop(struct pf_mbox_appends *);

/* What a crash left of the last append. */
enum pf_code pf_mbox_mend(struct pf_mbox_locks *, struct pf_err *err);
/* UIDLs go to the state; for those who are about to read it. Nothing may be left to mend. */
enum pf_code pf_mbox_settle(struct pf_mbox_locks *, struct pf_err *err);

/* Of the records that are done. False with errno. */
bool pf_mbox_appends_get(const struct pf_mbox_appends *, uint32_t index, struct pf_mbox_record *out_record);
/* All go, the first line stays. */
bool pf_mbox_appends_clear(struct pf_mbox_appends *);

/* The first line of the state, which is made where it is missing, and lines behind its last one, synced. */
enum pf_code pf_mbox_state_head(const struct pf_mbox_place *, struct pf_mbox_state *, struct pf_err *err);
enum pf_code pf_mbox_state_add(const struct pf_mbox_place *, struct pf_bytes lines, struct pf_err *err);

/* For append.c and mend.c: the sum of what stands before an offset. -1 with errno. */
int pf_mbox_front_sum(int fd, uint64_t at, uint64_t out_sum[2]);
/* The record at the end, with a copy of `len` octets, is done. */
void pf_mbox_append_done(struct pf_mbox_appends *, uint64_t len);

#endif
