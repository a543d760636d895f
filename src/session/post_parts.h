/* A post's inner side, as its files share it. */
#ifndef POSTFACH_SESSION_POST_PARTS_H
#define POSTFACH_SESSION_POST_PARTS_H

#include "session/post.h"

/* A piece of text that parcels are writing; a slow one may hold it longer than the post. */
struct pf_post_piece {
    unsigned holds;
    size_t len;
    unsigned char at[PF_POST_PIECE + PF_POST_HELD];
};

struct pf_post_parcel {
    struct pf_post *post;
    struct pf_post_parcel *next;
    unsigned recipient;
    struct pf_parcel *parcel; /* as long as the store has it */
    bool busy;                /* an op is under way */
    bool awaited;             /* the present step ends when this has ended */
    bool orphan;              /* among those of nobody */
    struct pf_post_piece *piece;      /* being written */
    unsigned char *head;      /* being written, or to be written with the first piece; from malloc */
    size_t head_len;
    union {
        struct pf_store_op op;
        struct pf_parcel_begin begin;
        struct pf_parcel_write write;
        struct pf_parcel_seal seal;
        struct pf_parcel_drop drop;
    } op;
    struct pf_post_target target; /* its strings are ours */
};

struct pf_post_person {
    struct pf_bytes address; /* from malloc */
    struct pf_err err;
    unsigned sealing; /* parcels */
    bool told;
};

struct pf_post {
    struct pf_store *store;
    struct pf_post_asker asker;
    struct pf_post_person *recipients;
    unsigned count;
    struct pf_post_parcel *parcels;
    struct pf_post_parcel *orphans; /* of recipients taken back while the store was busy with them */
    struct pf_post_envelope envelope; /* its views only during begin */
    struct pf_post_text text;
    struct pf_post_piece *piece;
    struct pf_timer *slow;
    unsigned awaited;
    enum { PF_POST_GATHER, PF_POST_ASK, PF_POST_BEGIN, PF_POST_WRITE, PF_POST_LAST_WRITE, PF_POST_SEAL } step;
    bool stepping, dying;
    unsigned warnings;           /* under way */
    struct pf_later later;
};

/* What follows from a change is done on a turn of its own. */
void pf_post_settle(struct pf_post *);
/* The parcel's recipient cannot have the message. */
void pf_post_fail_parcel(struct pf_post_parcel *, const struct pf_err *);
void pf_post_no_longer_awaited(struct pf_post_parcel *);
void pf_post_await(struct pf_post_parcel *);
/* Awaited parcels were chosen: waits for them, with a limit. */
void pf_post_start_step(struct pf_post *);

/* post_gather.c */
void pf_post_parcel_free(struct pf_post_parcel *);
void pf_post_person_done(struct pf_post_person *);
void pf_post_end_ask(struct pf_post *);

#endif
