/* Quota: Maildir++'s `maildirsize`, kept in step so that other software agrees.
 *
 * The file's first line is the limit ("10000000S,1000C"), each further line adds octets and messages
 * (negative for removals); the sum is the usage. Changes are one appended write without a lock. It is
 * computed anew when it is missing, speaks of another limit, has grown to 5120 octets, cannot be read,
 * or says "over" and is old (MP-013). Counted are new and cur of the main Maildir and its folders,
 * without .Trash and without messages flagged T; sizes come from ,S= where the name has it (MP-009,
 * MP-010).
 *
 * A path may be that of a folder (it holds the file maildirfolder): then its parent's quota is meant. */
#ifndef POSTFACH_STORE_MAILDIR_QUOTA_H
#define POSTFACH_STORE_MAILDIR_QUOTA_H

#include <postfach/err.h>

struct pf_maildir_quota {
    uint64_t octets, messages; /* limits; 0: none */
};

struct pf_maildir_usage {
    uint64_t octets, messages;
};

/* Reads, or computes and writes, the usage of the maildrop at `path` (an absolute path). `now` is
 * seconds since 1970. Without any limit nothing is written: then it is not known which one the file has to bear. */
enum pf_code pf_maildir_quota_read(const char *path, const struct pf_maildir_quota *, int64_t now,
                                   struct pf_maildir_usage *out_usage, struct pf_err *err);
/* PF_OK when a message of `octets` fits, PF_OVER_QUOTA when not (judged again after computing anew,
 * MP-014). */
enum pf_code pf_maildir_quota_ask(const char *path, const struct pf_maildir_quota *, uint64_t octets,
                                  int64_t now, struct pf_err *err);
/* Appends a change, where maildirsize exists; failing to is no error (the next computation heals it). */
void pf_maildir_quota_add(const char *path, int64_t octets, int64_t messages);

/* The same for who has the maildrop open; `path` only tells whether it is the Trash, which costs nothing. */
void pf_maildir_quota_note(int root, const char *path, int64_t octets, int64_t messages);

/* A message of `octets` was delivered: noted, and what is used up to and with it, in the order of the file's
 * lines, so that of several deliveries at the same time just one crosses a line. Zeros without a quota. */
void pf_maildir_quota_arrived(int root, const char *path, const struct pf_maildir_quota *, uint64_t octets,
                              struct pf_maildir_usage *out_usage);
/* Counts anew, and writes the file; without any limit the file goes. */
enum pf_code pf_maildir_quota_recount(const char *path, const struct pf_maildir_quota *,
                                      struct pf_maildir_usage *out_usage, struct pf_err *err);

/* The limit that the file bears, written there by whoever keeps the quota; zeros where there is none. */
enum pf_code pf_maildir_quota_limit(const char *path, struct pf_maildir_quota *out_limit,
                                    struct pf_err *err);

#endif
