#include "proto/server_out.h"

#include <assert.h>

static void move_to_front(struct pf_server_out *o)
{
    size_t pending = o->span.len - o->head;

    if (pending)
        memmove(o->span.at, o->span.at + o->head, pending);
    o->span.len = pending;
    o->held_at -= o->holding ? o->head : o->held_at;
    o->head = 0;
}

bool pf_server_out_room(struct pf_server_out *o, size_t room)
{
    bool all_sent = pf_server_out_bytes(o).len == 0;

    if (!o->span.at || o->ready.len)
        return false;
    /* All of the visible part is sent at most once while an answer is held, so that moving what is
     * held is paid for by it. */
    if (pf_span_room(&o->span) < room && o->head && (all_sent || o->head >= o->span.len - o->head))
        move_to_front(o);
    return pf_span_room(&o->span) >= room;
}

void pf_server_out_sent(struct pf_server_out *o, size_t n)
{
    assert(n <= pf_server_out_bytes(o).len);
    if (o->ready.len && o->head == o->span.len) {
        o->ready = pf_bytes_skip(o->ready, n);
        return;
    }
    o->head += n;
    if (o->head == o->span.len && !o->holding)
        o->head = o->span.len = 0;
}

void pf_server_out_follow(struct pf_server_out *o, struct pf_bytes ready)
{
    assert(!o->holding && !o->ready.len);
    o->ready = ready;
}

void pf_server_out_forget(struct pf_server_out *o)
{
    o->ready = (struct pf_bytes){0};
}

void pf_server_out_clear(struct pf_server_out *o)
{
    pf_server_out_forget(o);
    o->head = o->span.len = o->held_at = 0;
    o->holding = false;
}

void pf_server_out_hold(struct pf_server_out *o)
{
    o->holding = true;
    o->held_at = o->span.len;
}

void pf_server_out_release(struct pf_server_out *o)
{
    o->holding = false;
    o->held_at = 0;
}

bool pf_server_out_roll_back(struct pf_server_out *o)
{
    if (!o->holding)
        return false;
    o->span.len = o->held_at;
    pf_server_out_release(o);
    return true;
}
