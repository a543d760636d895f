/* Runs a fuzz target over its corpus, and over every prefix and a few mutations of each seed, as a
 * test: what a fuzzer found once stays found. Speaks TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SEED_MAX = 1 << 20,  /* a seed is small; what is larger is a mistake in the corpus */
    PREFIXES_MAX = 2048, /* prefixes of long seeds beyond that add time, not knowledge */
    FLIPS = 256
};

/* Exact-size copies, so that the address sanitizer sees a read past the end. */
static void run_exact(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_seed(uint8_t *data, size_t size)
{
    uint32_t dice = 2463534242u;

    run_exact(data, size);
    for (size_t n = 0; n < size && n < PREFIXES_MAX; n++)
        run_exact(data, n);
    for (int i = 0; size && i < FLIPS; i++) {
        size_t at;
        uint8_t old;

        dice ^= dice << 13, dice ^= dice >> 17, dice ^= dice << 5;
        at = dice % size;
        old = data[at];
        data[at] = (uint8_t)(dice >> 24);
        run_exact(data, size);
        data[at] = old;
    }
}

static int run_file(const char *name, uint8_t *buffer)
{
    char path[4096];
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, name);
    file = fopen(path, "rb");
    if (!file)
        return 0;
    size = fread(buffer, 1, SEED_MAX, file);
    fclose(file);
    run_seed(buffer, size);
    return 1;
}

int main(void)
{
    DIR *dir = opendir(FUZZ_CORPUS);
    uint8_t *buffer = malloc(SEED_MAX);
    struct dirent *entry;
    int seeds = 0;

    if (!dir || !buffer) {
        printf("1..1\nnot ok 1 - no corpus at %s\n", FUZZ_CORPUS);
        return 1;
    }
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            seeds += run_file(entry->d_name, buffer);
    closedir(dir);
    free(buffer);
    printf("1..1\n%s 1 - %d seeds, their prefixes and mutations\n", seeds ? "ok" : "not ok", seeds);
    return !seeds;
}
