#include "auth/auth_links.h"

#include <errno.h>
#include <stdlib.h>

struct pf_links {
    const struct pf_links_driver *driver;
    void *source;
    const struct pf_conf_userdb *userdb;
    struct pf_sql_slots *slots;
    struct pf_links_rest rest;
};

bool pf_links_may(struct pf_links_rest *rest, pf_time limit)
{
    pf_time retry = atomic_load(&rest->retry), now = pf_sql_now();

    if (retry == 0)
        return true;
    return now >= retry && atomic_compare_exchange_strong(&rest->retry, &retry, now + limit + PF_LINKS_DOWN);
}

void pf_links_went(struct pf_links_rest *rest, bool well)
{
    pf_time pause = atomic_load(&rest->pause);

    if (well) {
        atomic_store(&rest->pause, 0);
        atomic_store(&rest->retry, 0);
        return;
    }
    pause = pause == 0 ? PF_LINKS_DOWN : pause * 2 > PF_LINKS_DOWN_MAX ? PF_LINKS_DOWN_MAX : pause * 2;
    atomic_store(&rest->pause, pause);
    atomic_store(&rest->retry, pf_sql_now() + pause);
}

struct pf_links *pf_links_new(const struct pf_links_driver *driver, void *source, const struct pf_conf_userdb *userdb,
                              struct pf_err *err)
{
    struct pf_links *links = calloc(1, sizeof *links);

    if (!links) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, driver->kind, "no memory for a userdb");
        return NULL;
    }
    links->driver = driver;
    links->source = source;
    links->userdb = userdb;
    links->slots = pf_sql_slots_new(userdb->connections ? userdb->connections : 1, err);
    if (links->slots)
        return links;
    free(links);
    return NULL;
}

void pf_links_free(struct pf_links *links)
{
    if (!links)
        return;
    for (unsigned i = 0; i < links->slots->count; i++)
        if (links->slots->of[i].connection)
            links->driver->close(links->slots->of[i].connection);
    pf_sql_slots_free(links->slots);
    free(links);
}

/* A second's rest is enough for a server of which there is but one. */
static void *open_one(struct pf_links *links, pf_time deadline, struct pf_err *err)
{
    void *connection;

    if (links->driver->rests)
        return links->driver->open(links->source, deadline, err);
    if (!pf_links_may(&links->rest, links->userdb->timeout)) {
        pf_fail(err, PF_TEMP, 0, links->driver->kind,
                "%s: could not be used a moment ago, and is left alone until it is tried again", links->driver->kind);
        return NULL;
    }
    atomic_store(&links->rest.pause, 0);
    connection = links->driver->open(links->source, deadline, err);
    pf_links_went(&links->rest, connection != NULL);
    return connection;
}

static enum pf_code ask_slot(struct pf_links *links, struct pf_sql_slot *slot, void *question, pf_time deadline,
                             struct pf_err *err)
{
    enum pf_code code = PF_GONE;
    bool fresh = false;

    while (code == PF_GONE && !fresh) {
        fresh = !slot->connection;
        if (fresh)
            slot->connection = open_one(links, deadline, err);
        if (!slot->connection)
            return PF_TEMP;
        code = links->driver->ask(slot->connection, question, deadline, err);
        if (code == PF_GONE || code == PF_BUSY) {
            links->driver->close(slot->connection);
            slot->connection = NULL;
        }
    }
    return code == PF_GONE || code == PF_BUSY ? PF_TEMP : code;
}

enum pf_code pf_links_ask(struct pf_links *links, void *question, struct pf_err *err)
{
    pf_time deadline = pf_sql_now() + links->userdb->timeout;
    struct pf_sql_slot *slot = pf_sql_slots_take(links->slots, deadline);
    enum pf_code code;

    if (!slot)
        return pf_fail(err, PF_TEMP, 0, links->driver->kind,
                       "%s: all %u connections were busy (userdb connections, timeout)", links->driver->kind,
                       links->slots->count);
    code = ask_slot(links, slot, question, deadline, err);
    pf_sql_slots_give(links->slots, slot);
    return code;
}
