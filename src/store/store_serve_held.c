#include "store/store_serve_private.h"

#include "base/kind.h"
#include <postfach/pop3_server.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static bool grow(struct pf_serve_gate *gate)
{
    uint32_t room = gate->room ? gate->room * 2 : 16;
    struct pf_serve_held **held;
    uint32_t *free_places;

    if (room > PF_SERVE_HELD_MAX)
        return false;
    held = realloc(gate->held, room * sizeof *held);
    if (held)
        gate->held = held;
    free_places = held ? realloc(gate->free_places, room * sizeof *free_places) : NULL;
    if (!free_places)
        return false;
    gate->free_places = free_places;
    for (uint32_t place = room; place > gate->room; place--) {
        gate->held[place - 1] = NULL;
        gate->free_places[gate->free_count++] = place - 1;
    }
    gate->room = room;
    return true;
}

static const char *put_text(char **to, const char *text)
{
    char *at = *to;
    size_t octets = strlen(text) + 1;

    memcpy(at, text, octets);
    *to += octets;
    return at;
}

/* A path without a kind is a Maildir's (base/kind.h), for stores that know nothing of kinds as well. */
static size_t put_kind(char *to, uint8_t kind)
{
    struct pf_bytes name = pf_bytes_of(pf_kind_name((enum pf_kind)kind));

    if (kind == PF_KIND_MAILDIR)
        return 0;
    if (to) {
        memcpy(to, name.at, name.len);
        to[name.len] = ':';
    }
    return name.len + 1;
}

/* What a reader may not do is not asked of the store. */
static void fill(struct pf_serve_held *held, const struct pf_ticket *t)
{
    char *to = held->texts;

    held->session = t->session;
    held->rights = t->rights;
    held->where = (struct pf_box_where){
        .expire_days = t->rights & PF_TICKET_DELETE ? t->expire_days : PF_EXPIRE_NEVER,
        .quota_octets = t->quota_octets,
        .quota_messages = t->quota_messages,
    };
    held->where.user = put_text(&to, t->user);
    held->where.path = to;
    to += put_kind(to, t->kind);
    put_text(&to, t->path);
    if (t->view[0])
        held->where.recipient = put_text(&to, t->view);
}

static struct pf_serve_held *held_new(struct pf_serve_gate *gate, const struct pf_ticket *t)
{
    size_t texts = strlen(t->user) + put_kind(NULL, t->kind) + strlen(t->path) + strlen(t->view) + 3;
    struct pf_serve_held *held = gate->free_count || grow(gate) ? calloc(1, sizeof *held + texts) : NULL;
    uint32_t place;

    if (!held)
        return NULL;
    fill(held, t);
    place = gate->free_places[--gate->free_count];
    gate->held[place] = held;
    gate->count++;
    gate->serve->open++;
    held->gate = gate;
    held->number = place + 1;
    return held;
}

void pf_serve_tell(struct pf_serve_held *held, const struct pf_err *err)
{
    if (!held->told)
        held->told = malloc(sizeof *held->told);
    if (held->told)
        *held->told = *err;
}

struct pf_err pf_serve_told(const struct pf_serve_held *held)
{
    return held->told ? *held->told : (struct pf_err){.code = PF_NO_MEMORY, .where = "serve"};
}

void pf_serve_held_free(struct pf_serve_held *held)
{
    struct pf_serve_gate *gate = held->gate;
    struct pf_store_serve *serve = gate->serve;

    pf_serve_forget_wait(held);
    pf_serve_buffer_give(serve, held->buffer);
    free(held->told);
    free(held->remove.words);
    free(held->seen.words);
    gate->held[held->number - 1] = NULL;
    gate->free_places[gate->free_count++] = held->number - 1;
    free(held);
    serve->idle = --serve->open == 0;
    if (--gate->count == 0 && !gate->ipc)
        pf_serve_gate_free(gate);
    else
        pf_serve_settle(serve);
}

struct pf_serve_held *pf_serve_held_asked(struct pf_serve_gate *gate, uint64_t id, uint32_t number,
                                          enum pf_serve_what what)
{
    struct pf_serve_held *held = number && number <= gate->room ? gate->held[number - 1] : NULL;

    if (!held || held->what != what || held->request) {
        pf_serve_drop_gate(gate, held && held->request ? "a request behind one that is under way"
                                                       : "a number of no box or parcel of its own");
        return NULL;
    }
    assert(!held->busy);
    held->request = id;
    return held;
}

enum pf_code pf_serve_refused(struct pf_serve_gate *gate, const char *why, struct pf_err *err)
{
    struct pf_err told;

    pf_fail(&told, PF_PERM, 0, "serve", "gate %u: %.200s", gate->number, why);
    pf_serve_trouble(gate, &told);
    return pf_fail(err, PF_PERM, 0, "serve", "%.200s", why);
}

/* The clock is read anew: a ticket may be younger than this turn of the loop. */
static enum pf_code show_ticket(struct pf_serve_gate *gate, struct pf_bytes sealed, struct pf_ticket *out,
                                uint64_t *out_entry, struct pf_err *err)
{
    const struct pf_store_serve_parts *parts = &gate->serve->parts;
    struct pf_ticket_shown shown = {gate->number, parts->number, pf_loop_now_fresh(parts->loop)};
    unsigned char form[PF_TICKET_FORM_MAX];
    struct pf_span span = {form, 0, sizeof form};
    struct pf_err why;
    bool fits;

    if (pf_seal_open(parts->seal, sealed, &shown, out, NULL, &why) != PF_OK) {
        if (why.code == PF_PERM)
            return pf_serve_refused(gate, why.log, err);
        *err = why;
        return why.code;
    }
    fits = pf_ticket_write(&span, out);
    assert(fits);
    *out_entry = pf_purse_put(gate->entries, parts->number, pf_span_bytes(&span), shown.now);
    return *out_entry ? PF_OK : pf_fail(err, PF_NO_MEMORY, 0, "serve", "no memory for an entry");
}

static enum pf_code show_entry(struct pf_serve_gate *gate, uint64_t entry, struct pf_ticket *out, struct pf_err *err)
{
    struct pf_pass pass;

    if (!pf_purse_look(gate->entries, entry, pf_loop_now_fresh(gate->serve->parts.loop), &pass))
        return pf_serve_refused(gate, "an entry was shown that is not there", err);
    if (!pf_ticket_read(pass.ticket, out))
        assert(false); /* it was written here */
    return PF_OK;
}

/* A ticket for the first time, or an entry. */
static enum pf_code look_at(struct pf_serve_gate *gate, const struct pf_store_show *show, uint8_t right,
                            struct pf_ticket *out, uint64_t *out_entry, struct pf_err *err)
{
    uint64_t entry = show->entry;
    enum pf_code code = entry ? show_entry(gate, entry, out, err) : show_ticket(gate, show->ticket, out, &entry, err);

    *out_entry = 0;
    if (code != PF_OK)
        return code;
    if (!(out->rights & right)) {
        pf_purse_drop(gate->entries, entry);
        return pf_serve_refused(gate, right == PF_TICKET_READ ? "a ticket without the right to read was shown to read"
                                                     : "a ticket without the right to deliver was shown to deliver",
                       err);
    }
    *out_entry = entry;
    return PF_OK;
}

struct pf_serve_held *pf_serve_admit(struct pf_serve_gate *gate, const struct pf_store_show *show,
                                     enum pf_serve_what what, uint64_t *out_entry, struct pf_err *err)
{
    uint8_t right = what == PF_SERVE_OPENING ? PF_TICKET_READ : PF_TICKET_DELIVER;
    struct pf_serve_held *held;
    struct pf_ticket ticket;

    if (look_at(gate, show, right, &ticket, out_entry, err) != PF_OK)
        return NULL;
    held = held_new(gate, &ticket);
    if (!held) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, "serve", "no memory for one more maildrop or message");
        return NULL;
    }
    held->what = what;
    held->entry = *out_entry;
    return held;
}

bool pf_serve_slot(struct pf_serve_gate *gate, struct pf_ipc_frame *frame, uint32_t arena, uint32_t slot)
{
    struct pf_err err;

    if (arena && gate->slots) {
        pf_serve_drop_gate(gate, "slots for the second time");
        return false;
    }
    if (arena)
        gate->slots = pf_slots_map(frame->fds[0], arena, &err);
    if (!gate->slots) {
        pf_serve_drop_gate(gate, arena ? err.log : "a slot before there were any");
        return false;
    }
    if (pf_slot_receive(gate->slots, slot))
        return true;
    pf_serve_drop_gate(gate, "a slot that it has not");
    return false;
}
