/* The cache: the image of a maildrop from one session to the next.
 *
 * postfach-cache holds the rows, the names and the stamps (device, inode,
 * mtime and ctime) of new and cur from before the scan that made them. When
 * both folders still bear these stamps nothing was added, removed or renamed
 * since, and the listing is taken as it stands: a dozen system calls, whatever
 * the number of messages. Else the folders are read, and the cache gives what
 * would cost a look at each file: sizes.
 *
 * Stamps have a grain (a clock tick, on some file systems two seconds): a
 * change that follows the scan within the same grain leaves no trace in them. So
 * stamps prove something only when they were already older than the grain when the scan began;
 * that is `settled`, and it is the rule by which git distrusts its
 * index entries. ctime is in it because mtime can be set by hand.
 *
 * It is disposable: written without fsync, never trusted over the directory,
 * and any damage (there is a sum over the whole) means that it is not there.
 * It is read into own memory, not mapped: the owner of a maildrop may
 * write to the file, and could change what was checked, or cut it under us.
 * For the same reason names from it are checked for slashes where they are used. */
#ifndef POSTFACH_STORE_MAILDIR_CACHE_H
#define POSTFACH_STORE_MAILDIR_CACHE_H

#include "store/maildir/dirs.h"
#include "store/maildir/image.h"

struct pf_maildir_state {
    struct pf_maildir_stamp folders[2]; /* new, cur */
    struct pf_maildir_stamp uidls;      /* postfach-uidl; zeros: there was none */
    bool settled;
    bool doubts; /* some file bears PF_MAILDIR_DOUBT: it has to be looked at */
};

/* False: there is none that can be used. */
bool pf_maildir_cache_load(int root, struct pf_maildir_image *out_image,
                           struct pf_maildir_state *out_state);

/* Failure is no error: the next session will see the old cache or none. */
bool pf_maildir_cache_save(int root, const struct pf_maildir_image *,
                           const struct pf_maildir_state *);

/* The parts, for tests: checks a cache in memory from malloc, which belongs to the image when the
 * answer is true; and puts the right sum into one. */
bool pf_maildir_cache_parse(void *memory, size_t len, struct pf_maildir_image *out_image,
                            struct pf_maildir_state *out_state);
void pf_maildir_cache_sum(void *memory, size_t len);

#endif
