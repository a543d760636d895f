/* The program around a player of talks: which talks there are, the seed, and a test for each.
 *
 *     t_talk_… [file.talk ...]
 *
 * Without a name it plays every talk below the folder. TALK_SEED repeats a run with the seed that it
 * printed, TALK_CUTS says how many random ways of cutting there are. */
#ifndef POSTFACH_TEST_TALK_MAIN_H
#define POSTFACH_TEST_TALK_MAIN_H

#include "talk.h"

struct talk_player {
    /* Plays a talk in every way of cutting. When it fails, the talk's `why` and `bad_line` say where;
     * when the talk is not for this player, *out_unfit says why not. */
    bool (*run)(struct talk *, uint64_t seed, unsigned cuts, const char **out_unfit);
    size_t least; /* talks that are for it, of all there are */
};

/* main's status */
int talk_main(int argc, char **argv, const struct talk_player *);

#endif
