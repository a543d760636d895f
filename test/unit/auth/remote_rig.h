/* Auth and its gates on one loop: a real auth over a password file, pf_auth_serve in front of it, and remotes at the
 * other ends of pairs of sockets. */
#ifndef POSTFACH_TEST_REMOTE_RIG_H
#define POSTFACH_TEST_REMOTE_RIG_H

#include "door.h"

#include "auth/auth_remote.h"
#include "auth/auth_serve.h"
#include "sys/ipc.h"

enum { GATES = 3, STORE = 7 };

struct rig {
    struct door d; /* d.b.auth: of the gate that tries */
    struct pf_auth *real;
    struct pf_lookup *lookup;
    struct pf_lookup_settings lookup_settings;
    struct pf_seal *seal;
    struct pf_auth_serve *serve;
    struct pf_auth_remote *remotes[GATES];
    struct pf_purse *purses[GATES];
    uint32_t numbers[GATES]; /* of the gate that a remote is now */
    uint32_t store;          /* that the role names */
    bool late;               /* it names it on a later turn */
    struct pf_auth_store_ask *asks[4]; /* and not before store_named; the oldest first */
    unsigned asked;
    unsigned store_asks, troubles;
    struct pf_err trouble;
};

static const unsigned char rig_key[PF_SEAL_KEY] = {1, 2, 3};

static inline void rig_store_of(void *self, struct pf_auth_store_ask *ask)
{
    struct rig *r = self;

    r->store_asks++;
    assert_true(ask->user[0]);
    if (r->late) {
        assert_in_range(r->asked, 0, 3);
        r->asks[r->asked++] = ask;
        return;
    }
    ask->store = r->store;
    ask->done(ask);
}

static inline void store_named(struct rig *r)
{
    struct pf_auth_store_ask *ask = r->asks[0];

    assert_true(r->asked);
    memmove(r->asks, r->asks + 1, --r->asked * sizeof r->asks[0]);
    ask->store = r->store;
    ask->done(ask);
}

static inline void rig_trouble(void *self, const struct pf_err *err)
{
    struct rig *r = self;

    r->troubles++;
    r->trouble = *err;
}

static inline void rig_serve(struct rig *r)
{
    struct pf_auth_serve_parts parts = {.loop = r->d.b.loop, .auth = r->real, .lookup = r->lookup,
                                        .conf = r->d.conf, .seal = r->seal, .store_of = rig_store_of,
                                        .trouble = rig_trouble, .self = r};

    r->serve = pf_auth_serve_new(&parts, NULL);
    assert_non_null(r->serve);
}

static inline void rig_turn(struct rig *r, unsigned turns)
{
    while (turns--)
        pf_loop_turn(r->d.b.loop, false);
}

/* The remote of place i is a gate from now on. */
static inline void rig_join(struct rig *r, unsigned i)
{
    static uint32_t number;
    int fds[2];

    if (!r->remotes[i]) {
        r->purses[i] = pf_purse_new();
        r->remotes[i] = pf_auth_remote_new(r->d.b.loop, r->purses[i], NULL);
    }
    assert_non_null(r->remotes[i]);
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    r->numbers[i] = ++number;
    assert_int_equal(pf_auth_serve_gate(r->serve, fds[0], r->numbers[i], NULL), PF_OK);
    assert_int_equal(pf_auth_remote_join(r->remotes[i], fds[1], NULL), PF_OK);
    assert_false(pf_auth_remote_ready(r->remotes[i]));
    while (!pf_auth_remote_ready(r->remotes[i]))
        pf_loop_turn(r->d.b.loop, true);
}

static inline void rig_gate(struct rig *r, unsigned i)
{
    r->d.b.auth = pf_auth_remote_auth(r->remotes[i]);
}

static inline void rig_lookup(struct rig *r)
{
    r->lookup_settings = (struct pf_lookup_settings){.users = r->d.b.settings, .fold = true};
    r->lookup = pf_lookup_new(r->d.b.loop, &r->lookup_settings, NULL);
    assert_non_null(r->lookup);
}

static inline void rig_open(struct rig *r, const char *settings, const char *users)
{
    memset(r, 0, sizeof *r);
    door_open(&r->d, settings, users);
    r->real = r->d.b.auth;
    r->store = STORE;
    r->seal = pf_seal_new(rig_key, 4096, NULL);
    assert_non_null(r->seal);
    rig_lookup(r);
    rig_serve(r);
    rig_join(r, 0);
    rig_gate(r, 0);
}

static inline void rig_close(struct rig *r)
{
    for (unsigned i = 0; i < GATES; i++) {
        pf_auth_remote_free(r->remotes[i]);
        pf_purse_free(r->purses[i]);
    }
    pf_auth_serve_free(r->serve);
    while (r->asked)
        store_named(r);
    pf_lookup_free(r->lookup);
    pf_auth_free(r->real);
    while (pf_loop_turn(r->d.b.loop, false)) /* sockets that close take a turn */
        ;
    pf_seal_free(r->seal);
    r->d.b.auth = NULL;
    door_close(&r->d);
}

/* What the pass of place i stands for, opened as the store would. */
static inline struct pf_ticket rig_ticket(struct rig *r, unsigned i, uint64_t pass)
{
    pf_time now = pf_loop_now(r->d.b.loop);
    struct pf_ticket_shown shown = {.gate = r->numbers[i], .store = r->store, .now = now};
    enum pf_ticket_fault fault;
    struct pf_ticket ticket;
    struct pf_pass told;

    assert_true(pf_purse_look(r->purses[i], pass, now, &told));
    assert_int_equal(told.store, r->store);
    assert_int_equal(pf_seal_open(r->seal, told.ticket, &shown, &ticket, &fault, NULL), PF_OK);
    assert_in_range(ticket.expires - now, 1, 30000);
    return ticket;
}

#endif
