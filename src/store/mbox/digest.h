/* Digest: 128 bits that know a message again after others have moved it.
 *
 * It is keyed by a seed that the state of each mbox draws for itself, so that nobody
 * can send two messages that are known to fall together. It is cheap (two wide
 * multiplications for 16 octets) and no signature: it decides which UIDL a message
 * bears, never who may do what. */
#ifndef POSTFACH_STORE_MBOX_DIGEST_H
#define POSTFACH_STORE_MBOX_DIGEST_H

#include <postfach/bytes.h>

struct pf_mbox_digest {
    uint64_t a, b, len;
    size_t held; /* octets in hold */
    unsigned char hold[16];
};

void pf_mbox_digest_init(struct pf_mbox_digest *, const uint64_t seed[2]);
/* A cut may be anywhere. */
void pf_mbox_digest_add(struct pf_mbox_digest *, struct pf_bytes);
void pf_mbox_digest_end(const struct pf_mbox_digest *, uint64_t out_digest[2]);

#endif
