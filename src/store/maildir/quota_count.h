/* Counting what a Maildir++ holds, for its quota: the slow way that maildirsize saves. */
#ifndef POSTFACH_STORE_MAILDIR_QUOTA_COUNT_H
#define POSTFACH_STORE_MAILDIR_QUOTA_COUNT_H

#include "store/maildir/name.h"
#include "store/maildir/quota.h"

#include <sys/stat.h>

/* Counts; *out_latest is the newest time of all new and cur, each from before it was read (MP-011). */
enum pf_code pf_maildir_count(int root, const char *path, struct pf_maildir_usage *out_usage,
                              int64_t *out_latest, struct pf_err *err);
/* The newest time of all new and cur as it is now, nanoseconds; INT64_MAX when it cannot be told. */
int64_t pf_maildir_count_latest(int root);

/* What a message weighs (MP-009, MP-010): false for nothing. */
bool pf_maildir_weighs(const struct pf_maildir_name *, const struct stat *, uint64_t *out_octets);

#endif
