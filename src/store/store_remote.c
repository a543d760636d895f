#include "store/store_remote_private.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

static struct pf_remote *remote_of(const struct pf_store *store)
{
    return (struct pf_remote *)(uintptr_t)store;
}

struct pf_remote_link *pf_remote_find(struct pf_remote *remote, uint32_t number)
{
    struct pf_remote_link *link = remote->links[number % PF_REMOTE_CHAINS];

    while (link && link->number != number)
        link = link->next;
    return link;
}

static void link_free(struct pf_remote_link *link)
{
    pf_timer_free(link->timer);
    pf_slots_free(link->slots);
    free(link);
}

void pf_remote_hold(struct pf_remote_call *call, struct pf_remote_link *link)
{
    call->link = link;
    link->users++;
}

void pf_remote_release(struct pf_remote_call *call)
{
    struct pf_remote_link *link = call->link;

    call->link = NULL;
    if (link && --link->users == 0 && !link->ipc)
        link_free(link);
}

void pf_remote_link_timer(struct pf_remote_link *link, pf_time at)
{
    if (at >= link->timer_at)
        return;
    link->timer_at = at;
    pf_timer_set(link->timer, at);
}

static void unlist(struct pf_remote_link *link)
{
    struct pf_remote *remote = link->remote;
    struct pf_remote_link **place = &remote->links[link->number % PF_REMOTE_CHAINS];

    while (*place != link)
        place = &(*place)->next;
    *place = link->next;
    remote->stores--;
}

/* What flew has been answered for before. */
static void gone(void *self, const struct pf_err *err)
{
    struct pf_remote_link *link = self;
    struct pf_store_remote_calls calls = link->remote->calls;
    uint32_t number = link->number;

    assert(!link->flying.first);
    pf_ipc_close(link->ipc);
    link->ipc = NULL;
    unlist(link);
    pf_slots_free(link->slots);
    link->slots = NULL;
    while (link->waiting.first) {
        struct pf_remote_call *call = link->waiting.first;

        pf_remote_queue_take(call);
        pf_fail(call->err, PF_TEMP, 0, "store", "store %u has gone", number);
        pf_remote_fail(call);
    }
    if (!link->users)
        link_free(link);
    if (calls.gone)
        calls.gone(calls.self, number, err);
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == ']')
            return false;
    return true;
}

static void look_for_holder(struct pf_remote_link *link, const struct pf_store_ask_wanted *asked,
                            struct pf_store_wanted *out)
{
    const struct pf_store_remote_calls *calls = &link->remote->calls;
    char user[PF_TICKET_USER_MAX + 1];

    memcpy(user, asked->user.at, asked->user.len);
    user[asked->user.len] = '\0';
    *out = (struct pf_store_wanted){.session = asked->session, .user = user};
    if (calls->wanted)
        calls->wanted(calls->self, out);
    out->user = NULL;
    if (!printable(out->say) || out->say[0] == '[')
        out->say[0] = '\0';
    if (!printable(out->facts))
        out->facts[0] = '\0';
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct pf_remote_link *link = self;
    struct pf_span span = {link->remote->scratch, 0, sizeof link->remote->scratch};
    struct pf_store_wanted wanted;
    union pf_store_ask asked;
    union pf_store_say say;
    bool fits;

    if (frame->kind != PF_STORE_WANTED || frame->fd_count ||
        !pf_store_wire_get_ask(frame->payload, frame->kind, &asked)) {
        pf_ipc_drop(link->ipc, "a question that cannot be");
        return;
    }
    look_for_holder(link, &asked.wanted, &wanted);
    say.wanted = (struct pf_store_say_wanted){.found = wanted.found, .leaves = wanted.found && wanted.leaves,
                                              .say = pf_bytes_of(wanted.say), .facts = pf_bytes_of(wanted.facts)};
    fits = pf_store_wire_put_say(&span, PF_STORE_WANTED, &say);
    assert(fits);
    pf_ipc_answer(link->ipc, id, &(struct pf_ipc_frame){.kind = PF_STORE_WANTED, .payload = pf_span_bytes(&span)});
}

static struct pf_remote_link *link_new(struct pf_remote *remote, uint32_t number, int fd, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.request = request, .gone = gone};
    struct pf_remote_link *link = calloc(1, sizeof *link);

    if (link)
        link->timer = pf_timer_new(remote->base.loop, pf_remote_link_tick, link);
    if (!link || !link->timer) {
        free(link);
        close(fd);
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for store %u", number);
        return NULL;
    }
    link->remote = remote;
    link->number = number;
    link->timer_at = PF_NEVER;
    link->ipc = pf_ipc_new(remote->base.loop, fd,
                           &(struct pf_ipc_settings){.calls = &calls, .self = link, .any_uid = true}, err);
    if (link->ipc)
        return link;
    link_free(link);
    return NULL;
}

/* Whoever waited for this store begins. */
static void joined(struct pf_remote_link *link)
{
    struct pf_remote *remote = link->remote;
    struct pf_remote_call *next, *call;

    for (call = remote->joining.first; call; call = next) {
        struct pf_pass pass;
        bool there = pf_purse_look(remote->purse, call->pass, pf_loop_now(remote->base.loop), &pass);

        next = call->next;
        if (there && pass.store != link->number)
            continue;
        pf_remote_queue_take(call);
        call->stage = PF_REMOTE_IDLE;
        pf_remote_begin(call);
    }
}

enum pf_code pf_store_remote_join(struct pf_store *store, uint32_t number, int fd, struct pf_err *err)
{
    struct pf_remote *remote = remote_of(store);
    struct pf_remote_link *link;
    struct pf_err why;

    if (pf_remote_find(remote, number)) {
        close(fd);
        return pf_fail(err, PF_CONFIG, 0, __func__, "store %u is there already", number);
    }
    link = link_new(remote, number, fd, &why);
    if (!link) {
        if (err)
            *err = why;
        return why.code;
    }
    link->next = remote->links[number % PF_REMOTE_CHAINS];
    remote->links[number % PF_REMOTE_CHAINS] = link;
    remote->stores++;
    joined(link);
    return PF_OK;
}

unsigned pf_store_remote_stores(const struct pf_store *store)
{
    return remote_of(store)->stores;
}

static void remote_free(struct pf_store *store)
{
    struct pf_remote *remote = remote_of(store);

    for (unsigned i = 0; i < PF_REMOTE_CHAINS; i++)
        while (remote->links[i]) {
            struct pf_remote_link *link = remote->links[i];

            assert(!link->users);
            remote->links[i] = link->next;
            pf_ipc_close(link->ipc);
            link_free(link);
        }
    pf_timer_free(remote->timer);
    pf_slot_listings_free(remote->listings);
    pf_remote_spares_free(remote);
    free(remote);
}

static const struct pf_store_kind kind = {
    .name = "remote",
    .box_open = pf_remote_box_open,
    .box_read = pf_remote_box_read,
    .box_expunge = pf_remote_box_expunge,
    .box_close = pf_remote_box_close,
    .parcel_begin = pf_remote_parcel_begin,
    .parcel_write = pf_remote_parcel_write,
    .parcel_seal = pf_remote_parcel_seal,
    .parcel_drop = pf_remote_parcel_drop,
    .free = remote_free,
    .sifts = true, /* whose mail is shown stands in the ticket; the store process sees to it */
};

struct pf_store *pf_store_remote_new(struct pf_loop *loop, struct pf_purse *purse,
                                     const struct pf_store_remote_calls *calls, struct pf_err *err)
{
    struct pf_remote *remote = calloc(1, sizeof *remote);

    if (remote)
        remote->timer = pf_timer_new(loop, pf_remote_joining_tick, remote);
    if (remote && remote->timer)
        remote->listings = pf_slot_listings_new();
    if (!remote || !remote->listings) {
        if (remote)
            pf_timer_free(remote->timer);
        free(remote);
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for a store");
        return NULL;
    }
    remote->base.kind = &kind;
    remote->base.loop = loop;
    remote->purse = purse;
    if (calls)
        remote->calls = *calls;
    return &remote->base;
}
