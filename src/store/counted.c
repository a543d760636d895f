#include "store/counted.h"

#include "store/wrap.h"

#include <stdlib.h>
#include <time.h>

struct counted {
    struct pf_wrap wrap;
    struct pf_stats *stats;
};

static const char *const operations[] = {
    [PF_WRAP_OPEN] = "open",   [PF_WRAP_READ] = "read",   [PF_WRAP_EXPUNGE] = "expunge", [PF_WRAP_CLOSE] = "close",
    [PF_WRAP_BEGIN] = "begin", [PF_WRAP_WRITE] = "write", [PF_WRAP_SEAL] = "seal",       [PF_WRAP_DROP] = "drop",
};

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool before(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    g->begun = milliseconds();
    return true;
}

static void after(struct pf_wrap *w, struct pf_wrapped *g)
{
    pf_stats_took(((struct counted *)w)->stats, PF_STAT_store_work_seconds, operations[g->call],
                  (uint64_t)(milliseconds() - g->begun));
}

struct pf_store *pf_counted_new(struct pf_store *inner, struct pf_stats *stats, struct pf_err *err)
{
    struct counted *s = inner ? calloc(1, sizeof *s) : NULL;

    if (!s) {
        if (inner)
            pf_fail(err, PF_NO_MEMORY, 0, "store", "no memory");
        pf_store_free(inner);
        return NULL;
    }
    pf_wrap_init(&s->wrap, inner);
    s->wrap.before = before;
    s->wrap.after = after;
    s->stats = stats;
    return &s->wrap.base;
}
