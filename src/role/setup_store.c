#include "role/setup.h"

#include "store/kinds.h"
#include "store/sifted.h"
#include "store/traced.h"

/* In front of all: what it asks of a maildrop is traced too. */
static struct pf_store *sift(const struct pf_conf *conf, struct pf_store *store, struct pf_err *err)
{
    struct pf_store *sifted = store && conf->sdps ? pf_sifted_new(store) : store;

    if (store && !sifted)
        pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
    return sifted;
}

static void trace(void *self, const char *line)
{
    struct pf_field field = PF_TEXT_FIELD("call", line);

    pf_log_event(self, PF_EVENT_store, &field, 1);
}

struct pf_store *pf_setup_store(const struct pf_conf *conf, struct pf_loop *loop,
                                struct pf_pool *pool, struct pf_log *log, struct pf_err *err)
{
    struct pf_kinds_settings settings;
    struct pf_twin *twin;
    struct pf_store *store;

    pf_kinds_settings(conf, &settings);
    twin = pf_kinds_new(&settings, err);
    store = twin ? pf_lift_new(loop, pool, twin, err) : NULL;
    if (store && conf->log_debug) {
        struct pf_store *traced = pf_traced_new(store, trace, log);

        if (!traced) {
            pf_store_free(store);
            pf_fail(err, PF_NO_MEMORY, 0, "setup", "no memory");
        }
        store = traced;
    }
    return sift(conf, store, err);
}

bool pf_setup_store_differs(const struct pf_conf *a, const struct pf_conf *b)
{
    return a->log_debug != b->log_debug || a->sdps != b->sdps || pf_kinds_differ(a, b);
}
