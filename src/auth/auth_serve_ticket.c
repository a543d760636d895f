#include "auth/auth_serve_private.h"

#include "base/kind.h"

#include <stdio.h>

enum {
    LIFE = 30 * 1000,          /* ms; a login goes on to the store at once */
    LET_IN = 10 * 60 * 1000,   /* ms in which a gate may note a login: it may wait so long for a maildrop's lock */
    LOGINS = 131072            /* rows of the table, 3 MiB that are touched as they fill */
};

unsigned pf_auth_serve_rights(const struct pf_user *user)
{
    unsigned rights = PF_TICKET_READ;

    if (!user->read_only)
        rights |= PF_TICKET_SEEN;
    if (!user->read_only && !user->no_delete)
        rights |= PF_TICKET_DELETE;
    return rights;
}

enum pf_code pf_auth_serve_ticket(const struct pf_auth_serve_claim *claim, const struct pf_right *right,
                                  struct pf_span *out, struct pf_err *err)
{
    const struct pf_auth_serve_parts *parts = &claim->gate->serve->parts;
    struct pf_bytes path;
    struct pf_ticket t = {
        .kind = (uint8_t)pf_kind_of(pf_bytes_of(right->path), &path),
        .rights = (uint8_t)claim->rights,
        .expire_days = right->expire_days,
        .quota_octets = right->quota_octets,
        .quota_messages = right->quota_messages,
        .gate = claim->gate->number,
        .store = claim->store,
        .session = claim->session,
        .expires = pf_loop_now(parts->loop) + LIFE,
    };

    snprintf(t.user, sizeof t.user, "%s", claim->user->name);
    snprintf(t.path, sizeof t.path, "%.*s", (int)path.len, (const char *)path.at);
    snprintf(t.view, sizeof t.view, "%s", claim->user->recipient);
    return pf_seal_put(parts->seal, &t, out, err);
}

/* Two senses of one table: what a gate was told may push out an old login, and never more than that. */
static uint64_t let_in_key(const struct pf_auth_serve_gate *gate, const char *user)
{
    return pf_recent_key(gate->serve->logins, 'v', pf_bytes_of(user),
                         pf_bytes_from(&gate->number, sizeof gate->number));
}

static uint64_t login_key(const struct pf_auth_serve *serve, const char *user)
{
    return pf_recent_key(serve->logins, 'l', pf_bytes_of(user), PF_LIT(""));
}

pf_time pf_auth_serve_last(struct pf_auth_serve_gate *gate, const char *user)
{
    struct pf_auth_serve *serve = gate->serve;
    const struct pf_recent_row *row;

    if (!serve->logins)
        serve->logins = pf_recent_new(LOGINS);
    if (!serve->logins) /* without memory nobody is locked out */
        return 0;
    pf_recent_take(serve->logins, let_in_key(gate, user))->at = pf_loop_now(serve->parts.loop);
    row = pf_recent_find(serve->logins, login_key(serve, user));
    return row ? row->at : 0;
}

/* Only of whom it was told that he may: else one gate could shut out every user that it knows by name. */
void pf_auth_serve_noted(struct pf_auth_serve_gate *gate, const char *user)
{
    struct pf_auth_serve *serve = gate->serve;
    pf_time now = pf_loop_now(serve->parts.loop);
    const struct pf_recent_row *told = serve->logins ? pf_recent_find(serve->logins, let_in_key(gate, user)) : NULL;

    if (told && now - told->at < LET_IN)
        pf_recent_take(serve->logins, login_key(serve, user))->at = now;
}
