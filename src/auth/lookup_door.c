#include "auth/lookup.h"

#include "auth/auth_kind.h"

#include <assert.h>
#include <stdlib.h>

enum {
    THREADS = 1,    /* what a question costs is memory's time; one thread needs no locks */
    QUEUE = 100000, /* questions of as many connections; each has one */
    TEXT = 2 * PF_AUTH_NAME_MAX + 1
};

/* Users and aliases as of one reading of the settings; counted on the loop, used on the thread. */
struct pf_lookup_generation {
    unsigned holds;
    struct pf_recipients *recipients; /* NULL: nobody asks */
};

/* The kind of lookup that is here, in this process. */
struct here {
    struct pf_lookup door; /* the first member */
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_lookup_generation *generation;
    unsigned open; /* questions, also abandoned ones */
    struct pf_err trouble;
};

struct question {
    struct pf_job job; /* the first member */
    struct here *lookup;
    struct pf_lookup_generation *generation;
    struct pf_lookup_ask *ask; /* NULL: abandoned */
    struct pf_found found;
    struct pf_err err, trouble;
    size_t len;
    unsigned char address[TEXT];
};

static struct here *here_of(struct pf_lookup *door)
{
    return (struct here *)door;
}

void pf_lookup_forget(struct pf_lookup_generation *g)
{
    if (!g || --g->holds)
        return;
    pf_recipients_free(g->recipients);
    free(g);
}

struct pf_lookup_generation *pf_lookup_prepare(const struct pf_lookup_settings *settings, struct pf_err *err)
{
    struct pf_lookup_generation *g = calloc(1, sizeof *g);

    if (!g) {
        pf_fail(err, PF_NO_MEMORY, 0, "lookup", "no memory for recipients");
        return NULL;
    }
    g->holds = 1;
    if (!settings)
        return g;
    g->recipients = pf_recipients_open(settings, err);
    if (g->recipients)
        return g;
    free(g);
    return NULL;
}

static void work(struct pf_job *job)
{
    struct question *q = (struct question *)job;
    struct pf_recipients *r = q->generation->recipients;

    if (!r) {
        pf_fail(&q->err, PF_TEMP, 0, "lookup", "no listener takes mail any more");
        return;
    }
    pf_recipients_find(r, pf_bytes_from(q->address, q->len), &q->found, &q->err);
    pf_recipients_trouble(r, &q->trouble);
}

static void worked(struct pf_job *job)
{
    struct question *q = (struct question *)job;
    struct here *lookup = q->lookup;
    struct pf_lookup_ask *ask = q->ask;

    lookup->open--;
    if (q->trouble.code != PF_OK)
        lookup->trouble = q->trouble;
    if (ask) {
        ask->err = q->err;
        ask->users = q->found.users;
        ask->count = q->found.count;
        ask->state = NULL;
    } else {
        free(q->found.users);
    }
    pf_lookup_forget(q->generation);
    free(q);
    if (ask)
        ask->done(ask);
}

static enum pf_code ask_pool(struct pf_lookup *door, struct pf_lookup_ask *ask)
{
    struct here *lookup = here_of(door);
    struct question *q;

    if (ask->address.len == 0 || ask->address.len > TEXT)
        return pf_fail(&ask->err, PF_NO_USER, 0, "lookup", "an address of %zu octets", ask->address.len);
    q = calloc(1, sizeof *q);
    if (!q)
        return pf_fail(&ask->err, PF_NO_MEMORY, 0, "lookup", "no memory for a recipient");
    *q = (struct question){.job = {.work = work, .done = worked}, .lookup = lookup, .ask = ask,
                           .generation = lookup->generation, .len = ask->address.len};
    memcpy(q->address, ask->address.at, q->len);
    if (!pf_pool_submit(lookup->pool, &q->job)) {
        free(q);
        return pf_fail(&ask->err, PF_BUSY, 0, "lookup", "too many recipients wait to be looked up");
    }
    q->generation->holds++;
    lookup->open++;
    ask->state = q;
    return PF_OK;
}

static void abandon(struct pf_lookup *door, struct pf_lookup_ask *ask)
{
    struct question *q = ask->state;

    (void)door;
    if (q)
        q->ask = NULL;
    ask->state = NULL;
}

static bool trouble(struct pf_lookup *door, struct pf_err *out_err)
{
    struct here *lookup = here_of(door);

    if (lookup->trouble.code == PF_OK)
        return false;
    *out_err = lookup->trouble;
    lookup->trouble = (struct pf_err){0};
    return true;
}

static const struct pf_lookup_kind kind = {ask_pool, abandon, trouble};

struct pf_lookup *pf_lookup_new(struct pf_loop *loop, const struct pf_lookup_settings *settings,
                                struct pf_err *err)
{
    struct here *lookup = calloc(1, sizeof *lookup);

    if (!lookup) {
        pf_fail(err, PF_NO_MEMORY, 0, "lookup", "no memory for recipients");
        return NULL;
    }
    lookup->door.kind = &kind;
    lookup->loop = loop;
    lookup->generation = pf_lookup_prepare(settings, err);
    if (lookup->generation)
        lookup->pool = pf_pool_new(loop, "pf-lookup", THREADS, QUEUE, err);
    if (lookup->pool)
        return &lookup->door;
    pf_lookup_forget(lookup->generation);
    free(lookup);
    return NULL;
}

void pf_lookup_take(struct pf_lookup *door, struct pf_lookup_generation *fresh)
{
    struct here *lookup = here_of(door);

    pf_lookup_forget(lookup->generation);
    lookup->generation = fresh;
}

enum pf_code pf_lookup_reload(struct pf_lookup *lookup, const struct pf_lookup_settings *settings,
                              struct pf_err *err)
{
    struct pf_err why = {0};
    struct pf_lookup_generation *fresh = pf_lookup_prepare(settings, &why);

    if (!fresh)
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    pf_lookup_take(lookup, fresh);
    return PF_OK;
}

void pf_lookup_free(struct pf_lookup *door)
{
    struct here *lookup = here_of(door);

    if (!door)
        return;
    pf_pool_free(lookup->pool); /* those abandoned end here */
    assert(lookup->open == 0);
    pf_lookup_forget(lookup->generation);
    free(lookup);
}
