/* Plays every talk below a folder (or those named) against the engine, in every way of cutting.
 *
 *     t_talk_engine [file.talk ...]
 *
 * TALK_SEED repeats a run with the seed that it printed, TALK_CUTS says how many random ways there
 * are. */
#include "talk_play.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TALKS_MAX = 1000, CUTS = 6, DESCRIPTORS = 16 };

static char *paths[TALKS_MAX];
static size_t path_count;

static int collect(const char *path, const struct stat *info, int flag, struct FTW *place)
{
    size_t len = strlen(path);

    (void)info, (void)place;
    if (flag == FTW_F && len > 5 && !strcmp(path + len - 5, ".talk") && path_count < TALKS_MAX)
        paths[path_count++] = strdup(path);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

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
static bool run(struct talk *t, uint64_t seed, unsigned cuts)
{
    struct talk_buf first = {0};
    bool good = true;

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

static bool test(const char *path, size_t number, uint64_t seed, unsigned cuts)
{
    static const char folder[] = TALK_FOLDER "/";
    const char *name = strncmp(path, folder, sizeof folder - 1) ? path : path + sizeof folder - 1;
    struct talk talk;
    bool good = talk_read(&talk, path, TALK_FOLDER "/boxes");

    if (good && talk.only_live) {
        printf("ok %zu - %s # SKIP only live\n", number, name);
        talk_free(&talk);
        return true;
    }
    good = good && run(&talk, seed, cuts);
    printf("%sok %zu - %s\n", good ? "" : "not ", number, name);
    if (!good)
        printf("# %s:%u: %s\n", path, talk.bad_line, talk.why);
    fflush(stdout);
    talk_free(&talk);
    return good;
}

int main(int argc, char **argv)
{
    const char *given = getenv("TALK_SEED"), *many = getenv("TALK_CUTS");
    uint64_t chance = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
    uint64_t seed = given ? strtoull(given, NULL, 10) : chance;
    unsigned cuts = many ? (unsigned)strtoul(many, NULL, 10) : CUTS;
    bool good = true;

    for (int i = 1; i < argc && path_count < TALKS_MAX; i++)
        paths[path_count++] = strdup(argv[i]);
    if (argc == 1 && nftw(TALK_FOLDER, collect, DESCRIPTORS, FTW_PHYS))
        path_count = 0;
    qsort(paths, path_count, sizeof paths[0], by_name);
    printf("# TALK_SEED=%" PRIu64 "\n1..%zu\n", seed, path_count);
    for (size_t i = 0; i < path_count; i++) {
        good &= test(paths[i], i + 1, seed, cuts);
        free(paths[i]);
    }
    return good && path_count ? 0 : 1;
}
