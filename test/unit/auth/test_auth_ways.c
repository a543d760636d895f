/* The door with settings: mechanisms, masters, folders, the memory of good logins, and bounds on hashing. */
#include "auth_bench.h"

#include "auth/password.h"
#include "auth/record.h"
#include "auth/tokens.h"

#include <stdio.h>

enum { LIGHT = 0, HASH = 1 };

/* "open sesame" at half a millisecond. */
#define CHEAP_CRYPT                                                                                     \
    "$6$rounds=1000$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJkaFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/"  \
    "6wQWgQnGo7lLg/"

struct door {
    struct bench b;
    struct pf_conf *conf;
    char masters[160];
};

static void told(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    fail_msg("%s", mistake->text);
}

static struct pf_conf *conf_of(const struct door *d, const char *extra)
{
    char text[1024];

    snprintf(text, sizeof text,
             "hostname mail.example.org\nusers { password-file %s; master-file %s; weak-schemes yes; "
             "failure-delay 0; failure-delay-max 0; %s }\n",
             d->b.file, d->masters, extra);
    return pf_conf_parse("test", pf_bytes_of(text), told, NULL);
}

static void take_conf(struct door *d, const char *extra)
{
    d->conf = conf_of(d, extra);
    assert_non_null(d->conf);
    d->b.settings.conf = d->conf;
    d->b.settings.allow_weak_schemes = true;
}

static void door_open(struct door *d, const char *extra, const char *users)
{
    struct pf_err err = {0};
    FILE *file;

    memset(d, 0, sizeof *d);
    bench_setup(&d->b, users);
    snprintf(d->masters, sizeof d->masters, "%s/masters", d->b.dir);
    file = fopen(d->masters, "we");
    assert_non_null(file);
    fputs("boss:" SESAME "\nlocked:!x\n", file);
    assert_int_equal(fclose(file), 0);
    take_conf(d, extra);
    d->b.loop = pf_loop_new(&err);
    assert_non_null(d->b.loop);
    d->b.auth = pf_auth_new(d->b.loop, &d->b.settings, &err);
    assert_string_equal(err.log, "");
    assert_non_null(d->b.auth);
}

static void door_close(struct door *d)
{
    unlink(d->masters);
    bench_close(&d->b);
    pf_conf_free(d->conf);
}

/* How many hashes a login cost. */
static unsigned cost(struct door *d, const char *name, const char *secret, enum pf_code expected)
{
    uint64_t before = pf_password_computed();

    assert_int_equal(try_login(&d->b, name, secret), expected);
    return (unsigned)(pf_password_computed() - before);
}

static void a_poller_costs_one_hash(void **state)
{
    struct door d;

    (void)state;
    door_open(&d, "", "anna:" CHEAP_CRYPT "\nbob:" CHEAP_CRYPT "\n");
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), HASH);
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), LIGHT);
    assert_int_equal(cost(&d, "anna", "open sesamf", PF_AUTH), HASH);
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), LIGHT);
    assert_int_equal(cost(&d, "bob", "open sesame", PF_OK), HASH);
    assert_int_equal(cost(&d, "nobody", "open sesame", PF_AUTH), HASH);
    door_close(&d);
}

static void who_changed_his_password_is_not_let_in_with_the_old_one(void **state)
{
    struct door d;

    (void)state;
    door_open(&d, "", "anna:" CHEAP_CRYPT "\n");
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), HASH);
    bench_write(&d.b, "anna:{PLAIN}another\n");
    bench_age(&d.b, 5);
    assert_int_equal(pf_auth_reload(d.b.auth, &d.b.settings, NULL), PF_OK);
    assert_int_equal(try_login(&d.b, "anna", "open sesame"), PF_AUTH);
    assert_int_equal(try_login(&d.b, "anna", "another"), PF_OK);
    bench_write(&d.b, "anna:" CHEAP_CRYPT "::::::nologin\n");
    bench_age(&d.b, 5);
    assert_int_equal(pf_auth_reload(d.b.auth, &d.b.settings, NULL), PF_OK);
    assert_int_equal(try_login(&d.b, "anna", "open sesame"), PF_AUTH);
    door_close(&d);
}

static void nothing_is_remembered_where_the_settings_say_so(void **state)
{
    struct door d;

    (void)state;
    door_open(&d, "cache-time 0", "anna:" CHEAP_CRYPT "\n");
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), HASH);
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), HASH);
    door_close(&d);
}

static void a_master_acts_for_others_with_his_own_password(void **state)
{
    struct door d;
    struct try t;

    (void)state;
    door_open(&d, "", "anna:{PLAIN}hers\nbarred:{PLAIN}x::::::nologin\n");
    try_begin(&d.b, &t, "anna*boss", "open sesame");
    assert_int_equal(try_end(&d.b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    assert_string_equal(t.check.user.master, "boss");
    assert_int_equal(cost(&d, "anna*boss", "hers", PF_AUTH), HASH);
    assert_int_equal(cost(&d, "nobody*boss", "open sesame", PF_AUTH), HASH);
    assert_int_equal(cost(&d, "anna*nobody", "open sesame", PF_AUTH), HASH);
    assert_int_equal(cost(&d, "anna*locked", "x", PF_AUTH), HASH);
    assert_int_equal(cost(&d, "boss", "open sesame", PF_AUTH), HASH);
    door_close(&d);
}

static void a_folder_is_a_view_of_its_user(void **state)
{
    struct door d;
    struct try t;

    (void)state;
    door_open(&d, "", "anna:{PLAIN}hers\nanna+x:{PLAIN}other\n");
    try_begin(&d.b, &t, "anna+lists.c", "hers");
    assert_int_equal(try_end(&d.b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    assert_string_equal(t.check.user.folder, "lists.c");
    try_begin(&d.b, &t, "anna+x", "other");
    assert_int_equal(try_end(&d.b, &t), PF_OK);
    assert_string_equal(t.check.user.name, "anna+x");
    assert_string_equal(t.check.user.folder, "");
    assert_int_equal(try_login(&d.b, "anna+x", "hers"), PF_AUTH);
    door_close(&d);
}

static void begin_step(struct door *d, struct try *t, const char *mechanism, const char *response, size_t len)
{
    t->answers = 0;
    t->bench = &d->b;
    t->check.done = try_done;
    t->check.way = PF_AUTH_BY_SASL;
    t->check.mechanism = mechanism;
    t->check.link = (struct pf_auth_link){.peer = "192.0.2.1", .tls = true};
    t->check.response = pf_bytes_from(response, len);
    t->check.has_response = response != NULL;
    pf_auth_check(d->b.auth, &t->check);
    assert_int_equal(t->answers, 0);
}

static enum pf_code step(struct door *d, struct try *t, const char *mechanism, const char *response, size_t len)
{
    begin_step(d, t, mechanism, response, len);
    return try_end(&d->b, t);
}

static void plain_goes_through_the_door(void **state)
{
    struct door d;
    struct try t = {0};

    (void)state;
    door_open(&d, "", "anna:" CHEAP_CRYPT "\n");
    assert_int_equal(step(&d, &t, "PLAIN", NULL, 0), PF_OK);
    assert_true(t.check.more);
    assert_int_equal(t.check.challenge.len, 0);
    assert_non_null(t.check.talk);
    assert_int_equal(step(&d, &t, "PLAIN", "\0anna\0open sesame", 17), PF_OK);
    assert_false(t.check.more);
    assert_null(t.check.talk);
    assert_string_equal(t.check.user.name, "anna");
    assert_int_equal(step(&d, &t, "PLAIN", "\0anna\0wrong", 11), PF_AUTH);
    assert_string_equal(t.check.user.name, "anna");
    door_close(&d);
}

static void plain_005_a_master_may_name_whom_he_acts_for(void **state)
{
    struct door d;
    struct try t = {0};

    (void)state;
    door_open(&d, "", "anna:{PLAIN}hers\nbob:{PLAIN}his\n");
    assert_int_equal(step(&d, &t, "PLAIN", "anna\0boss\0open sesame", 21), PF_OK);
    assert_string_equal(t.check.user.name, "anna");
    assert_string_equal(t.check.user.master, "boss");
    assert_int_equal(step(&d, &t, "PLAIN", "anna\0bob\0his", 12), PF_AUTH);
    assert_int_equal(step(&d, &t, "PLAIN", "bob\0bob\0his", 11), PF_OK);
    assert_string_equal(t.check.user.master, "");
    door_close(&d);
}

static void an_exchange_may_be_left_at_any_time(void **state)
{
    struct door d;
    struct try t = {0};

    (void)state;
    door_open(&d, "", "anna:{PLAIN}hers\n");
    assert_int_equal(step(&d, &t, "SCRAM-SHA-256", "n,,n=anna,r=abcdef", 18), PF_OK);
    assert_true(t.check.more);
    pf_auth_forget(d.b.auth, &t.check); /* cancelled between steps */
    assert_null(t.check.talk);
    begin_step(&d, &t, "SCRAM-SHA-256", "n,,n=anna,r=abcdef", 18);
    pf_auth_abandon(d.b.auth, &t.check); /* while a thread has it */
    assert_int_equal(step(&d, &t, "SCRAM-SHA-256", NULL, 0), PF_OK);
    assert_true(t.check.more);
    begin_step(&d, &t, "SCRAM-SHA-256", "n,,n=anna,r=abcdef", 18);
    pf_auth_abandon(d.b.auth, &t.check);
    assert_int_equal(try_login(&d.b, "anna", "hers"), PF_OK); /* by now the threads are through */
    while (pf_loop_turn(d.b.loop, false))
        ;
    assert_int_equal(t.answers, 0);
    door_close(&d);
}

/* The same challenge for a name each time, as if it were a user's (SCR-019). */
static void scr_019_unknown_names_get_challenges_like_anybody(void **state)
{
    struct door d;
    struct try t = {0};
    char salt[2][3][64];

    (void)state;
    door_open(&d, "", "anna:{PLAIN}hers\n");
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) {
            static const char *const first[] = {"n,,n=anna,r=abcdef", "n,,n=nobo,r=abcdef", "n,,n=nobi,r=abcdef"};
            const char *at;

            assert_int_equal(step(&d, &t, "SCRAM-SHA-256", first[j], 18), PF_OK);
            assert_true(t.check.more && t.check.challenge.len < 200);
            at = memmem(t.check.challenge.at, t.check.challenge.len, ",s=", 3);
            assert_non_null(at);
            snprintf(salt[i][j], sizeof salt[i][j], "%.*s", 40, at);
            pf_auth_forget(d.b.auth, &t.check);
        }
    for (int j = 0; j < 3; j++) {
        assert_string_equal(salt[0][j], salt[1][j]);
        assert_string_not_equal(salt[0][j], salt[0][(j + 1) % 3]);
        assert_non_null(strstr(salt[0][j], ",i=10000"));
    }
    door_close(&d);
}

static bool offered(const struct door *d, const char *name, const struct pf_auth_link *link)
{
    struct pf_pop3_mechanism all[PF_AUTH_MECHANISMS];
    size_t count = pf_auth_mechanisms(all);
    uint64_t offer = pf_auth_offer(d->b.auth, link);

    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return offer >> i & 1;
    fail_msg("no such mechanism: %s", name);
    return false;
}

static void scr_009_what_is_offered_can_be_used(void **state)
{
    struct pf_auth_link plain = {.peer = "x"}, tls = {.tls = true}, bound = {.tls = true, .exporter = PF_LIT("x")},
                        known = {.tls = true, .certificate = "anna"};
    struct door d;

    (void)state;
    door_open(&d, "", "anna:" CHEAP_CRYPT "\n");
    assert_true(offered(&d, "PLAIN", &tls) && !offered(&d, "SCRAM-SHA-256", &tls));
    assert_false(offered(&d, "LOGIN", &tls) || offered(&d, "CRAM-MD5", &tls) || offered(&d, "EXTERNAL", &tls));
    assert_true(offered(&d, "EXTERNAL", &known));
    assert_false(offered(&d, "OAUTHBEARER", &tls) || offered(&d, "GSSAPI", &tls));
    door_close(&d);
    door_open(&d, "", "anna:{PLAIN}hers\n");
    assert_true(offered(&d, "SCRAM-SHA-256", &plain) && !offered(&d, "SCRAM-SHA-256-PLUS", &tls));
    assert_true(offered(&d, "SCRAM-SHA-256-PLUS", &bound) && offered(&d, "SCRAM-SHA-1", &bound));
    assert_false(offered(&d, "CRAM-MD5", &tls));
    door_close(&d);
    door_open(&d, "mechanisms \"cram-md5 SCRAM-SHA-256-PLUS\"", "anna:{PLAIN}hers\n");
    assert_true(offered(&d, "CRAM-MD5", &plain) && offered(&d, "SCRAM-SHA-256-PLUS", &bound));
    assert_false(offered(&d, "PLAIN", &tls) || offered(&d, "SCRAM-SHA-256", &tls));
    door_close(&d);
}

static void a_mechanism_that_is_not_offered_is_refused_here_too(void **state)
{
    struct door d;
    struct try t = {0};

    (void)state;
    door_open(&d, "", "anna:{PLAIN}hers\n");
    assert_int_equal(step(&d, &t, "LOGIN", NULL, 0), PF_NO_MECH);
    assert_int_equal(step(&d, &t, "SCRAM-SHA-256-PLUS", NULL, 0), PF_NO_MECH);
    door_close(&d);
}

static enum pf_code apop(struct door *d, const char *name, const char *digest)
{
    struct try t = {.check = {.done = try_done, .way = PF_AUTH_BY_APOP, .name = pf_bytes_of(name),
                              .secret = pf_bytes_of(digest), .timestamp = "<1896.697170952@dbc.mtview.ca.us>",
                              .link = {.peer = "192.0.2.1"}},
                    .bench = &d->b};

    pf_auth_check(d->b.auth, &t.check);
    return try_end(&d->b, &t);
}

static void p3_066_apop_by_the_sample_of_the_rfc(void **state)
{
    struct door d;

    (void)state;
    door_open(&d, "apop yes", "mrose:{PLAIN}tanstaaf\nanna:" CHEAP_CRYPT "\nlocked:!{PLAIN}tanstaaf\n");
    assert_true(pf_auth_offers_apop(d.b.auth));
    assert_int_equal(apop(&d, "mrose", "c4c9334bac560ecc979e58001b3e22fb"), PF_OK);
    assert_int_equal(apop(&d, "mrose", "c4c9334bac560ecc979e58001b3e22fa"), PF_AUTH);
    assert_int_equal(apop(&d, "anna", "c4c9334bac560ecc979e58001b3e22fb"), PF_AUTH);
    assert_int_equal(apop(&d, "locked", "c4c9334bac560ecc979e58001b3e22fb"), PF_AUTH);
    assert_int_equal(apop(&d, "nobody", "c4c9334bac560ecc979e58001b3e22fb"), PF_AUTH);
    door_close(&d);
    door_open(&d, "apop yes", "anna:" CHEAP_CRYPT "\n");
    assert_false(pf_auth_offers_apop(d.b.auth)); /* nobody could use it */
    door_close(&d);
    door_open(&d, "", "mrose:{PLAIN}tanstaaf\n");
    assert_false(pf_auth_offers_apop(d.b.auth));
    door_close(&d);
}

/* Each takes 64 MiB: with 100 there is one at a time, and all get their answers. */
static void hashes_share_memory(void **state)
{
    enum { MANY = 6 };
    char users[1024], hash[512];
    struct pf_err err;
    struct try tries[MANY];
    struct door d;

    (void)state;
    assert_int_equal(pf_password_make(PF_LIT("x"), "ARGON2ID", hash, sizeof hash, &err), PF_OK);
    snprintf(users, sizeof users, "anna:%s\n", hash);
    assert_in_range(pf_password_memory(hash), 8 << 20, 1 << 30);
    door_open(&d, "hash-memory 16m; hashes-at-once 4; cache-time 0", users);
    d.b.settings.hashes_at_once = 4;
    for (int i = 0; i < MANY; i++)
        try_begin(&d.b, &tries[i], "anna", "x");
    for (int i = 0; i < MANY / 2; i++) /* of those who wait, some leave */
        pf_auth_abandon(d.b.auth, &tries[MANY - 1 - i].check);
    for (int i = 0; i < MANY / 2; i++)
        assert_int_equal(try_end(&d.b, &tries[i]), PF_OK);
    for (int i = MANY / 2; i < MANY; i++)
        assert_int_equal(tries[i].answers, 0);
    door_close(&d);
}

/* A token of anna's with these words; its text is told. */
static void write_token(const char *file, const char *words, char out_token[PF_TOKEN_MAX])
{
    const struct pf_token_order order = {.user = "anna", .words = words, .now = time(NULL)};
    unsigned char line[1024];
    struct pf_span span = {line, 0, sizeof line};
    struct pf_err err = {0};
    FILE *to = fopen(file, "we");

    assert_non_null(to);
    assert_int_equal(pf_token_make(&order, out_token, &span, &err), PF_OK);
    assert_string_equal(err.log, "");
    fprintf(to, "%.*s\n", (int)span.len, (char *)line);
    assert_int_equal(fclose(to), 0);
}

static enum pf_code token_login(struct door *d, struct try *t, const char *name, const char *token)
{
    try_begin(&d->b, t, name, token);
    return try_end(&d->b, t);
}

static void a_token_lets_in_and_may_do_less(void **state)
{
    char file[64], extra[128], token[PF_TOKEN_MAX], wrong[PF_TOKEN_MAX];
    struct door d;
    struct try t;

    (void)state;
    snprintf(file, sizeof file, "/tmp/pf-tokens-%d", (int)getpid());
    snprintf(extra, sizeof extra, "tokens %s", file);
    write_token(file, "read-only from=192.0.2.0/24 folder=lists", token);
    door_open(&d, extra, "anna:{PLAIN}hers\nbob:{PLAIN}his\n");
    assert_int_equal(token_login(&d, &t, "anna", token), PF_OK);
    assert_true(t.check.user.read_only && t.check.user.no_delete);
    assert_string_equal(t.check.user.folder, "lists");
    assert_true(strstr(token, t.check.user.token) && t.check.user.token[0]);
    memcpy(wrong, token, sizeof wrong);
    wrong[strlen(wrong) - 1] ^= 1;
    assert_int_equal(token_login(&d, &t, "anna", wrong), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "bob", token), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "nobody", token), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "anna*boss", token), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "anna", "hers"), PF_OK);
    assert_string_equal(t.check.user.token, "");
    assert_false(t.check.user.read_only || t.check.user.no_delete);
    door_close(&d);
    write_token(file, "from=198.51.100.7", token);
    door_open(&d, extra, "anna:{PLAIN}hers\n");
    assert_int_equal(token_login(&d, &t, "anna", token), PF_AUTH);
    door_close(&d);
    write_token(file, "every=3600 no-delete", token);
    door_open(&d, extra, "anna:{PLAIN}hers\n");
    assert_int_equal(token_login(&d, &t, "anna", token), PF_OK);
    assert_true(t.check.user.no_delete && !t.check.user.read_only);
    assert_int_equal(token_login(&d, &t, "anna", token), PF_LOGIN_DELAY);
    assert_int_equal(token_login(&d, &t, "anna", "hers"), PF_OK);
    door_close(&d);
    unlink(file);
}

/* An address that fails without end, and one of its users who is known there. */
static void who_fails_too_often_is_not_looked_at(void **state)
{
    struct door d;
    struct try t;

    (void)state;
    door_open(&d, "failures-per-address 5; cache-time 0", "anna:" CHEAP_CRYPT "\nbob:" CHEAP_CRYPT "\n");
    assert_int_equal(try_login(&d.b, "anna", "open sesame"), PF_OK);
    for (int i = 0; i < 6; i++)
        assert_int_equal(try_login(&d.b, "nobody", "x"), PF_AUTH);
    assert_int_equal(cost(&d, "bob", "open sesame", PF_AUTH), LIGHT);
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), HASH);
    try_begin(&d.b, &t, "bob", "open sesame");
    assert_int_equal(try_end(&d.b, &t), PF_AUTH);
    assert_string_equal(t.check.err.log, "too many failures from this address: not looked at");
    door_close(&d);
}

static void who_came_how_is_recorded(void **state)
{
    static const char digest[] = "c4c9334bac560ecc979e58001b3e22fb";
    char file[64], extra[128];
    struct pf_record_row *rows;
    struct pf_err err = {0};
    struct try t = {0};
    struct door d;
    size_t count;

    (void)state;
    snprintf(file, sizeof file, "/tmp/pf-record-%d", (int)getpid());
    snprintf(extra, sizeof extra, "login-record %s; apop yes", file);
    door_open(&d, extra, "anna:{PLAIN}hers\nmrose:{PLAIN}tanstaaf\n");
    pf_auth_free(d.b.auth);
    d.b.settings.pool = pf_pool_new(d.b.loop, "disk", 1, 10, &err);
    d.b.auth = pf_auth_new(d.b.loop, &d.b.settings, &err);
    assert_non_null(d.b.auth);
    assert_int_equal(try_login(&d.b, "anna", "hers"), PF_OK);
    assert_int_equal(apop(&d, "mrose", digest), PF_OK);
    t.check.link.tls = false;
    assert_int_equal(step(&d, &t, "PLAIN", "\0mrose\0wrong", 12), PF_AUTH);
    pf_auth_free(d.b.auth);
    d.b.auth = NULL;
    pf_pool_free(d.b.settings.pool);
    assert_int_equal(pf_record_read(file, &rows, &count, &err), PF_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].user, "anna");
    assert_true(rows[0].at[PF_RECORD_LAST] && !rows[0].at[PF_RECORD_PLAINTEXT]);
    assert_string_equal(rows[0].from[PF_RECORD_LAST], "192.0.2.1");
    assert_true(rows[1].at[PF_RECORD_APOP] && !rows[1].at[PF_RECORD_PLAINTEXT]);
    pf_record_rows_free(rows, count);
    unlink(file);
    door_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_poller_costs_one_hash),
        T(who_changed_his_password_is_not_let_in_with_the_old_one),
        T(nothing_is_remembered_where_the_settings_say_so),
        T(a_master_acts_for_others_with_his_own_password),
        T(a_folder_is_a_view_of_its_user),
        T(plain_goes_through_the_door),
        T(plain_005_a_master_may_name_whom_he_acts_for),
        T(an_exchange_may_be_left_at_any_time),
        T(scr_019_unknown_names_get_challenges_like_anybody),
        T(scr_009_what_is_offered_can_be_used),
        T(a_mechanism_that_is_not_offered_is_refused_here_too),
        T(p3_066_apop_by_the_sample_of_the_rfc),
        T(hashes_share_memory),
        T(a_token_lets_in_and_may_do_less),
        T(who_fails_too_often_is_not_looked_at),
        T(who_came_how_is_recorded),
    };

    return RUN(tests);
}
