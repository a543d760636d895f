/* The list of `postfach explore`: the messages of a maildrop, in an order, with marks.
 *
 * It knows neither terminal nor server. A row exists as soon as LIST told its size; UID and head come
 * later, in any order. Of a head is kept what a row shows, made safe (explore_text.h) and cut: so a row
 * costs at most some hundred octets, whatever its message is.
 *
 * Marks are wishes of a person: nothing here reaches a server. When the list is had again over another
 * connection, marks and heads go over by UID, where the size is the same, too, or the UID a long one; a
 * UID that is there twice is nobody's. */
#ifndef POSTFACH_TOOL_EXPLORE_LIST_H
#define POSTFACH_TOOL_EXPLORE_LIST_H

#include <postfach/bytes.h>

enum {
    PF_EXPLORE_FROM_MAX = 96, /* octets: what is wider than a column of any screen */
    PF_EXPLORE_SUBJECT_MAX = 320,
    PF_EXPLORE_UID_MAX = 255, /* RFC 1939 section 7 has 70; a longer one is none */
    PF_EXPLORE_NEEDLE = 128   /* octets of a search */
};

enum pf_explore_head {
    PF_EXPLORE_NO_HEAD,    /* not asked for yet */
    PF_EXPLORE_HEAD_ASKED, /* on its way */
    PF_EXPLORE_HEAD,
    PF_EXPLORE_HEADLESS /* the server does not give it */
};

struct pf_explore_row {
    uint64_t number, octets;
    int64_t date; /* seconds since 1970, or 0 */
    char *uid;    /* as it came, never for a terminal as it is; or NULL: the server has none */
    char *from;   /* one piece of memory, with subject behind; NULL before the head is there */
    const char *subject;
    unsigned char head; /* enum pf_explore_head */
    bool marked;
};

enum pf_explore_sort {
    PF_EXPLORE_BY_NUMBER,
    PF_EXPLORE_BY_DATE,
    PF_EXPLORE_BY_SIZE,
    PF_EXPLORE_BY_FROM,
    PF_EXPLORE_BY_SUBJECT,
    PF_EXPLORE_SORTS
};

struct pf_explore_list {
    struct pf_explore_row *rows; /* as LIST told them */
    size_t count, room;
    uint32_t *shown; /* indexes of rows: those that pass the filter, in order */
    size_t shown_count;
    size_t cursor; /* in shown */
    enum pf_explore_sort sort;
    bool turned; /* else: newest, largest first; names from a to z */
    char filter[PF_EXPLORE_NEEDLE], needle[PF_EXPLORE_NEEDLE];
    size_t marked, heads; /* how many; heads: with HEAD and HEADLESS */
    uint64_t octets, marked_octets;
    size_t disorder; /* rows that came out of their order */
    size_t hint;     /* where the next row without a head may be, at the earliest */
};

/* A row more, also where a server does not list by numbers; false: the number is there already, or there
 * is no memory. While rows are added none is shown. */
bool pf_explore_list_add(struct pf_explore_list *, uint64_t number, uint64_t octets);
/* Its UID; false when there is no such number, or no memory. */
bool pf_explore_list_uid(struct pf_explore_list *, uint64_t number, struct pf_bytes uid);
/* The row of that number, or NULL. */
struct pf_explore_row *pf_explore_list_find(const struct pf_explore_list *, uint64_t number);
/* Its head; texts are safe already and are cut. NULL for what there is none of. */
bool pf_explore_list_head(struct pf_explore_list *, uint64_t number, const char *from,
                          const char *subject, int64_t date);
void pf_explore_list_headless(struct pf_explore_list *, uint64_t number);
/* What was on its way is not any more. */
void pf_explore_list_unask(struct pf_explore_list *);

/* Sorts and sifts anew; the cursor stays on its row where that is shown. False without memory. */
bool pf_explore_list_order(struct pf_explore_list *);
/* Puts the cursor there, or as near as can be. */
void pf_explore_list_move(struct pf_explore_list *, size_t to);
/* The row under the cursor, or NULL. */
struct pf_explore_row *pf_explore_list_at(const struct pf_explore_list *);
void pf_explore_list_mark(struct pf_explore_list *, struct pf_explore_row *, bool marked);
/* All that are shown; or, with false, all there are. */
void pf_explore_list_mark_all(struct pf_explore_list *, bool marked);
/* Whether From, Subject or UID has it. */
bool pf_explore_row_has(const struct pf_explore_row *, const char *needle);
/* Moves the cursor to the next row that has `needle`, in steps of 1 or -1, around the end; false: none
 * has. */
bool pf_explore_list_search(struct pf_explore_list *, int step);
/* The next row whose head is to be asked for: among those shown from `first` on, then any; NULL: none.
 */
struct pf_explore_row *pf_explore_list_next(struct pf_explore_list *, size_t first, size_t rows);

/* Takes over the heads and marks of `old` by UID, its order and cursor, too, and frees it. Returns how
 * many marks were lost: their messages are there no more. */
size_t pf_explore_list_inherit(struct pf_explore_list *, struct pf_explore_list *old);
void pf_explore_list_done(struct pf_explore_list *);

#endif
