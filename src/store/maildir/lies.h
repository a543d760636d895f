/* Lies: names of files that reading proved wrong.
 *
 * A wrong but plausible ,W= is found out when the message is sent. Where the
 * cache is kept, it says the truth to the next session; where there is none, or
 * where it could not be written (a full disk), the next session would believe
 * the same name, and fail in the same way, for ever. Counting all messages of
 * such maildrops would heal that, and cost the reading of all mail at each login.
 *
 * So the process remembers whom not to believe: a fingerprint of maildrop and
 * base name, nothing more. A message that is in here is counted again at each
 * open. To have one in here that does not belong costs such a count, and to
 * forget one costs one more broken RETR; so the table may be small, need not be
 * exact, and needs no lock though all threads of the pool use it. */
#ifndef POSTFACH_STORE_MAILDIR_LIES_H
#define POSTFACH_STORE_MAILDIR_LIES_H

#include <postfach/bytes.h>

enum {
    PF_MAILDIR_LIES_SETS = 256, /* 32 KiB in all: room for 4096 messages, */
    PF_MAILDIR_LIES_WAYS = 16   /* and a maildrop full of lies pushes hardly one of its own out */
};

struct pf_maildir_lies { /* zeros: empty */
    _Atomic uint64_t prints[PF_MAILDIR_LIES_SETS][PF_MAILDIR_LIES_WAYS];
};

/* An empty base name stands for the maildrop: it has messages in here. */
void pf_maildir_lies_add(struct pf_maildir_lies *, uint64_t seed, const char *path, struct pf_bytes base);
bool pf_maildir_lies_has(struct pf_maildir_lies *, uint64_t seed, const char *path, struct pf_bytes base);

#endif
