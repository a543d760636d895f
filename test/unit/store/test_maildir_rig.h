/* A Maildir in a temporary directory, and a blocking store over it, for tests. */
#ifndef POSTFACH_TEST_MAILDIR_RIG_H
#define POSTFACH_TEST_MAILDIR_RIG_H

#include "unit/cm.h"

#include "store/maildir/box.h"
#include "store/maildir/maildir.h"

struct rig {
    char home[64];  /* the temporary directory */
    char path[80];  /* the maildrop in it */
    struct pf_twin *twin;
    int64_t now;    /* for where.now */
    int expire_days;
};

struct session {
    struct pf_twin_box *box;
    struct pf_listing listing;
    uint32_t expired;
    struct pf_err err;
};

/* A maildrop with tmp, new and cur; with a cache, and a clock that runs ten seconds ahead, so that
 * folders count as settled at once. */
int rig_begin(void **state);
int rig_end(void **state);
/* The store anew, with other settings; `ahead` in seconds. */
void rig_store(struct rig *, const struct pf_maildir_settings *, int ahead);
struct rig *rig_of(void **state);

/* Writes a message file: name is "new/…" or "cur/…". */
void rig_put(struct rig *, const char *name, const char *text);
void rig_move(struct rig *, const char *from, const char *to);
void rig_remove(struct rig *, const char *name);
bool rig_has(struct rig *, const char *name);
/* Files in a folder, without dot entries. */
unsigned rig_count(struct rig *, const char *folder);
/* Sets a file's mtime, seconds since 1970. */
void rig_touch(struct rig *, const char *name, int64_t when);
/* The path of something in the maildrop; lives until the next call. */
const char *rig_at(struct rig *, const char *name);

enum pf_code rig_try_open(struct rig *, struct session *);
void rig_open(struct rig *, struct session *); /* asserts PF_OK */
void rig_close(struct session *);

/* Reads a message by pieces of `cap`; the code of the first failure. */
enum pf_code rig_read(struct session *, uint32_t index, size_t cap, struct pf_span *out);
/* Asserts that the message reads as this text, and that its wire size is as listed. */
void rig_reads_as(struct session *, uint32_t index, const char *text);
/* Removes one message, or all with index -1. */
enum pf_code rig_expunge(struct session *, int64_t index, struct pf_box_expunge *out_op);

/* The UIDL as a string; two may be held at a time. */
const char *rig_uidl(const struct session *, uint32_t index);

#endif
