/* Scene: a small piece of a maildrop's life that is played while something fails.
 *
 * Six messages are delivered, half of them while a session is open; all are
 * read; every second is removed. Each answer is noted, so that afterwards one
 * can ask: is everything there that was confirmed, and nothing else? The
 * scene itself allocates nothing, so that it can be played without memory. */
#ifndef POSTFACH_TEST_STORE_SCENE_H
#define POSTFACH_TEST_STORE_SCENE_H

#include "store/conform.h"

enum {
    SCENE_MAIL = 6
};

/* What the asker knows of a message. */
enum scene_fate {
    SCENE_ABSENT,  /* delivery was refused, or removal was confirmed */
    SCENE_PRESENT, /* delivery was confirmed */
    SCENE_EITHER   /* removal was asked for, and answered with an error */
};

struct scene {
    struct world *w;
    enum scene_fate fates[SCENE_MAIL];
    unsigned failures; /* ops that were answered with an error */
    struct pf_box_open o;
};

/* Makes the maildrop, empty. */
void scene_prepare(struct scene *, struct world *);
void scene_play(struct scene *);
/* When nothing fails any more: what is confirmed is there, once, and nothing else. */
void scene_expect(struct scene *);

#endif
