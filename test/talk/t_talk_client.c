/* Plays every talk that a client engine would lead (or those named) with roles turned: our engine is the
 * client, the talk the server; whole, octet by octet, and at random places. What is heard must be the
 * same in each. */
#include "talk_client.h"
#include "talk_main.h"

#include <stdio.h>

enum { LEAST = 90 };

/* True when all is well, or the talk is not for clients (*out_unfit). */
static bool run(struct talk *talk, uint64_t seed, unsigned cuts, const char **out_unfit)
{
    struct talk_buf first = {0};
    bool good = true;

    for (unsigned n = 0; good && !*out_unfit && n < TURNED_RANDOM + cuts; n++) {
        struct turned t;

        good = turned_play(&t, talk, n < TURNED_RANDOM ? (enum turned_cut)n : TURNED_RANDOM, seed + n);
        *out_unfit = t.unfit;
        if (good && n == 0)
            talk_put(&first, talk_bytes(&t.transcript));
        if (good && !t.unfit && !pf_bytes_equal(talk_bytes(&first), talk_bytes(&t.transcript))) {
            turned_wrong(&t, "hears something else when the answers are cut otherwise");
            good = false;
        }
        if (!good) {
            snprintf(talk->why, sizeof talk->why, "(cut %u) %.500s", n, t.why);
            talk->bad_line = t.line;
        }
        turned_done(&t);
    }
    talk_buf_free(&first);
    return good;
}

int main(int argc, char **argv)
{
    static const struct talk_player player = {run, LEAST};

    return talk_main(argc, argv, &player);
}
