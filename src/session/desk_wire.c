#include "session/desk_wire.h"

#include "base/number.h"

#include <assert.h>

/* The room was looked at. */
static void put(struct pf_span *out, uint64_t number, size_t octets)
{
    bool fits = pf_number_put(out, number, octets);

    assert(fits);
}

static bool get(struct pf_bytes *from, size_t octets, uint64_t *out_number)
{
    if (from->len < octets)
        return false;
    *out_number = pf_number_take(from, octets);
    return true;
}

static bool get_small(struct pf_bytes *from, uint32_t *out_number)
{
    uint64_t number;

    if (!get(from, 4, &number))
        return false;
    *out_number = (uint32_t)number;
    return true;
}

static void put_text(struct pf_span *out, const char *text)
{
    size_t len = strlen(text);

    put(out, len - 1, 1); /* no text is empty, and the longest has 256 */
    pf_span_put(out, pf_bytes_from(text, len));
}

static bool get_text(struct pf_bytes *from, char *out, size_t cap)
{
    uint64_t len;

    if (!get(from, 1, &len) || ++len >= cap || from->len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (from->at[i] < ' ' || from->at[i] > '~')
            return false;
        out[i] = (char)from->at[i];
    }
    out[len] = 0;
    *from = pf_bytes_skip(*from, len);
    return true;
}

void pf_desk_put_before(struct pf_span *out, uint64_t before)
{
    put(out, before, 8);
}

bool pf_desk_get_before(struct pf_bytes payload, uint64_t *out_before)
{
    return payload.len == 8 && get(&payload, 8, out_before);
}

bool pf_desk_put_who(struct pf_span *out, const struct pf_ctl_who *who)
{
    size_t len = who->number ? 0 : strlen(who->name);

    if (pf_span_room(out) < 8 + len)
        return false;
    put(out, who->number, 8);
    return pf_span_put(out, pf_bytes_from(who->name, len));
}

/* The name came from the administrator, and need not be ASCII; it is compared, never shown. */
bool pf_desk_get_who(struct pf_bytes payload, struct pf_ctl_who *out_who)
{
    struct pf_ctl_who who = {0};

    if (!get(&payload, 8, &who.number) || payload.len > PF_CTL_NAME_MAX || (who.number != 0) != (payload.len == 0) ||
        (payload.len && memchr(payload.at, 0, payload.len)))
        return false;
    if (payload.len)
        memcpy(who.name, payload.at, payload.len);
    *out_who = who;
    return true;
}

bool pf_desk_put_session(struct pf_span *out, const struct pf_ctl_session *s)
{
    if (pf_span_room(out) < PF_DESK_SESSION_MAX)
        return false;
    put(out, s->number, 8);
    put(out, s->state, 1);
    put(out, s->age, 8);
    put(out, s->idle, 8);
    put(out, s->messages, 4);
    put(out, s->fetched, 4);
    put(out, s->octets, 8);
    put(out, s->received, 8);
    put(out, s->sent, 8);
    put_text(out, s->user);
    put_text(out, s->address);
    put_text(out, s->tls);
    put_text(out, s->command);
    return true;
}

bool pf_desk_get_session(struct pf_bytes *rest, uint64_t before, struct pf_ctl_session *out_session)
{
    struct pf_ctl_session s = {0};
    uint64_t state;

    if (!get(rest, 8, &s.number) || s.number == 0 || s.number >= before || !get(rest, 1, &state) ||
        state >= PF_CTL_STATES || !get(rest, 8, &s.age) || !get(rest, 8, &s.idle) || !get_small(rest, &s.messages) ||
        !get_small(rest, &s.fetched) || !get(rest, 8, &s.octets) || !get(rest, 8, &s.received) ||
        !get(rest, 8, &s.sent) || !get_text(rest, s.user, sizeof s.user) ||
        !get_text(rest, s.address, sizeof s.address) || !get_text(rest, s.tls, sizeof s.tls) ||
        !get_text(rest, s.command, sizeof s.command))
        return false;
    s.state = (enum pf_ctl_state)state;
    *out_session = s;
    return true;
}

void pf_desk_put_count(struct pf_span *out, uint32_t count)
{
    put(out, count, 4);
}

bool pf_desk_get_count(struct pf_bytes payload, uint32_t *out_count)
{
    return payload.len == 4 && get_small(&payload, out_count);
}
