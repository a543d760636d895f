/* The door with settings: mechanisms, masters, folders, the memory of good logins, and bounds on hashing. */
#include "door.h"

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
    };

    return RUN(tests);
}
