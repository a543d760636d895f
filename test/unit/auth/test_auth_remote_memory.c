/* Each allocation of both ends fails once: every question is answered once all the same, and nobody else suffers. */
#include "remote_rig.h"

#include "auth/auth_serve_private.h"

#include "unit/scarce.h"

/* True when the n-th allocation was asked for; none fails from now on. */
static bool came(void)
{
    return atomic_exchange(&countdown, 0) == 0;
}

#define PLACED "} mail { path /srv/%n } policy { login-delay 60s"

static const char users[] = "anna:{PLAIN}hers\nben:{PLAIN}his\n";

/* An auth that could not answer has dropped its gate: another one joins. */
static void rejoin(struct rig *r)
{
    rig_turn(r, 5);
    if (!pf_auth_remote_ready(r->remotes[0]))
        rig_join(r, 0);
    assert_int_equal(try_login(&r->d.b, "anna", "hers"), PF_OK);
}

static void a_login(void **state)
{
    struct rig r;
    struct try t;
    unsigned n = 0;
    bool met;

    (void)state;
    rig_open(&r, PLACED, users);
    do {
        countdown = ++n;
        try_begin(&r.d.b, &t, "anna", "hers");
        try_end(&r.d.b, &t);
        met = came();
        assert_true(t.check.err.code == PF_OK || (met && t.check.err.code == PF_TEMP));
        assert_true(t.check.err.code == PF_OK || !t.check.user.pass);
        rejoin(&r);
    } while (met);
    assert_true(n > 4);
    rig_close(&r);
}

static void an_exchange(void **state)
{
    struct try t = {0};
    struct rig r;
    unsigned n = 0;
    bool met;

    (void)state;
    rig_open(&r, PLACED, users);
    do {
        countdown = ++n;
        step(&r.d, &t, "PLAIN", NULL, 0);
        if (t.check.err.code == PF_OK) {
            assert_true(t.check.more && t.check.talk);
            step(&r.d, &t, "PLAIN", "\0anna\0hers", 10);
        }
        met = came();
        assert_true(t.check.err.code == PF_OK || (met && (t.check.err.code == PF_TEMP ||
                                                             t.check.err.code == PF_NO_MEMORY)));
        assert_null(t.check.talk);
        rejoin(&r);
    } while (met);
    assert_true(n > 8);
    rig_close(&r);
}

static void a_guest_that_goes(void **state)
{
    struct rig r;
    struct try t;
    bool met;
    unsigned n = 0;

    (void)state;
    rig_open(&r, PLACED, users);
    do {
        countdown = ++n;
        try_begin(&r.d.b, &t, "anna", "hers");
        pf_auth_abandon(r.d.b.auth, &t.check);
        rig_turn(&r, 10);
        met = came();
        assert_int_equal(t.answers, 0);
        rejoin(&r);
        for (unsigned i = 0; i < PF_AUTH_WIRE_TALKS; i++)
            assert_null(LIST_FIRST(&r.serve->gates)->logins[i]);
    } while (met);
    assert_true(n > 2);
    rig_close(&r);
}

static void looked_done(struct pf_lookup_ask *ask)
{
    ask->done = NULL;
}

static void a_recipient(void **state)
{
    struct pf_lookup_ask ask;
    struct rig r;
    bool met;
    unsigned n = 0;

    (void)state;
    rig_open(&r, PLACED, users);
    do {
        enum pf_code code;

        ask = (struct pf_lookup_ask){.done = looked_done, .address = PF_LIT("anna")};
        countdown = ++n;
        code = pf_lookup_ask(pf_auth_remote_lookup(r.remotes[0]), &ask);
        while (code == PF_OK && ask.done)
            pf_loop_turn(r.d.b.loop, true);
        met = came();
        if (code == PF_OK)
            code = ask.err.code;
        assert_true(code == PF_OK || (met && (code == PF_TEMP || code == PF_NO_MEMORY)));
        assert_int_equal(code == PF_OK, ask.users != NULL);
        free(ask.users);
        rejoin(&r);
    } while (met);
    assert_true(n > 4);
    rig_close(&r);
}

static void beginnings(void **state)
{
    struct pf_auth_serve_parts parts;
    struct pf_auth_remote *remote;
    struct pf_auth_serve *serve;
    struct pf_err err = {0};
    struct rig r;
    unsigned n = 0;
    int fds[2];

    (void)state;
    rig_open(&r, PLACED, users);
    for (remote = NULL; !remote; n++) {
        countdown = n + 1;
        remote = pf_auth_remote_new(r.d.b.loop, r.purses[0], &err);
        assert_true(remote || err.code == PF_NO_MEMORY);
        came();
    }
    assert_true(n > 2);
    parts = r.serve->parts;
    countdown = 1;
    assert_null(pf_auth_serve_new(&parts, &err));
    came();
    serve = pf_auth_serve_new(&parts, &err);
    for (n = 1;; n++) {
        assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
        countdown = n;
        if (pf_auth_serve_gate(serve, fds[0], 5, &err) == PF_OK && pf_auth_remote_join(remote, fds[1], &err) == PF_OK)
            break;
        assert_true(came());
        assert_int_equal(err.code, PF_NO_MEMORY);
        close(fds[1]); /* where it was not taken over */
        rig_turn(&r, 5);
    }
    came();
    assert_true(n > 3);
    while (!pf_auth_remote_ready(remote))
        pf_loop_turn(r.d.b.loop, true);
    pf_auth_remote_free(remote);
    pf_auth_serve_free(serve);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_login), T(an_exchange), T(a_guest_that_goes), T(a_recipient), T(beginnings),
    };

    return RUN(tests);
}
