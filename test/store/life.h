/* Life: a piece of a maildrop's life behind frames that break, or memory that ends, at any moment.
 *
 * Unlike a scene (scene.h), one fault may fail many calls: with its process a box is dead. So each answer is noted, and
 * afterwards the maildrop must show what was confirmed, once and octet by octet; what was answered with an
 * error may be there or not; what was never sealed is not; and nobody may have left it locked. */
#ifndef POSTFACH_TEST_STORE_LIFE_H
#define POSTFACH_TEST_STORE_LIFE_H

#include "store/remote.h"

enum {
    LIFE_MAIL = 5,
    LIFE_LARGE = 1100000 /* octets of the last: more than four slots */
};

struct life {
    struct world *w;
    enum { LIFE_ABSENT, LIFE_PRESENT, LIFE_EITHER } fates[LIFE_MAIL];
    unsigned failures;
    struct pf_box_open o;
    unsigned char *room; /* for a message */
};

struct life_sum {
    unsigned tried, lost, invented, stuck;
};

/* Makes the maildrop, empty, and memory for it all. */
void life_prepare(struct life *, struct world *);
void life_play(struct life *);
/* When nothing fails any more. */
void life_judge(struct life *, struct life_sum *);
void life_end(struct life *);
/* As a comment; fails the test unless the last three are 0. */
void life_report(const char *what, const struct life_sum *);

#endif
