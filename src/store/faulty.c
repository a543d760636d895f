#include "store/faulty.h"

#include "store/marks.h"
#include "store/wrap.h"

#include <assert.h>
#include <stdlib.h>

enum {
    FAULTS_MAX = 16
};

struct fault {
    struct pf_fault what;
    unsigned left; /* calls until it fires; 0: it has fired, or fires at each */
};

struct faulty {
    struct pf_wrap wrap;
    struct fault faults[FAULTS_MAX];
    unsigned count;
    unsigned fired;
};

static const enum pf_wrap_call calls[] = {
    [PF_FAULT_OPEN] = PF_WRAP_OPEN,   [PF_FAULT_READ] = PF_WRAP_READ,   [PF_FAULT_EXPUNGE] = PF_WRAP_EXPUNGE,
    [PF_FAULT_BEGIN] = PF_WRAP_BEGIN, [PF_FAULT_WRITE] = PF_WRAP_WRITE, [PF_FAULT_SEAL] = PF_WRAP_SEAL,
};

/* Whether this call is one that the fault counts. A read that would go beyond `after` is cut there,
 * and is not yet. */
static bool concerns(const struct pf_fault *f, struct pf_wrapped *g)
{
    struct pf_box_read *r = &g->inner.read;

    if (calls[f->at] != g->call)
        return false;
    if (f->at != PF_FAULT_READ)
        return true;
    if (f->index >= 0 && (uint64_t)f->index != r->index)
        return false;
    if (r->offset >= f->after)
        return true;
    if (r->cap > f->after - r->offset)
        r->cap = (size_t)(f->after - r->offset);
    return false;
}

static bool fires(struct fault *f, struct pf_wrapped *g)
{
    if (f->what.number != 0 && f->left == 0)
        return false;
    if (!concerns(&f->what, g))
        return false;
    return f->what.number == 0 || --f->left == 0;
}

/* The first half of the marked messages is to go, the rest to stay. */
static bool expunge_half(struct pf_wrapped *g)
{
    const struct pf_marks *remove = g->asked.expunge->remove;
    uint32_t half = pf_marks_count(remove) / 2;

    if (half == 0)
        return false;
    g->marks = (struct pf_marks){calloc(pf_marks_words(remove->count), sizeof(uint64_t)), remove->count};
    if (!g->marks.words)
        return false;
    for (uint32_t i = 0; half > 0; i++) {
        if (pf_marks_has(remove, i)) {
            pf_marks_set(&g->marks, i, true);
            half--;
        }
    }
    g->inner.expunge.remove = &g->marks;
    return true;
}

/* True when the op goes on to the store below, changed. */
static bool fire(const struct pf_fault *f, struct pf_wrapped *g)
{
    if (f->at == PF_FAULT_READ && f->silent) {
        g->asked.read->last = true;
        return false;
    }
    if (f->at == PF_FAULT_EXPUNGE && f->code == PF_PARTIAL && !f->silent && expunge_half(g))
        return true;
    pf_fail(&g->asked.op->err, f->code, 0, "faulty", "a fault that was asked for");
    if (f->at == PF_FAULT_EXPUNGE)
        g->asked.expunge->failed = pf_marks_count(g->asked.expunge->remove);
    return false;
}

static bool before(struct pf_wrap *w, struct pf_wrapped *g)
{
    struct faulty *s = (struct faulty *)w;
    const struct pf_fault *chosen = NULL;

    for (unsigned i = 0; i < s->count; i++)
        if (fires(&s->faults[i], g) && !chosen)
            chosen = &s->faults[i].what;
    if (!chosen)
        return true;
    s->fired++;
    return fire(chosen, g);
}

static void after(struct pf_wrap *w, struct pf_wrapped *g)
{
    struct pf_box_expunge *e = g->asked.expunge;

    (void)w;
    if (g->call != PF_WRAP_EXPUNGE || !g->marks.words)
        return;
    free(g->marks.words);
    g->marks.words = NULL;
    e->failed = pf_marks_count(e->remove) - e->removed;
    pf_fail(&e->op.err, PF_PARTIAL, 0, "faulty", "a fault that was asked for");
}

struct pf_store *pf_faulty_new(struct pf_store *inner)
{
    struct faulty *s = calloc(1, sizeof *s);

    if (!s) {
        pf_store_free(inner);
        return NULL;
    }
    pf_wrap_init(&s->wrap, inner);
    s->wrap.before = before;
    s->wrap.after = after;
    return &s->wrap.base;
}

void pf_faulty_add(struct pf_store *store, const struct pf_fault *fault)
{
    struct faulty *s = (struct faulty *)store;
    unsigned at = 0;

    assert(fault->code != PF_OK || (fault->at == PF_FAULT_READ && fault->silent));
    /* A fault that has fired gives its place away. */
    while (at < s->count && (s->faults[at].what.number == 0 || s->faults[at].left > 0))
        at++;
    assert(at < FAULTS_MAX);
    s->faults[at] = (struct fault){.what = *fault, .left = fault->number};
    if (at == s->count)
        s->count++;
}

void pf_faulty_clear(struct pf_store *store)
{
    ((struct faulty *)store)->count = 0;
}

unsigned pf_faulty_fired(const struct pf_store *store)
{
    return ((const struct faulty *)store)->fired;
}
