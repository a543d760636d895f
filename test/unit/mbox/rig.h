/* Rig: an mbox in a folder of its own, and what a session and a delivery do with it. */
#ifndef POSTFACH_TEST_MBOX_RIG_H
#define POSTFACH_TEST_MBOX_RIG_H

#include "unit/cm.h"

#include "store/mbox/box.h"

#define RIG_A "From ada Mon Jan  1 00:00:00 2001\nSubject: a\n\nalpha\n\n"
#define RIG_B "From ben Mon Jan  1 00:00:01 2001\nSubject: b\n\nbeta\n\n"
#define RIG_C "From cyd Mon Jan  1 00:00:02 2001\nSubject: c\n\ngamma\n\n"
/* As a mail reader leaves it behind. */
#define RIG_B_READ "From ben Mon Jan  1 00:00:01 2001\nSubject: b\nStatus: RO\nX-Status: A\n\nbeta\n\n"

enum { RIG_TEXT = 4096, RIG_NOW = 1700000000 };

struct rig {
    char folder[64], path[80];
    struct pf_mbox_settings settings;
    struct pf_twin *twin;
    struct pf_twin_opened o;
    struct pf_err err;
};

int rig_begin(void **state);
int rig_end(void **state);
#define RIG(name) cmocka_unit_test_setup_teardown(name, rig_begin, rig_end)

/* A store with r->settings as they are now. */
void rig_renew(struct rig *);
/* NAME beside the mbox. */
const char *rig_beside(const struct rig *, const char *name);
/* fopen modes. */
void rig_put(const struct rig *, const char *text, const char *mode);
void rig_put_octets(const struct rig *, struct pf_bytes);
/* The file, NUL-terminated; returns its size. */
size_t rig_get(const char *path, char out_text[RIG_TEXT]);
void rig_holds(const struct rig *, const char *text);

enum pf_code rig_try(struct rig *);
/* Opens, and there are so many messages. */
void rig_enter(struct rig *, uint32_t count);
void rig_leave(struct rig *);
const char *rig_uidl(struct rig *, uint32_t index);
/* The whole message, in pieces of `cap`. */
enum pf_code rig_fetch(struct rig *, uint32_t index, size_t cap, char out_text[RIG_TEXT]);
void rig_reads(struct rig *, uint32_t index, const char *text);
enum pf_code rig_expunge(struct rig *, uint64_t mask, struct pf_box_expunge *out_op);
enum pf_code rig_deliver(struct rig *, const char *text, struct pf_parcel_seal *out_op);

#endif
