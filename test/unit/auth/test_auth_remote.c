/* Auth in another process: every way to log in, from the other side. */
#include "remote_rig.h"

#include "auth/auth_serve_private.h"
#include "auth/exchange.h"
#include "auth/tokens.h"
#include "base/kind.h"

#include <gsasl.h>

static const char users[] = "anna:{PLAIN}hers\nben@b.org:{PLAIN}his::::::maildrop=mbox:/var/mail/ben expire=never\n"
                            "dora:" CHEAP_CRYPT "\nmrose:{PLAIN}tanstaaf\n";

/* Logins that auth knows of the newest gate. */
static unsigned known(const struct rig *r)
{
    const struct pf_auth_serve_gate *gate = LIST_FIRST(&r->serve->gates);
    unsigned count = 0;

    for (size_t i = 0; i < PF_AUTH_WIRE_TALKS; i++)
        count += gate->logins[i] != NULL;
    return count;
}

static void nobody_is_known_soon(struct rig *r)
{
    for (unsigned i = 0; known(r) && i < 1000; i++)
        pf_loop_turn(r->d.b.loop, false);
    assert_int_equal(known(r), 0);
}

static void a_login_comes_with_a_ticket(void **state)
{
    struct pf_ticket ticket;
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "} mail { path /srv/%n; quota-octets 5k } policy { expire 30d; login-delay 0s", users);
    try_begin(&r.d.b, &t, "anna", "hers");
    t.check.session = 4711;
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    assert_true(t.check.user.pass);
    ticket = rig_ticket(&r, 0, t.check.user.pass);
    assert_string_equal(ticket.user, "anna");
    assert_string_equal(ticket.path, "/srv/anna");
    assert_string_equal(ticket.view, "");
    assert_int_equal(ticket.kind, PF_KIND_MAILDIR);
    assert_int_equal(ticket.rights, PF_TICKET_READ | PF_TICKET_SEEN | PF_TICKET_DELETE);
    assert_int_equal(ticket.expire_days, 30);
    assert_int_equal(ticket.quota_octets, 5120);
    assert_true(ticket.session);
    try_begin(&r.d.b, &t, "ben@b.org", "his");
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    ticket = rig_ticket(&r, 0, t.check.user.pass);
    assert_string_equal(ticket.path, "/var/mail/ben");
    assert_int_equal(ticket.kind, PF_KIND_MBOX);
    assert_int_equal(ticket.expire_days, PF_EXPIRE_NEVER);
    rig_close(&r);
}

static void the_ticket_names_the_session(void **state)
{
    struct rig r;
    struct try t = {.check = {.done = try_done, .name = PF_LIT("anna"), .secret = PF_LIT("hers"),
                              .link.peer = "192.0.2.1", .session = 4711}};

    (void)state;
    rig_open(&r, "} mail { path /srv/%n", users);
    t.bench = &r.d.b;
    pf_auth_check(r.d.b.auth, &t.check);
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_int_equal(rig_ticket(&r, 0, t.check.user.pass).session, 4711);
    rig_close(&r);
}

static void failures_read_as_in_one_process(void **state)
{
    static const char *const wrong[][2] = {{"anna", "his"}, {"nobody", "his"}, {"..", "x"}, {"", "x"}, {"an\na", "x"}};
    struct try there, here;
    struct rig r;

    (void)state;
    rig_open(&r, "", users);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rig_gate(&r, 0);
        try_begin(&r.d.b, &there, wrong[i][0], wrong[i][1]);
        try_end(&r.d.b, &there);
        r.d.b.auth = r.real;
        try_begin(&r.d.b, &here, wrong[i][0], wrong[i][1]);
        try_end(&r.d.b, &here);
        assert_int_equal(there.check.err.code, PF_AUTH);
        assert_int_equal(here.check.err.code, PF_AUTH);
        assert_string_equal(there.check.err.log, here.check.err.log);
        assert_string_equal(pf_err_say(&there.check.err), pf_err_say(&here.check.err));
        assert_string_equal(there.check.user.name, here.check.user.name);
        assert_int_equal(there.check.user.pass, 0);
    }
    assert_int_equal(r.store_asks, 0);
    nobody_is_known_soon(&r);
    rig_close(&r);
}

static void the_longest_secrets_pass_and_longer_ones_are_wrong(void **state)
{
    static char text[70000];
    struct rig r;
    struct try t = {0};

    (void)state;
    rig_open(&r, "", users);
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(try_login(&r.d.b, text, "hers"), PF_AUTH);
    assert_int_equal(try_login(&r.d.b, "anna", text), PF_AUTH);
    assert_int_equal(try_login(&r.d.b, "anna", text + sizeof text - 1024), PF_AUTH);
    assert_int_equal(try_login(&r.d.b, text, text), PF_AUTH);
    memcpy(text, "\0anna\0", 6);
    for (size_t len = 65535; len <= 65537; len++)
        assert_int_equal(step(&r.d, &t, "PLAIN", text, len), PF_AUTH);
    assert_int_equal(step(&r.d, &t, "PLAIN", text, sizeof text), PF_AUTH);
    nobody_is_known_soon(&r);
    rig_close(&r);
}

static void p3_066_apop_through_two_processes(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "apop yes", users);
    assert_true(pf_auth_offers_apop(r.d.b.auth));
    assert_int_equal(apop(&r.d, "mrose", "c4c9334bac560ecc979e58001b3e22fb"), PF_OK);
    assert_int_equal(apop(&r.d, "mrose", "c4c9334bac560ecc979e58001b3e22fa"), PF_AUTH);
    rig_close(&r);
}

static void exchanges_of_many_steps(void **state)
{
    struct rig r;
    struct try t = {0};

    (void)state;
    rig_open(&r, "mechanisms \"PLAIN LOGIN\" } mail { path /srv/%n", users);
    assert_int_equal(step(&r.d, &t, "PLAIN", "\0anna\0hers", 10), PF_OK);
    assert_int_equal(step(&r.d, &t, "PLAIN", NULL, 0), PF_OK);
    assert_true(t.check.more && t.check.challenge.len == 0 && t.check.talk);
    assert_int_equal(step(&r.d, &t, "PLAIN", "\0anna\0hers", 10), PF_OK);
    assert_true(!t.check.more && !t.check.talk && t.check.user.pass);
    assert_int_equal(step(&r.d, &t, "LOGIN", NULL, 0), PF_OK);
    assert_true(pf_bytes_equal(t.check.challenge, PF_LIT("Username:")));
    assert_int_equal(step(&r.d, &t, "LOGIN", "anna", 4), PF_OK);
    assert_true(t.check.more && pf_bytes_equal(t.check.challenge, PF_LIT("Password:")));
    assert_int_equal(step(&r.d, &t, "LOGIN", "his", 3), PF_AUTH);
    assert_false(t.check.more);
    assert_int_equal(step(&r.d, &t, "NO-SUCH", NULL, 0), PF_NO_MECH);
    nobody_is_known_soon(&r);
    rig_close(&r);
}

static void cancelled_between_two_steps(void **state)
{
    struct rig r;
    struct try t = {0};

    (void)state;
    rig_open(&r, "", users);
    assert_int_equal(step(&r.d, &t, "PLAIN", NULL, 0), PF_OK);
    assert_int_equal(known(&r), 1);
    pf_auth_forget(r.d.b.auth, &t.check);
    assert_null(t.check.talk);
    pf_auth_forget(r.d.b.auth, &t.check);
    nobody_is_known_soon(&r);
    assert_int_equal(step(&r.d, &t, "PLAIN", "\0anna\0hers", 10), PF_OK);
    assert_int_equal(step(&r.d, &t, "PLAIN", NULL, 0), PF_OK);
    pf_auth_abandon(r.d.b.auth, &t.check); /* in between, too */
    nobody_is_known_soon(&r);
    rig_close(&r);
}

static void abandoned_in_the_middle(void **state)
{
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "", users);
    for (unsigned turns = 0; turns < 12; turns++) {
        try_begin(&r.d.b, &t, "dora", "open sesame");
        rig_turn(&r, turns);
        if (t.answers == 0)
            pf_auth_abandon(r.d.b.auth, &t.check);
        t.answers = 0;
        nobody_is_known_soon(&r);
        assert_int_equal(t.answers, 0);
    }
    assert_int_equal(try_login(&r.d.b, "dora", "open sesame"), PF_OK);
    rig_close(&r);
}

static void a_guest_that_leaves_during_the_delay(void **state)
{
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "", users);
    r.d.b.settings.failure_delay = r.d.b.settings.failure_delay_max = 60000;
    assert_int_equal(pf_auth_reload(r.real, &r.d.b.settings, NULL), PF_OK);
    try_begin(&r.d.b, &t, "anna", "wrong");
    while (!known(&r))
        pf_loop_turn(r.d.b.loop, true);
    rig_turn(&r, 50); /* it is on the timer now */
    assert_int_equal(t.answers, 0);
    pf_auth_abandon(r.d.b.auth, &t.check);
    nobody_is_known_soon(&r);
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_OK);
    assert_int_equal(t.answers, 0);
    rig_close(&r); /* pf_auth_free asserts that nobody is delayed */
}

/* One exchange of GNU SASL's client; the last verdict. */
static enum pf_code scram(struct rig *r, struct try *t, const char *mechanism, const char *bound)
{
    enum pf_code code = PF_OK;
    Gsasl_session *client;
    Gsasl *library;
    char *out = NULL;
    size_t len = 0;

    assert_int_equal(gsasl_init(&library), GSASL_OK);
    assert_int_equal(gsasl_client_start(library, mechanism, &client), GSASL_OK);
    gsasl_property_set(client, GSASL_AUTHID, "anna");
    gsasl_property_set(client, GSASL_PASSWORD, "hers");
    if (bound)
        gsasl_property_set(client, GSASL_CB_TLS_EXPORTER, bound);
    *t = (struct try){.bench = &r->d.b};
    for (bool more = true; more;) {
        struct pf_bytes challenge = t->check.challenge;

        assert_true(gsasl_step(client, (const char *)challenge.at, challenge.len, &out, &len) <= GSASL_NEEDS_MORE);
        t->answers = 0;
        t->check = (struct pf_auth_check){.done = try_done, .way = PF_AUTH_BY_SASL, .mechanism = mechanism,
                                          .talk = t->check.talk, .response = pf_bytes_from(out, len),
                                          .has_response = true, .link = {.peer = "192.0.2.1", .tls = true}};
        t->check.link.exporter = PF_LIT("0123456789abcdef0123456789abcdef");
        pf_auth_check(r->d.b.auth, &t->check);
        gsasl_free(out);
        code = try_end(&r->d.b, t);
        more = t->check.more;
    }
    gsasl_finish(client);
    gsasl_done(library);
    return code;
}

static void scram_binds_to_the_channel_of_the_gate(void **state)
{
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "} mail { path /srv/%n", users);
    assert_int_equal(scram(&r, &t, "SCRAM-SHA-256", NULL), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    assert_true(t.check.user.pass && !t.check.spent);
    assert_int_equal(scram(&r, &t, "SCRAM-SHA-256-PLUS", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="), PF_OK);
    assert_true(t.check.user.pass && t.check.spent);
    assert_int_equal(scram(&r, &t, "SCRAM-SHA-256-PLUS", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWI="), PF_AUTH);
    assert_true(t.check.spent && !t.check.user.pass);
    nobody_is_known_soon(&r);
    rig_close(&r);
}

static void a_certificate_is_believed_where_somebody_signs_them(void **state)
{
    struct rig r;
    struct try t = {0};
    struct pf_auth_link known_by = {.peer = "192.0.2.1", .tls = true, .certificate = "anna"};
    uint64_t with;

    (void)state;
    rig_open(&r, "", users);
    t.check = (struct pf_auth_check){.done = try_done, .way = PF_AUTH_BY_SASL, .mechanism = "EXTERNAL",
                                     .has_response = true, .link = known_by};
    t.bench = &r.d.b;
    pf_auth_check(r.d.b.auth, &t.check);
    assert_int_equal(try_end(&r.d.b, &t), PF_NO_MECH);
    with = pf_auth_offer(r.d.b.auth, &known_by);
    known_by.certificate = NULL;
    assert_true(with == pf_auth_offer(r.d.b.auth, &known_by));
    known_by.certificate = "anna";
    r.d.conf->client_ca = "/etc/ssl/clients.pem";
    pf_auth_serve_conf(r.serve, r.d.conf);
    rig_turn(&r, 10);
    assert_true(with != pf_auth_offer(r.d.b.auth, &known_by));
    t.check.link = known_by;
    t.answers = 0;
    pf_auth_check(r.d.b.auth, &t.check);
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    r.d.conf->client_ca = NULL;
    rig_close(&r);
}

static void who_may_do_less_has_a_ticket_for_less(void **state)
{
    char file[64], extra[200], token[PF_TOKEN_MAX];
    const struct pf_token_order order = {.user = "anna", .words = "read-only folder=lists", .now = time(NULL)};
    unsigned char line[1024];
    struct pf_span span = {line, 0, sizeof line};
    struct pf_ticket ticket;
    struct rig r;
    struct try t;
    FILE *to;

    (void)state;
    snprintf(file, sizeof file, "/tmp/pf-remote-tokens-%d", (int)getpid());
    snprintf(extra, sizeof extra, "tokens %s } mail { path /srv/%%n", file);
    assert_int_equal(pf_token_make(&order, token, &span, NULL), PF_OK);
    to = fopen(file, "we");
    assert_non_null(to);
    fprintf(to, "%.*s\n", (int)span.len, (char *)line);
    assert_int_equal(fclose(to), 0);
    rig_open(&r, extra, users);
    try_begin(&r.d.b, &t, "anna", token);
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_true(t.check.user.read_only && t.check.user.token[0]);
    ticket = rig_ticket(&r, 0, t.check.user.pass);
    assert_int_equal(ticket.rights, PF_TICKET_READ);
    assert_int_equal(ticket.expire_days, PF_EXPIRE_NEVER);
    assert_string_equal(ticket.path, "/srv/anna/.lists");
    assert_int_equal(pf_auth_serve_rights(&(struct pf_user){.no_delete = true}), PF_TICKET_READ | PF_TICKET_SEEN);
    unlink(file);
    rig_close(&r);
}

static void without_a_place_there_is_no_ticket(void **state)
{
    struct rig r;
    struct try t;

    (void)state;
    rig_open(&r, "} mail { path /srv/%d/%n", users);
    try_begin(&r.d.b, &t, "anna", "hers"); /* she has no domain: her session will say so */
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_int_equal(t.check.user.pass, 0);
    assert_int_equal(r.store_asks, 0);
    r.store = 0;
    assert_int_equal(try_login(&r.d.b, "ben@b.org", "his"), PF_TEMP);
    r.store = STORE;
    r.late = true;
    try_begin(&r.d.b, &t, "ben@b.org", "his");
    while (!r.asked)
        pf_loop_turn(r.d.b.loop, true);
    rig_turn(&r, 5);
    assert_int_equal(t.answers, 0);
    store_named(&r);
    assert_int_equal(try_end(&r.d.b, &t), PF_OK);
    assert_string_equal(rig_ticket(&r, 0, t.check.user.pass).user, "ben@b.org");
    try_begin(&r.d.b, &t, "ben@b.org", "his");
    while (!r.asked)
        pf_loop_turn(r.d.b.loop, true);
    pf_auth_abandon(r.d.b.auth, &t.check);
    nobody_is_known_soon(&r); /* the role may still answer */
    store_named(&r);
    rig_turn(&r, 5);
    assert_int_equal(t.answers, 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_login_comes_with_a_ticket),
        T(the_ticket_names_the_session),
        T(failures_read_as_in_one_process),
        T(the_longest_secrets_pass_and_longer_ones_are_wrong),
        T(p3_066_apop_through_two_processes),
        T(exchanges_of_many_steps),
        T(cancelled_between_two_steps),
        T(abandoned_in_the_middle),
        T(a_guest_that_leaves_during_the_delay),
        T(scram_binds_to_the_channel_of_the_gate),
        T(a_certificate_is_believed_where_somebody_signs_them),
        T(who_may_do_less_has_a_ticket_for_less),
        T(without_a_place_there_is_no_ticket),
    };

    return RUN(tests);
}
