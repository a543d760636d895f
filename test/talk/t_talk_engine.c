/* Plays every talk below a folder (or those named) against the engine, in every way of cutting. */
#include "talk_play.h"
#include "talk_main.h"

#include <stdio.h>

static bool comparable(const struct talk *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->steps[i].kind == TALK_BEGIN)
            return false; /* how much is sent before a fault depends on the buffers */
    return true;
}

static const char *cut_name(unsigned n)
{
    static const char *const names[] = {"whole", "pipelined", "octet by octet", "random"};

    return names[n < 3 ? n : 3];
}

/* True when every way of cutting gives what the talk wants, and the same. */
static bool run(struct talk *t, uint64_t seed, unsigned cuts, const char **out_unfit)
{
    struct talk_buf first = {0};
    bool good = true;

    (void)out_unfit; /* all are */
    for (unsigned n = 0; good && n < TALK_RANDOM + cuts; n++) {
        enum talk_cut cut = n < TALK_RANDOM ? (enum talk_cut)n : TALK_RANDOM;
        struct play p;

        good = talk_play(&p, t, cut, seed + n * UINT64_C(0x9e3779b97f4a7c15));
        if (good && n == 0)
            talk_put(&first, talk_bytes(&p.transcript));
        if (good && comparable(t) && !pf_bytes_equal(talk_bytes(&first), talk_bytes(&p.transcript))) {
            talk_wrong(&p, "the answers differ from those to the same talk cut otherwise");
            good = false;
        }
        if (!good) {
            snprintf(t->why, sizeof t->why, "(%s) %.500s", cut_name(n), p.why);
            t->bad_line = p.line;
        }
        talk_done(&p);
    }
    talk_buf_free(&first);
    return good;
}

int main(int argc, char **argv)
{
    static const struct talk_player player = {run, 1};

    return talk_main(argc, argv, &player);
}
