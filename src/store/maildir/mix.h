/* Mixing: a checksum against damage and a hash for tables. Neither is a secret
 * or a signature. */
#ifndef POSTFACH_STORE_MAILDIR_MIX_H
#define POSTFACH_STORE_MAILDIR_MIX_H

#include <postfach/bytes.h>

/* A sum of the whole. Any change within one run of eight octets changes it for certain: each step
 * is a bijection of the state. */
uint64_t pf_maildir_sum(const void *at, size_t len);

/* A hash of a name. The seed is random in each process, so that nobody can choose names that all
 * fall into one place of a table. */
uint32_t pf_maildir_hash(uint64_t seed, struct pf_bytes);

#endif
