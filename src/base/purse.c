#include "base/purse.h"

#include "base/text.h"

#include <stdlib.h>

enum { CHAINS = PF_PURSE_MOST / 2 }; /* numbers follow each other: a full purse has some two in each */

struct item {
    struct item *next;            /* in its chain */
    struct item *older, *younger; /* by when it was used last */
    uint64_t number;
    uint64_t entry;
    pf_time used;
    uint32_t store;
    size_t len;
    unsigned char *ticket; /* NULL once there is an entry */
};

struct pf_purse {
    struct item *oldest, *youngest;
    unsigned count;
    uint64_t last; /* number that was given */
    struct item *chains[CHAINS];
};

struct pf_purse *pf_purse_new(void)
{
    return calloc(1, sizeof(struct pf_purse));
}

static struct item **place_of(struct pf_purse *purse, uint64_t number)
{
    struct item **place = &purse->chains[number % CHAINS];

    while (*place && (*place)->number != number)
        place = &(*place)->next;
    return place;
}

static void unqueue(struct pf_purse *purse, struct item *item)
{
    *(item->older ? &item->older->younger : &purse->oldest) = item->younger;
    *(item->younger ? &item->younger->older : &purse->youngest) = item->older;
}

static void enqueue(struct pf_purse *purse, struct item *item)
{
    item->older = purse->youngest;
    item->younger = NULL;
    *(item->older ? &item->older->younger : &purse->oldest) = item;
    purse->youngest = item;
}

static void forget_ticket(struct item *item)
{
    if (item->ticket)
        pf_wipe(item->ticket, item->len);
    free(item->ticket);
    item->ticket = NULL;
    item->len = 0;
}

static void item_free(struct item *item)
{
    forget_ticket(item);
    free(item);
}

static void drop(struct pf_purse *purse, struct item **place)
{
    struct item *item = *place;

    *place = item->next;
    unqueue(purse, item);
    purse->count--;
    item_free(item);
}

void pf_purse_free(struct pf_purse *purse)
{
    if (!purse)
        return;
    while (purse->oldest)
        drop(purse, place_of(purse, purse->oldest->number));
    free(purse);
}

static bool too_old(const struct item *item, pf_time now)
{
    return now - item->used >= PF_PURSE_LIFE;
}

static struct item *item_new(struct pf_bytes ticket)
{
    struct item *item = calloc(1, sizeof *item);

    if (item)
        item->ticket = malloc(ticket.len ? ticket.len : 1);
    if (item && item->ticket)
        return item;
    free(item);
    return NULL;
}

uint64_t pf_purse_put(struct pf_purse *purse, uint32_t store, struct pf_bytes ticket, pf_time now)
{
    struct item *item = item_new(ticket);
    struct item **place;

    if (!item)
        return 0;
    while (purse->oldest && (purse->count == PF_PURSE_MOST || too_old(purse->oldest, now)))
        drop(purse, place_of(purse, purse->oldest->number));
    item->number = ++purse->last;
    item->used = now;
    item->store = store;
    item->len = ticket.len;
    if (ticket.len)
        memcpy(item->ticket, ticket.at, ticket.len);
    place = place_of(purse, item->number);
    *place = item;
    enqueue(purse, item);
    purse->count++;
    return item->number;
}

bool pf_purse_look(struct pf_purse *purse, uint64_t pass, pf_time now, struct pf_pass *out)
{
    struct item **place = place_of(purse, pass);
    struct item *item = *place;

    if (!item)
        return false;
    if (too_old(item, now)) {
        drop(purse, place);
        return false;
    }
    item->used = now;
    unqueue(purse, item);
    enqueue(purse, item);
    *out = (struct pf_pass){.store = item->store, .entry = item->entry,
                            .ticket = pf_bytes_from(item->ticket, item->len)};
    return true;
}

void pf_purse_entered(struct pf_purse *purse, uint64_t pass, uint64_t entry)
{
    struct item **place = place_of(purse, pass);

    if (!*place)
        return;
    if (!entry) {
        drop(purse, place);
        return;
    }
    (*place)->entry = entry;
    forget_ticket(*place);
}

void pf_purse_drop(struct pf_purse *purse, uint64_t pass)
{
    pf_purse_entered(purse, pass, 0);
}
