/* Maildir names: what a file's name says of its message.
 *
 *     1700000000.M48211P4242Q1.mx,S=1234,W=1270:2,FS
 *     `----------- base name ----------------' `info'
 *
 * The base name (up to the first ':') is the message's identity: it stays
 * while flags change and while the file moves from new to cur. Where it has
 * the form that delivery agents have agreed on (time, a unique part, a host)
 * it is never given twice, and may be shown to clients as the UIDL. Names of
 * any other form may come again for another message.
 *
 * Nothing here trusts a name: a number that is not plain decimal, or too
 * long to be one, is as good as absent. */
#ifndef POSTFACH_STORE_MAILDIR_NAME_H
#define POSTFACH_STORE_MAILDIR_NAME_H

#include <postfach/bytes.h>

enum { PF_MAILDIR_NAME_MAX = 255 }; /* what Linux allows a directory entry */

struct pf_maildir_name {
    size_t base_len;  /* 1.. ; all of the name when it has no base before ':' */
    bool by_form;     /* unique for ever by its form, and legal as a UIDL */
    bool has_arrival; /* a number stands before the first dot */
    bool has_size;    /* ,S= */
    bool has_wire;    /* ,W= */
    bool seen;        /* the flag S */
    int64_t arrival;  /* microseconds since 1970 */
    uint64_t size;
    uint64_t wire;
    bool trashed;     /* the flag T */
};

/* `name` has 1..255 octets. */
void pf_maildir_name_parse(struct pf_bytes name, struct pf_maildir_name *out_name);

/* Whether a wire size can be true for a stored size: an octet becomes one or two, and the
 * last line may get its end. */
static inline bool pf_maildir_plausible(uint64_t size, uint64_t wire)
{
    return wire >= size && wire - size <= (size ? size + 1 : 0);
}

/* The name with the flag S in its place among the flags. False when it bears S already, when its
 * info is of another kind than ":2,", or when the result would be too long; `out` is then as it was. */
bool pf_maildir_name_mark_seen(struct pf_bytes name, struct pf_span *out);

/* Base names in the order of a listing, beside the same arrival: memcmp, then the shorter one. */
int pf_maildir_name_order(struct pf_bytes a, struct pf_bytes b);

#endif
