/* Auth and its gates: what several of them know of each other, and who comes and goes. */
#include "remote_rig.h"

#include "auth/auth_serve_private.h"

static const char users[] = "anna:{PLAIN}hers\nben:{PLAIN}his\ndora:" CHEAP_CRYPT "\n";
#define DELAYED "} mail { path /srv/%n } policy { login-delay 60s"

static enum pf_code login_at(struct rig *r, unsigned gate, const char *name, const char *secret)
{
    rig_gate(r, gate);
    return try_login(&r->d.b, name, secret);
}

static bool due_at(struct rig *r, unsigned gate, const char *name)
{
    bool due = pf_auth_login_due(pf_auth_remote_auth(r->remotes[gate]), name, 60, pf_loop_now(r->d.b.loop));

    rig_turn(r, 10); /* what was noted is told */
    return due;
}

static void cap_020_login_delay_counts_over_all_gates(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, DELAYED, users);
    rig_join(&r, 1);
    assert_int_equal(login_at(&r, 0, "anna", "hers"), PF_OK);
    assert_true(due_at(&r, 0, "anna"));
    assert_false(due_at(&r, 0, "anna")); /* the gate's own memory */
    assert_int_equal(login_at(&r, 1, "anna", "hers"), PF_OK);
    assert_false(due_at(&r, 1, "anna")); /* auth's */
    assert_int_equal(login_at(&r, 1, "ben", "his"), PF_OK);
    assert_true(due_at(&r, 1, "ben"));
    rig_join(&r, 2);
    assert_int_equal(login_at(&r, 2, "ben", "his"), PF_OK);
    assert_false(due_at(&r, 2, "ben"));
    assert_true(pf_auth_login_due(pf_auth_remote_auth(r.remotes[2]), "ben", 0, pf_loop_now(r.d.b.loop)));
    rig_close(&r);
}

static void a_gate_notes_only_whom_it_let_in(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, DELAYED, users);
    rig_join(&r, 1);
    assert_int_equal(login_at(&r, 1, "anna", "wrong"), PF_AUTH);
    assert_true(due_at(&r, 1, "anna")); /* it may say so as often as it likes */
    assert_true(due_at(&r, 1, "ben"));
    assert_int_equal(login_at(&r, 0, "anna", "hers"), PF_OK);
    assert_true(due_at(&r, 0, "anna"));
    assert_int_equal(login_at(&r, 0, "ben", "his"), PF_OK);
    assert_true(due_at(&r, 0, "ben"));
    rig_close(&r);
}

static void same_offers(struct rig *r, unsigned gate)
{
    const struct pf_auth *remote = pf_auth_remote_auth(r->remotes[gate]);

    for (unsigned i = 0; i < PF_AUTH_WIRE_OFFERS; i++) {
        struct pf_auth_link link = pf_auth_wire_offer_link(i);

        assert_int_equal(pf_auth_wire_offer_index(&link), i);
        if (!link.certificate)
            assert_true(pf_auth_offer(remote, &link) == pf_auth_offer(r->real, &link));
    }
    assert_int_equal(pf_auth_binds(remote), pf_auth_binds(r->real));
    assert_int_equal(pf_auth_offers_apop(remote), pf_auth_offers_apop(r->real));
}

static void offers_follow_the_password_file(void **state)
{
    const struct pf_auth_link tls = {.peer = "x", .tls = true};
    uint64_t before;
    struct rig r;

    (void)state;
    rig_open(&r, "apop yes", users);
    rig_join(&r, 1);
    same_offers(&r, 0);
    same_offers(&r, 1);
    assert_true(pf_auth_binds(r.d.b.auth) && pf_auth_offers_apop(r.d.b.auth));
    before = pf_auth_offer(r.d.b.auth, &tls);
    bench_write(&r.d.b, "dora:" CHEAP_CRYPT "\n");
    bench_age(&r.d.b, 5);
    assert_int_equal(pf_auth_reload(r.real, &r.d.b.settings, NULL), PF_OK);
    assert_int_equal(try_login(&r.d.b, "dora", "open sesame"), PF_OK); /* behind each check */
    assert_true(pf_auth_offer(r.d.b.auth, &tls) != before);
    rig_turn(&r, 5);
    same_offers(&r, 0);
    same_offers(&r, 1);
    assert_false(pf_auth_binds(r.d.b.auth) || pf_auth_offers_apop(r.d.b.auth));
    bench_write(&r.d.b, users);
    bench_age(&r.d.b, 5);
    assert_int_equal(pf_auth_reload(r.real, &r.d.b.settings, NULL), PF_OK);
    pf_auth_serve_look(r.serve); /* and when the role thinks of it */
    rig_turn(&r, 5);
    same_offers(&r, 0);
    same_offers(&r, 1);
    rig_close(&r);
}

static void a_broken_file_is_told_where_the_log_is(void **state)
{
    struct pf_err err;
    struct rig r;

    (void)state;
    rig_open(&r, DELAYED, users);
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_OK);
    bench_write(&r.d.b, "anna:{PLAIN}hers\nnonsense\n");
    bench_age(&r.d.b, 5);
    assert_int_equal(try_login(&r.d.b, "anna", "wrong"), PF_AUTH); /* a failure looks at the file */
    assert_int_equal(r.troubles, 1);
    assert_false(pf_auth_trouble(r.d.b.auth, &err));
    rig_close(&r);
}

/* Auth's process ends: its descriptors are closed, and it knows nothing any more. */
static void auth_dies(struct rig *r)
{
    pf_auth_serve_free(r->serve);
    r->serve = NULL;
}

static void auth_dies_in_the_middle(void **state)
{
    enum { MANY = 20 };
    struct try tries[MANY], steps = {0}, waits = {0};
    struct pf_err err;
    struct rig r;

    (void)state;
    rig_open(&r, DELAYED, users);
    assert_int_equal(step(&r.d, &steps, "PLAIN", NULL, 0), PF_OK); /* waits for its guest */
    begin_step(&r.d, &waits, "SCRAM-SHA-256", "n,,n=anna,r=abcdef", 18);
    for (unsigned i = 0; i < MANY; i++)
        try_begin(&r.d.b, &tries[i], "dora", i % 2 ? "open sesame" : "wrong");
    auth_dies(&r);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(try_end(&r.d.b, &tries[i]), PF_TEMP);
    assert_int_equal(try_end(&r.d.b, &waits), PF_TEMP);
    rig_turn(&r, 20);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(tries[i].answers, 1);
    assert_false(pf_auth_remote_ready(r.remotes[0]));
    assert_true(pf_auth_trouble(r.d.b.auth, &err));
    assert_non_null(strstr(err.log, "auth is gone"));
    assert_false(pf_auth_trouble(r.d.b.auth, &err));
    assert_true(pf_auth_binds(r.d.b.auth)); /* who is greeted now is told what was offered last */
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_TEMP);
    rig_serve(&r);
    rig_join(&r, 0);
    assert_int_equal(step(&r.d, &steps, "PLAIN", "\0anna\0hers", 10), PF_TEMP); /* that exchange is over */
    assert_null(steps.check.talk);
    assert_int_equal(step(&r.d, &steps, "PLAIN", "\0anna\0hers", 10), PF_OK);
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_OK);
    rig_close(&r);
}

/* Two auths, one after the other, while checks are under way; those of the first end as if it had gone. */
static void a_new_auth_joins(void **state)
{
    struct pf_auth_serve *old;
    struct try first, second, talk = {0};
    struct rig r;

    (void)state;
    rig_open(&r, DELAYED, users);
    assert_int_equal(step(&r.d, &talk, "PLAIN", NULL, 0), PF_OK);
    try_begin(&r.d.b, &first, "dora", "open sesame");
    old = r.serve;
    rig_serve(&r);
    rig_join(&r, 0);
    try_begin(&r.d.b, &second, "anna", "hers");
    assert_int_equal(try_end(&r.d.b, &first), PF_TEMP);
    assert_int_equal(try_end(&r.d.b, &second), PF_OK);
    assert_true(second.check.user.pass);
    pf_auth_forget(r.d.b.auth, &talk.check); /* one of the old: the new one hears nothing of it */
    rig_turn(&r, 20);
    assert_int_equal(pf_auth_serve_gates(old), 0);
    assert_int_equal(pf_auth_serve_gates(r.serve), 1);
    assert_int_equal(r.troubles, 0);
    pf_auth_serve_free(old);
    rig_close(&r);
}

static void nobody_is_asked_before_somebody_has_joined(void **state)
{
    struct pf_lookup_ask ask = {.address = PF_LIT("anna")};
    struct pf_auth_remote *lonely;
    struct pf_purse *purse = pf_purse_new();
    struct try t;
    struct rig r;
    int fds[2];

    (void)state;
    rig_open(&r, "", users);
    lonely = pf_auth_remote_new(r.d.b.loop, purse, NULL);
    r.d.b.auth = pf_auth_remote_auth(lonely);
    assert_false(pf_auth_remote_ready(lonely));
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_TEMP);
    assert_int_equal(pf_auth_offer(r.d.b.auth, &(struct pf_auth_link){.tls = true}), 0);
    assert_int_equal(pf_lookup_ask(pf_auth_remote_lookup(lonely), &ask), PF_TEMP);
    try_begin(&r.d.b, &t, "anna", "hers");
    pf_auth_abandon(r.d.b.auth, &t.check); /* its answer is on the way */
    rig_turn(&r, 5);
    assert_int_equal(t.answers, 0);
    assert_int_equal(pipe(fds), 0);
    close(fds[1]);
    assert_int_equal(pf_auth_remote_join(lonely, fds[0], NULL), PF_CONFIG);
    assert_int_equal(close(fds[0]), -1); /* it was taken over */
    pf_auth_remote_free(lonely);
    pf_purse_free(purse);
    rig_close(&r);
}

static void a_gate_dies_in_the_middle(void **state)
{
    struct try mine, step_of_other = {0};
    struct rig r;

    (void)state;
    rig_open(&r, DELAYED, users);
    rig_join(&r, 1);
    rig_gate(&r, 1);
    assert_int_equal(step(&r.d, &step_of_other, "PLAIN", NULL, 0), PF_OK);
    r.late = true;
    try_begin(&r.d.b, &mine, "dora", "open sesame");
    while (!r.asked)
        pf_loop_turn(r.d.b.loop, true);
    pf_auth_abandon(r.d.b.auth, &mine.check);
    pf_auth_forget(r.d.b.auth, &step_of_other.check);
    pf_auth_remote_free(r.remotes[1]);
    r.remotes[1] = NULL;
    while (pf_auth_serve_gates(r.serve) == 2)
        pf_loop_turn(r.d.b.loop, true);
    store_named(&r);
    r.late = false;
    assert_int_equal(r.troubles, 0); /* a gate that ends is no trouble */
    assert_int_equal(login_at(&r, 0, "anna", "hers"), PF_OK);
    pf_purse_free(r.purses[1]);
    r.purses[1] = NULL;
    rig_close(&r);
}

static void too_much_at_once_is_told_to_come_again(void **state)
{
    enum { MANY = 1200 };
    struct try *tries = calloc(MANY, sizeof *tries);
    unsigned good = 0, busy = 0;
    struct rig r;

    (void)state;
    assert_non_null(tries);
    rig_open(&r, DELAYED, users);
    for (unsigned i = 0; i < MANY; i++)
        try_begin(&r.d.b, &tries[i], "anna", "hers");
    for (unsigned i = 0; i < MANY; i++) {
        enum pf_code code = try_end(&r.d.b, &tries[i]);

        assert_true(code == PF_OK || code == PF_BUSY);
        good += code == PF_OK;
        busy += code == PF_BUSY;
    }
    assert_true(good && busy);
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_OK);
    rig_close(&r);
    free(tries);
}

/* More exchanges than a gate may have; each that ends makes room for one. */
static void exchanges_of_a_gate_are_bounded(void **state)
{
    struct try *tries = calloc(PF_AUTH_WIRE_TALKS + 1, sizeof *tries);
    struct rig r;

    (void)state;
    assert_non_null(tries);
    rig_open(&r, DELAYED, users);
    for (unsigned i = 0; i < PF_AUTH_WIRE_TALKS; i++)
        assert_int_equal(step(&r.d, &tries[i], "PLAIN", NULL, 0), PF_OK);
    assert_int_equal(step(&r.d, &tries[PF_AUTH_WIRE_TALKS], "PLAIN", NULL, 0), PF_BUSY);
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_BUSY);
    for (unsigned i = 0; i < PF_AUTH_WIRE_TALKS; i++)
        pf_auth_forget(r.d.b.auth, &tries[i].check); /* more at once than the socket takes */
    for (unsigned i = 0, turns = 0; i < PF_AUTH_WIRE_TALKS; i++)
        for (; LIST_FIRST(&r.serve->gates)->logins[i]; turns++) {
            assert_true(turns < 5000);
            pf_loop_turn(r.d.b.loop, true);
        }
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_OK);
    rig_close(&r);
    free(tries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cap_020_login_delay_counts_over_all_gates),
        T(a_gate_notes_only_whom_it_let_in),
        T(offers_follow_the_password_file),
        T(a_broken_file_is_told_where_the_log_is),
        T(auth_dies_in_the_middle),
        T(a_new_auth_joins),
        T(nobody_is_asked_before_somebody_has_joined),
        T(a_gate_dies_in_the_middle),
        T(too_much_at_once_is_told_to_come_again),
        T(exchanges_of_a_gate_are_bounded),
    };

    return RUN(tests);
}
