/* Keep: octets that outlive the input they came in, on the heap, wiped when
 * they go: a name, a password, a decoded SASL response. */
#ifndef POSTFACH_PROTO_KEEP_H
#define POSTFACH_PROTO_KEEP_H

#include <postfach/bytes.h>

struct pf_keep {
    unsigned char *at; /* NULL when len is 0 */
    size_t len;
    bool set; /* something is kept, perhaps empty */
};

/* Makes room for len octets, dropping what was kept; false without memory. */
bool pf_keep_room(struct pf_keep *, size_t len);
bool pf_keep_set(struct pf_keep *, struct pf_bytes);
void pf_keep_drop(struct pf_keep *);

static inline struct pf_bytes pf_keep_bytes(const struct pf_keep *k)
{
    return pf_bytes_from(k->at, k->len);
}

#endif
