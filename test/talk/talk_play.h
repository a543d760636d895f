/* One talk, played once against one engine after another (`connect`). */
#ifndef POSTFACH_TEST_TALK_PLAY_H
#define POSTFACH_TEST_TALK_PLAY_H

#include "talk.h"

/* The ways of cutting: all that a client sends before it waits at once; everything up to the next
 * directive at once (pipelined); octet by octet; at random places with random buffers. */
enum talk_cut { TALK_WHOLE, TALK_PIPELINED, TALK_OCTETS, TALK_RANDOM };

struct play {
    struct talk *talk;
    enum talk_cut cut;
    uint64_t dice;
    pf_time now;

    struct pf_pop3_server *engine;
    unsigned char *lent;
    size_t lent_cap;
    struct talk_buf queue;      /* sent by the client, not yet taken by the engine */
    struct talk_buf out;        /* came out, not yet expected */
    struct talk_buf transcript; /* all that came out */
    bool stalled, together;

    /* the world */
    bool open;                  /* a question waits for its tell */
    struct pf_ask ask;
    unsigned late;              /* turns until it is answered */
    bool secret_taken, tls_wanted, tls_active, closing, closed;
    enum pf_close why_closed;
    struct pf_bytes body;       /* what is left of it */
    bool body_clean;
    enum pf_code body_code;
    unsigned char *body_mem;
    bool sasl;                  /* an exchange is under way */
    struct pf_row *rows;
    unsigned char *uidls;
    uint32_t *numbers;          /* index of the listing -> index of the box */
    uint32_t row_count;
    struct talk_fault faults[TALK_FAULTS];
    size_t fault_count;

    unsigned line;              /* of the talk, for `why` */
    char why[TALK_WHY];         /* the first failure, "" while all is well */
};

/* Plays it all. False: p->why says why, at p->line. talk_done in any case. */
bool talk_play(struct play *out_play, struct talk *, enum talk_cut, uint64_t seed);
void talk_done(struct play *);

void talk_wrong(struct play *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0..below-1 */
size_t talk_dice(struct play *, size_t below);

/* talk_world.c: takes up what the engine asks, answers it, moves body octets. True when something
 * happened. */
bool talk_world(struct play *);
void talk_world_connect(struct play *);
void talk_world_done(struct play *);
/* The client begins its handshake. */
void talk_world_tls(struct play *);

/* talk_drive.c */
void talk_drive_connect(struct play *);
void talk_drive_done(struct play *);
/* What the talk offers now: the same, or another choice behind TLS. */
void talk_drive_offer(struct play *);
/* The client sends these octets, cut as the play cuts, and everything settles. */
void talk_drive(struct play *, struct pf_bytes);
void talk_settle(struct play *);
void talk_wait(struct play *, pf_time span);

/* talk_expect.c: compares p->out with the steps [from, to), of which those that are no expectations
 * are passed over; nothing may be left. */
void talk_expect(struct play *, size_t from, size_t to);

#endif
