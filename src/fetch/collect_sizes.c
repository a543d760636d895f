#include "fetch/collect_sizes.h"

#include <postfach/pop3_client.h>

#include <stdlib.h>

enum {
    MIDDLE_OF = 4, /* fewer say nothing about a habit */
    ODD_LINES = 2  /* a last line without an end, an empty one at the end */
};

static bool counts(const struct pf_collect_size *size)
{
    return size->came_whole && size->told != PF_OCTETS_UNKNOWN;
}

static uint64_t lacks(const struct pf_collect_size *size, bool lf)
{
    uint64_t told = size->told;

    if (lf && __builtin_add_overflow(told, size->lines, &told))
        told = UINT64_MAX;
    return told > size->came ? told - size->came : 0;
}

/* Whether most sizes count a line end as one octet. */
static bool counts_lf(const struct pf_collect_size *sizes, size_t count)
{
    size_t lf = 0, all = 0;

    for (size_t i = 0; i < count; i++) {
        const struct pf_collect_size *size = &sizes[i];

        if (!counts(size))
            continue;
        all++;
        lf += size->lines && size->came > size->told && size->came - size->told == size->lines;
    }
    return lf > all / 2;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What is lacked at most where every message lacks octets; 0 where that cannot be said. */
static uint64_t allowance(const struct pf_collect_size *sizes, size_t count, bool lf)
{
    uint64_t *all = calloc(count + 1, sizeof *all), middle = 0;
    size_t n = 0;

    if (!all)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (counts(&sizes[i]))
            all[n++] = lacks(&sizes[i], lf);
    qsort(all, n, sizeof *all, ascending);
    if (n >= MIDDLE_OF && all[n / 2] <= UINT64_MAX / 2)
        middle = 2 * all[n / 2];
    free(all);
    return middle;
}

static bool one_a_line(const struct pf_collect_size *size, uint64_t lack)
{
    uint64_t apart = lack > size->lines ? lack - size->lines : size->lines - lack;

    return apart <= ODD_LINES && size->lines > ODD_LINES;
}

bool pf_collect_judge(struct pf_collect_size *sizes, size_t count)
{
    bool lf = counts_lf(sizes, count), right = false, differ = false;
    uint64_t allowed;

    for (size_t i = 0; i < count; i++) {
        right |= counts(&sizes[i]) && lacks(&sizes[i], lf) == 0;
        differ |= counts(&sizes[i]) && sizes[i].told != sizes[i].came;
    }
    allowed = right ? 0 : allowance(sizes, count, lf);
    for (size_t i = 0; i < count; i++) {
        uint64_t lack = counts(&sizes[i]) ? lacks(&sizes[i], lf) : 0;

        if (right)
            sizes[i].suspect = lack > sizes[i].dots;
        else
            sizes[i].suspect = lack > allowed && !one_a_line(&sizes[i], lack);
    }
    return differ;
}
