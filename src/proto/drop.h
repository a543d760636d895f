/* Drop: the maildrop as one session sees it: the listing, and what was done
 * to its messages. Numbers never move, not after DELE either (RFC 1939
 * section 4). Sums have 64 bits. */
#ifndef POSTFACH_PROTO_DROP_H
#define POSTFACH_PROTO_DROP_H

#include <postfach/err.h>
#include <postfach/listing.h>

struct pf_drop {
    struct pf_listing listing;
    struct pf_marks deleted; /* by DELE */
    struct pf_marks fetched; /* sent whole by RETR */
    struct pf_marks broken;  /* could not be sent whole: never deleted in this session */
    uint64_t *words;         /* all three */
    uint64_t octets;         /* of what is not deleted */
    uint32_t left;           /* how many are not deleted */
    uint32_t last;           /* highest number that RETR or DELE touched in this session */
    bool was_reset;          /* RSET came: earlier sessions do not count for LAST (RFC 1460) */
    enum pf_code why_broken; /* of the latest that broke */
};

/* False without memory. The listing must outlive the drop. */
bool pf_drop_open(struct pf_drop *, const struct pf_listing *);
void pf_drop_close(struct pf_drop *);

/* A message number as it was written: PF_OK with its index, PF_SYNTAX when it is no number,
 * PF_NO_MESSAGE when there is none or it is deleted. */
enum pf_code pf_drop_number(const struct pf_drop *, struct pf_bytes digits, uint32_t *out_index);

void pf_drop_delete(struct pf_drop *, uint32_t index);
void pf_drop_fetched(struct pf_drop *, uint32_t index);
void pf_drop_broke(struct pf_drop *, uint32_t index, enum pf_code why);
/* RSET: nothing is deleted, LAST is 0. */
void pf_drop_reset(struct pf_drop *);
/* LAST of RFC 1460, with the marks of earlier sessions. */
uint32_t pf_drop_last(const struct pf_drop *);
/* A policy of EXPIRE 0 (RFC 2449 section 6.7): what was fetched whole counts as deleted from now on. */
void pf_drop_expire_fetched(struct pf_drop *);
/* The next index from `index` on that is not deleted, or listing.count. */
uint32_t pf_drop_next(const struct pf_drop *, uint32_t index);

#endif
