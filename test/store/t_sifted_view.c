/* A view that shows all must be like the whole maildrop: every box that does not expire is opened for a
 * recipient, and every message was sent there, as far as the sift can see. */
#include "store/conform.h"
#include "store/memory.h"
#include "store/sifted.h"
#include "store/wrap.h"

#include <stdlib.h>

static const char head[] = "Delivered-To: all@thor\n\n";

/* In front: asks for the recipient. */
static bool ask_for_all(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    if (g->call == PF_WRAP_OPEN && g->inner.open.where.expire_days <= 0)
        g->inner.open.where.recipient = "all@thor";
    return true;
}

static void nothing(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    (void)g;
}

/* Behind: the first read of each message is the sift's, and finds the head of a delivery. `begun` counts
 * those that are still to come. A box that expires is no view. */
static bool show_head(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    if (g->call != PF_WRAP_READ || g->begun == 0)
        return true;
    g->begun--;
    memcpy(g->asked.read->at, head, sizeof head - 1);
    g->asked.read->got = sizeof head - 1;
    g->asked.read->last = true;
    return false;
}

static void count_mail(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    if (g->call == PF_WRAP_OPEN && g->asked.open->where.expire_days <= 0)
        g->begun = g->asked.open->listing.count;
}

static struct pf_store *wrap(struct pf_store *inner, bool (*before)(struct pf_wrap *, struct pf_wrapped *),
                             void (*after)(struct pf_wrap *, struct pf_wrapped *))
{
    struct pf_wrap *w = inner ? calloc(1, sizeof *w) : NULL;

    if (!w) {
        pf_store_free(inner);
        return NULL;
    }
    pf_wrap_init(w, inner);
    w->before = before;
    w->after = after;
    return &w->base;
}

static bool make(struct world *w)
{
    struct pf_store *store = wrap(pf_memory_new(w->drive.loop), show_head, count_mail);

    store = store ? pf_sifted_new(store) : NULL;
    w->drive.store = wrap(store, ask_for_all, nothing);
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "sifted view", .quota = true, .make = make};

    return conform(&rig);
}
