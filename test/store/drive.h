/* Drive: the eight functions of a store, asked one at a time, each waited for.
 *
 * Tests read better when a call returns its result. These turn the loop until
 * the op is complete, and check on the way that it did not complete inside
 * the call. Failing checks are cmocka's. */
#ifndef POSTFACH_TEST_STORE_DRIVE_H
#define POSTFACH_TEST_STORE_DRIVE_H

#include "store/store.h"

struct drive {
    struct pf_loop *loop;
    struct pf_store *store;
};

struct drive_text { /* a message that was read; free `at` */
    unsigned char *at;
    size_t len;
    unsigned reads;
};

/* Before an op is asked; and until it is complete. For tests that ask several at once. */
void drive_ready(struct pf_store_op *);
bool drive_pending(const struct pf_store_op *);
enum pf_code drive_wait(struct drive *, struct pf_store_op *);

/* Where path is, as user "tester", in 2023, without expiry. */
struct pf_box_where drive_where(const char *path);

enum pf_code drive_open(struct drive *, const char *path, struct pf_box_open *out_open);
enum pf_code drive_open_where(struct drive *, const struct pf_box_where *, struct pf_box_open *out_open);
enum pf_code drive_read(struct drive *, struct pf_box *, struct pf_box_read *);
/* The whole message in pieces of `piece` octets. On failure out_text holds what came before. */
enum pf_code drive_fetch(struct drive *, struct pf_box *, uint32_t index, size_t piece,
                         struct drive_text *out_text);
enum pf_code drive_expunge(struct drive *, struct pf_box *, const struct pf_marks *remove,
                           struct pf_box_expunge *out_expunge);
void drive_close(struct drive *, struct pf_box *);

enum pf_code drive_begin(struct drive *, const struct pf_box_where *, struct pf_parcel **out_parcel);
enum pf_code drive_write(struct drive *, struct pf_parcel *, struct pf_bytes);
enum pf_code drive_seal(struct drive *, struct pf_parcel *, struct pf_parcel_seal *out_seal);
void drive_drop(struct drive *, struct pf_parcel *);
/* All of a delivery, written in pieces of `piece` octets; dropped when a write fails. */
enum pf_code drive_deliver(struct drive *, const struct pf_box_where *, struct pf_bytes message,
                           size_t piece, struct pf_parcel_seal *out_seal);

/* Opens, counts, closes: what the next session will see. */
uint32_t drive_count(struct drive *, const char *path);

#endif
