/* The listing: what a POP3 session knows of a maildrop, frozen when it opens.
 *
 * POP3 numbers messages once, at login, and everything but RETR, TOP and QUIT
 * can be answered from that one table. A store makes the listing, the engine
 * reads it, and neither changes it during the session. It is flat (fixed
 * rows, and one run of octets for all UIDLs), so that it can lie in memory
 * shared between processes.
 *
 * Laws, checked by store/store.c before an engine sees it:
 *   - octets is exact: what RETR sends without stuffed dots and without the
 *     final dot line, each line end counted as two (RFC 1939 section 11);
 *   - every UIDL is 1..70 octets of 0x21..0x7E (RFC 1939 section 7) and none
 *     appears twice;
 *   - the sum of all octets is in `octets`;
 *   - texts that are kept with it say what the rows say, to the octet.
 *
 * Most sessions find what the last one found. A store that hands out one listing again and again may keep the lines of
 * LIST and UIDL with it; an engine sends them as they lie there, as long as nothing was deleted. */
#ifndef POSTFACH_LISTING_H
#define POSTFACH_LISTING_H

#include <postfach/bytes.h>
#include <postfach/public.h>

PF_PUBLIC_BEGIN

enum {
    PF_UIDL_MAX = 70,
    PF_ROW_SEEN = 1 /* fetched in an earlier session, as far as the store keeps that (LAST) */
};

struct pf_row {
    uint64_t octets;  /* wire size */
    uint32_t uidl_at; /* where its UIDL begins in `uidls` */
    uint8_t uidl_len;
    uint8_t flags; /* PF_ROW_... */
    uint16_t spare;
};

/* What was made of a listing once by who keeps it, for all sessions that find it unchanged: so a listing with this
 * lies in memory that nobody changes any more. */
struct pf_listing_kept {
    struct pf_bytes list, uidl; /* "1 120\r\n2 …" and "1 UIDL\r\n2 …", all messages, without the final dot; or empty */
    int memory;                 /* sealed memory that holds it all (sys/slot_listing.h), for other processes; or -1 */
    bool audited;               /* set by store/store.c: the laws hold */
};

struct pf_listing {
    const struct pf_row *rows; /* index 0 is message number 1 */
    const unsigned char *uidls;
    uint32_t count;
    uint64_t octets;
    struct pf_listing_kept *kept; /* or NULL */
};

static inline struct pf_bytes pf_listing_uidl(const struct pf_listing *l, uint32_t index)
{
    return pf_bytes_from(l->uidls + l->rows[index].uidl_at, l->rows[index].uidl_len);
}

/* Marks: one bit per message of a listing. `words` has (count + 63) / 64 words. */
struct pf_marks {
    uint64_t *words;
    uint32_t count;
};

static inline bool pf_marks_has(const struct pf_marks *m, uint32_t index)
{
    return index < m->count && (m->words[index / 64] >> (index % 64) & 1);
}

static inline void pf_marks_set(struct pf_marks *m, uint32_t index, bool on)
{
    uint64_t bit = (uint64_t)1 << (index % 64);

    if (index >= m->count)
        return;
    if (on)
        m->words[index / 64] |= bit;
    else
        m->words[index / 64] &= ~bit;
}

static inline size_t pf_marks_words(uint32_t count)
{
    return ((size_t)count + 63) / 64;
}

PF_PUBLIC_END

#endif
