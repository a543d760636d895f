#include "role/keeper_parts.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PASSWD_OCTETS = 16384, /* a passwd line with a home and a shell of any sane length */
    OWNERS_MOST = 512,     /* processes at once; beyond it logins are told to come again */
    REFUSALS_MOST = 16,    /* users told of in a minute: who sends mail to a thousand must not fill the log */
    REFUSAL_AGAIN = 60 * 1000, /* ms until the same user is told of again */
    /* ms for those who have a ticket for it already: a minute at most, and they are on their way (base/ticket.h). */
    RETIRE_AFTER = 15 * 1000
};

struct refusal {
    char user[PF_CREW_USER_MAX + 1];
    pf_time at;
};

static void answer(struct pf_keeper_child *auth, uint64_t id, uint32_t number)
{
    const struct pf_crew crew = {.kind = PF_CREW_OF_STORE, .number = number};
    unsigned char payload[PF_CREW_PAYLOAD_MAX];
    struct pf_span span = {payload, 0, sizeof payload};
    struct pf_ipc_frame frame = {.kind = PF_CREW_OF_STORE};

    if (!auth->ipc || !pf_crew_write(&span, &crew))
        return;
    frame.payload = pf_span_bytes(&span);
    pf_ipc_answer(auth->ipc, id, &frame);
}

void pf_keeper_wishes_grant(struct pf_keeper_child *store, uint32_t number)
{
    while (store->wishes) {
        struct pf_keeper_wish *wish = store->wishes;

        store->wishes = wish->next;
        answer(wish->auth, wish->id, number);
        free(wish);
    }
}

static void forget(struct pf_keeper_child *store, struct pf_keeper_child *auth)
{
    struct pf_keeper_wish **link = &store->wishes;

    while (*link) {
        struct pf_keeper_wish *wish = *link;

        if (wish->auth != auth) {
            link = &wish->next;
            continue;
        }
        *link = wish->next;
        free(wish);
    }
}

void pf_keeper_wishes_forget(struct pf_keeper_child *auth)
{
    for (struct pf_keeper_child *c = auth->generation->children; c; c = c->next)
        forget(c, auth);
}

/* NULL: he was told of within the minute, or too many others were. */
static struct refusal *room_for(const char *user, pf_time now)
{
    static struct refusal told[REFUSALS_MOST]; /* of the one keeper that a process is */
    struct refusal *room = NULL;

    for (size_t i = 0; i < REFUSALS_MOST; i++) {
        bool fresh = told[i].user[0] && now - told[i].at < REFUSAL_AGAIN;

        if (fresh && strcmp(told[i].user, user) == 0)
            return NULL;
        if (!fresh)
            room = &told[i];
    }
    return room;
}

static void say_refusal(struct pf_crew_generation *g, const char *user, const char *why)
{
    struct pf_field fields[] = {PF_TEXT_FIELD("user", user), PF_TEXT_FIELD("what", "owner"),
                                PF_TEXT_FIELD("err", why)};
    pf_time now = pf_loop_now(g->keeper->loop);
    struct refusal *room = room_for(user, now);

    if (!room)
        return;
    room->at = now;
    snprintf(room->user, sizeof room->user, "%s", user);
    pf_log_event(g->keeper->log, PF_EVENT_trouble, fields, 3);
}

/* The owner's number; false when no process may be started for him, which is told. */
static bool look_up(struct pf_crew_generation *g, const char *user, uid_t *out_uid)
{
    char text[PASSWD_OCTETS], why[100] = "";
    struct passwd pw, *found = NULL;

    getpwnam_r(user, &pw, text, sizeof text, &found);
    if (!found)
        snprintf(why, sizeof why, "no such user on this machine");
    else if (pw.pw_uid == 0)
        snprintf(why, sizeof why, "mail of root is served by nobody");
    else if (geteuid() != 0 && pw.pw_uid != geteuid()) /* it can be but ourselves */
        snprintf(why, sizeof why, "not root: no process can become another user");
    else if (geteuid() == 0 && pw.pw_uid < g->conf->first_uid)
        snprintf(why, sizeof why, "uid %u is below first-uid %" PRIu32, (unsigned)pw.pw_uid, g->conf->first_uid);
    if (why[0]) {
        say_refusal(g, user, why);
        return false;
    }
    *out_uid = pw.pw_uid;
    return true;
}

static bool is_open(const struct pf_keeper_child *c)
{
    return c->user[0] && !c->retired && c->state != PF_CHILD_LEAVING;
}

static struct pf_keeper_child *find(struct pf_crew_generation *g, const char *user, uid_t uid)
{
    for (struct pf_keeper_child *c = g->children; c; c = c->next)
        if (is_open(c) && (user ? strcmp(c->user, user) == 0 : c->uid == uid))
            return c;
    return NULL;
}

static struct pf_keeper_child *hire(struct pf_crew_generation *g, const char *user)
{
    struct pf_keeper_child *c;
    unsigned count = 0;
    uid_t uid;

    if (!look_up(g, user, &uid))
        return NULL;
    c = find(g, NULL, uid); /* two names of one user */
    if (c)
        return c;
    for (c = g->children; c; c = c->next)
        count += c->user[0] != 0;
    c = count < OWNERS_MOST ? pf_keeper_child_new(g, PF_CREW_STORE, user) : NULL;
    if (!c)
        return NULL;
    c->uid = uid;
    pf_timer_set(c->timer, pf_loop_now(g->keeper->loop));
    return c;
}

void pf_keeper_store_for(struct pf_keeper_child *auth, const char *user, uint64_t id)
{
    struct pf_crew_generation *g = auth->generation;
    struct pf_keeper_child *store = NULL;
    struct pf_keeper_wish *wish;

    if (g->formed && !g->dismissed && g->conf->mail_owner == PF_CONF_OWNER_USER) {
        store = find(g, user, 0);
        if (!store)
            store = hire(g, user);
    }
    if (!store || store->state == PF_CHILD_JOINED) {
        answer(auth, id, store ? store->number : 0);
        return;
    }
    wish = malloc(sizeof *wish);
    if (!wish) {
        answer(auth, id, 0);
        return;
    }
    *wish = (struct pf_keeper_wish){store->wishes, auth, id};
    store->wishes = wish;
}

void pf_keeper_retire(struct pf_keeper_child *store)
{
    if (store->retired || store->state != PF_CHILD_JOINED)
        return;
    store->retired = true;
    pf_timer_set(store->timer, pf_loop_now(store->keeper->loop) + RETIRE_AFTER);
}
