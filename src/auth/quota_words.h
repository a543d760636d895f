/* A user's quota in words, as sources of users have them. */
#ifndef POSTFACH_AUTH_QUOTA_WORDS_H
#define POSTFACH_AUTH_QUOTA_WORDS_H

#include <postfach/bytes.h>

/* "OCTETS" or "OCTETS,MESSAGES"; k, m, g and t behind the octets stand for 1024 and its powers. 0 becomes -1,
 * "no limit" (struct pf_user); what is not said stays. False: it is none of that, and nothing is set. */
bool pf_quota_words(const char *text, int64_t *octets, int64_t *messages);

/* "*:storage=1G", "*:bytes=N", "*:messages=N", also together: a rule of Dovecot. Storage is in KiB, bytes in
 * octets, where no B, K, M, G or T follows. Rules for single folders are read over: the quota is one for all. */
bool pf_quota_rule(const char *text, int64_t *octets, int64_t *messages);

#endif
