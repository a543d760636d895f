#include "talk_main.h"

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

static void find(int argc, char **argv)
{
    for (int i = 1; i < argc && path_count < TALKS_MAX; i++)
        paths[path_count++] = strdup(argv[i]);
    if (argc == 1 && nftw(TALK_FOLDER, collect, DESCRIPTORS, FTW_PHYS))
        path_count = 0;
    qsort(paths, path_count, sizeof paths[0], by_name);
}

/* 1: played; 0: not for this player; -1: failed. */
static int test(const struct talk_player *player, const char *path, size_t number, uint64_t seed,
                unsigned cuts)
{
    static const char folder[] = TALK_FOLDER "/";
    const char *name = strncmp(path, folder, sizeof folder - 1) ? path : path + sizeof folder - 1;
    const char *unfit = NULL;
    struct talk talk;
    bool good = talk_read(&talk, path, TALK_FOLDER "/boxes");

    if (good && talk.only_live)
        unfit = "only live";
    good = good && (unfit || player->run(&talk, seed, cuts, &unfit));
    printf("%sok %zu - %s%s%s\n", good ? "" : "not ", number, name, unfit ? " # SKIP " : "",
           unfit ? unfit : "");
    if (!good)
        printf("# %s:%u: %s\n", path, talk.bad_line, talk.why);
    fflush(stdout);
    talk_free(&talk);
    return good ? !unfit : -1;
}

int talk_main(int argc, char **argv, const struct talk_player *player)
{
    const char *given = getenv("TALK_SEED"), *many = getenv("TALK_CUTS");
    uint64_t chance = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
    uint64_t seed = given ? strtoull(given, NULL, 10) : chance;
    unsigned cuts = many ? (unsigned)strtoul(many, NULL, 10) : CUTS;
    size_t played = 0, failed = 0;
    bool enough;

    find(argc, argv);
    printf("# TALK_SEED=%" PRIu64 "\n1..%zu\n", seed, path_count + 1);
    for (size_t i = 0; i < path_count; i++) {
        int result = test(player, paths[i], i + 1, seed, cuts);

        played += result > 0;
        failed += result < 0;
        free(paths[i]);
    }
    enough = argc > 1 || played >= player->least;
    printf("%sok %zu - %zu talks are played\n", enough ? "" : "not ", path_count + 1, played);
    return failed || !enough;
}
