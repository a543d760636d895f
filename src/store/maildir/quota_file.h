/* maildirsize as text. Lines are written as Courier writes them, octets in twelve columns, and read as
 * Dovecot reads them, with white space anywhere between and around the two numbers. */
#ifndef POSTFACH_STORE_MAILDIR_QUOTA_FILE_H
#define POSTFACH_STORE_MAILDIR_QUOTA_FILE_H

#include "store/maildir/quota.h"

#include <postfach/bytes.h>

enum {
    PF_MAILDIR_SIZE_FILE = 5120, /* from this size on the file is made anew (MP-013) */
    PF_MAILDIR_SIZE_HEAD = 64,   /* room for the first line */
    PF_MAILDIR_SIZE_LINE = 64    /* room for another one */
};

struct pf_maildir_size_file {
    struct pf_maildir_quota limit;
    struct pf_maildir_usage usage;
    uint32_t lines; /* without the first */
};

/* The limits of a first line; words that are none of ours count for nothing. */
void pf_maildir_size_limit(struct pf_bytes line, struct pf_maildir_quota *out_limit);

/* The whole file. False when a line is not two numbers, when the last one is torn, when the sum is
 * negative or overflows, or when there is no line but the first. */
bool pf_maildir_size_parse(struct pf_bytes text, struct pf_maildir_size_file *out_file);

/* Each puts a line; all or nothing. */
bool pf_maildir_size_put_limit(struct pf_span *, const struct pf_maildir_quota *);
bool pf_maildir_size_put(struct pf_span *, int64_t octets, int64_t messages);

#endif
