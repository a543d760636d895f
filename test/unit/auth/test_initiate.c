#include "initiate_bench.h"

static const char exporter[] = "0123456789abcdef0123456789abcdef", uniq[] = "abcdefghijkl";

static void every_mechanism_meets_our_own_exchange(void **state)
{
    static const struct {
        const char *mechanism, *name, *secret;
    } rows[] = {
        {"SCRAM-SHA-1", "user", "pencil"},
        {"SCRAM-SHA-256", "user256", "pencil"},
        {"SCRAM-SHA-256", "b, c=d", "pass word"},
        {"SCRAM-SHA-1", "\xc3\xa9mile", "g\xc3\xa9rminal"},
        {"DIGEST-MD5", "alice", "wonderland"},
        {"CRAM-MD5", "alice", "wonderland"},
        {"CRAM-MD5", "b, c=d", "pass word"},
        {"PLAIN", "alice", "wonderland"},
        {"PLAIN", "\xc3\xa9mile", "g\xc3\xa9rminal"},
        {"LOGIN", "alice", "wonderland"},
        {"scram-sha-256", "alice", "wonderland"},
    };
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int initial = 0; initial < 2; initial++) {
            meeting_setup(&m, rows[i].mechanism, rows[i].name, rows[i].secret);
            assert_true(meet(&m, initial));
            bench_is(m.server.told.name, rows[i].name);
            if (m.server.step == PF_EXCHANGE_CHECK)
                bench_is(m.server.told.secret, rows[i].secret);
            assert_int_equal(m.server.told.acts_for.len, 0);
            assert_false(m.told.spent);
            meeting_end(&m);
        }
}

static void a_wrong_password_is_refused(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-1", "SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5"};
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        meeting_setup(&m, names[i], "alice", "Wonderland");
        assert_false(meet(&m, true));
        assert_int_equal(m.server.step, PF_EXCHANGE_FAILED);
        assert_int_equal(pf_initiate_content(m.client), i == 3); /* CRAM-MD5 proves no server */
        meeting_end(&m);
    }
}

static void external_and_anonymous(void **state)
{
    struct meeting m;

    (void)state;
    meeting_setup(&m, "EXTERNAL", "", "");
    m.server.settings.certificate = "anna";
    assert_true(meet(&m, true));
    bench_is(m.server.told.name, "anna");
    m.settings.acts_for = PF_LIT("bert");
    assert_true(meet(&m, false));
    bench_is(m.server.told.acts_for, "bert");
    meeting_end(&m);
    meeting_setup(&m, "ANONYMOUS", "trace@example.org", "");
    assert_true(meet(&m, true));
    bench_is(m.server.told.name, "trace@example.org");
    meeting_end(&m);
}

static void who_acts_for_another_says_so(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-256", "PLAIN", "DIGEST-MD5"};
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        meeting_setup(&m, names[i], "alice", "wonderland");
        m.settings.acts_for = PF_LIT("bert");
        assert_true(meet(&m, true));
        bench_is(m.server.told.name, "alice");
        bench_is(m.server.told.acts_for, "bert");
        meeting_end(&m);
    }
}

static void scr_011_027_channel_binding(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"};
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool exports = i < 2;

        meeting_setup(&m, names[i % 2], "alice", "wonderland");
        m.settings.plus_offered = m.server.settings.plus_offered = true;
        m.settings.exporter = m.server.settings.exporter = pf_bytes_from(exporter, exports ? 32 : 0);
        m.settings.unique = m.server.settings.unique = pf_bytes_from(uniq, 12);
        assert_true(meet(&m, true));
        assert_int_equal(m.told.spent, exports);
        assert_int_equal(m.server.told.spent, exports);
        m.settings.unique = pf_bytes_from("abcdefghijkX", 12); /* somebody in between */
        m.settings.exporter = pf_bytes_from("0123456789abcdef0123456789abcdeX", exports ? 32 : 0);
        assert_false(meet(&m, true));
        assert_int_equal(m.server.step, PF_EXCHANGE_FAILED);
        assert_false(pf_initiate_content(m.client));
        meeting_end(&m);
    }
    meeting_setup(&m, names[0], "alice", "wonderland");
    assert_null(pf_initiate_new(&m.settings, &m.err));
    assert_int_equal(m.err.code, PF_NO_MECH);
    meeting_end(&m);
}

static char flag_of(struct meeting *m)
{
    char flag;

    m->client = pf_initiate_new(&m->settings, &m->err);
    assert_non_null(m->client);
    assert_int_equal(pf_initiate_step(m->client, (struct pf_bytes){0}, &m->told, &m->err),
                     PF_INITIATE_SEND);
    flag = (char)m->told.response.at[0];
    pf_initiate_free(m->client);
    m->client = NULL;
    return flag;
}

/* Who took -PLUS out of the list is found by the server, who knows that it offered it. */
static void scr_007_scr_011_the_flag_of_channel_binding(void **state)
{
    struct meeting m;

    (void)state;
    meeting_setup(&m, "SCRAM-SHA-256", "alice", "wonderland");
    assert_int_equal(flag_of(&m), 'n');
    m.settings.exporter = pf_bytes_from(exporter, 32);
    assert_int_equal(flag_of(&m), 'y');
    m.server.settings.plus_offered = true;
    m.server.settings.exporter = m.settings.exporter;
    assert_false(meet(&m, true));
    assert_non_null(strstr(m.server.err.log, "server-does-support-channel-binding"));
    pf_initiate_free(m.client);
    m.settings.plus_offered =
        true; /* it is there, and not used: the value was spent, or others decide */
    assert_int_equal(flag_of(&m), 'n');
    assert_false(m.told.spent);
    m.settings.mechanism = "SCRAM-SHA-256-PLUS";
    assert_int_equal(flag_of(&m), 'p');
    assert_true(m.told.spent);
    meeting_end(&m);
}

static void other_signature(unsigned turn, char *text, size_t cap)
{
    (void)cap;
    if (turn == 1)
        text[4] = text[4] == 'A' ? 'B' : 'A';
}

static void no_signature(unsigned turn, char *text, size_t cap)
{
    if (turn == 1)
        snprintf(text, cap, "v=");
}

static void empty_word(unsigned turn, char *text, size_t cap)
{
    (void)cap;
    if (turn == 1)
        text[0] = 0;
}

static void error_word(unsigned turn, char *text, size_t cap)
{
    if (turn == 1)
        snprintf(text, cap, "e=invalid-proof");
}

static void error_at_once(unsigned turn, char *text, size_t cap) /* erratum 5271 */
{
    if (turn == 0)
        snprintf(text, cap, "e=unknown-user");
}

static void scr_021_auth_018_a_server_without_the_right_signature(void **state)
{
    void (*const meddlers[])(unsigned, char *, size_t) = {other_signature, no_signature, empty_word,
                                                          error_word, error_at_once};
    static const char *const names[] = {"SCRAM-SHA-1", "SCRAM-SHA-256"};
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        meeting_setup(&m, names[i % 2], "alice", "wonderland");
        m.meddle = meddlers[i / 2];
        assert_false(meet(&m, true));
        assert_int_equal(m.step, PF_INITIATE_FAILED);
        assert_int_not_equal(m.err.code, PF_OK);
        assert_false(pf_initiate_content(m.client));
        assert_int_equal(pf_initiate_step(m.client, PF_LIT("v=x"), &m.told, &m.err), PF_INITIATE_FAILED);
        meeting_end(&m);
    }
    meeting_setup(&m, "DIGEST-MD5", "alice", "wonderland");
    m.meddle = other_signature;
    assert_false(meet(&m, true));
    assert_false(pf_initiate_content(m.client));
    meeting_end(&m);
}

/* "+OK" without the last word: the engine says WHOLE, the initiate is not content. */
static void auth_018_ok_in_place_of_the_last_word(void **state)
{
    struct meeting m;

    (void)state;
    meeting_setup(&m, "SCRAM-SHA-256", "alice", "wonderland");
    m.client = pf_initiate_new(&m.settings, &m.err);
    bench_begin(&m.server);
    pf_initiate_step(m.client, (struct pf_bytes){0}, &m.told, &m.err);
    assert_false(pf_initiate_content(m.client));
    bench_say(&m.server, m.told.response);
    meeting_challenge(&m);
    assert_int_equal(m.step, PF_INITIATE_SEND);
    assert_false(pf_initiate_content(m.client));
    meeting_end(&m);
}

/* The server's first message, in which '#' stands for our nonce. */
static enum pf_code first_message(const char *pattern)
{
    char nonce[128], text[512];
    struct meeting m;
    const unsigned char *at;

    meeting_setup(&m, "SCRAM-SHA-256", "alice", "wonderland");
    m.client = pf_initiate_new(&m.settings, &m.err);
    pf_initiate_step(m.client, (struct pf_bytes){0}, &m.told, &m.err);
    at = memmem(m.told.response.at, m.told.response.len, ",r=", 3);
    assert_non_null(at);
    snprintf(nonce, sizeof nonce, "%.*s", (int)(m.told.response.at + m.told.response.len - at - 3),
             (const char *)at + 3);
    snprintf(text, sizeof text, "%.*s%s%s", (int)strcspn(pattern, "#"), pattern,
             strchr(pattern, '#') ? nonce : "", strchr(pattern, '#') ? strchr(pattern, '#') + 1 : "");
    m.err.code = PF_OK;
    m.step = pf_initiate_step(m.client, pf_bytes_of(text), &m.told, &m.err);
    assert_int_equal(m.step == PF_INITIATE_FAILED, m.err.code != PF_OK);
    meeting_end(&m);
    return m.err.code;
}

static void scr_003_005_014_what_a_server_may_not_choose(void **state)
{
    (void)state;
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), PF_OK);
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095"), PF_AUTH);
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1"), PF_AUTH);
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0"), PF_AUTH);
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-5"), PF_AUTH);
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=10000001"), PF_AUTH);
    assert_int_equal(first_message("r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999999999999"), PF_AUTH);
    assert_int_equal(first_message("r=#,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), PF_AUTH);
    assert_int_equal(first_message("r=x#,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), PF_AUTH);
    assert_int_equal(first_message("r=#x,s=,i=4096"), PF_AUTH);
    assert_int_equal(first_message("m=x,r=#x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), PF_AUTH);
    assert_int_equal(first_message("s=W22ZaJ0SNY7soEsUEjb6gQ==,r=#x,i=4096"), PF_AUTH);
    assert_int_equal(first_message("r=#x"), PF_AUTH);
    assert_int_equal(first_message(""), PF_AUTH);
}

/* IMail answers PLAIN with the prompt of LOGIN; others go on asking. */
static void login_003_the_password_is_said_once(void **state)
{
    static const char *const names[] = {"PLAIN", "EXTERNAL", "ANONYMOUS", "CRAM-MD5", "LOGIN"};
    struct pf_initiate_settings s = {.name = PF_LIT("alice"), .secret = PF_LIT("wonderland")};
    struct pf_initiate_told told;
    struct pf_err err;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct pf_initiate *client;
        unsigned steps = 0;

        s.mechanism = names[i];
        client = pf_initiate_new(&s, &err);
        while (pf_initiate_step(client, PF_LIT("Username:"), &told, &err) != PF_INITIATE_FAILED)
            steps++;
        assert_int_equal(steps, i < 3 ? 1 : i - 1);
        assert_int_equal(err.code, PF_AUTH);
        assert_false(pf_initiate_content(client));
        pf_initiate_free(client);
    }
}

static void plain_007_cram_003_examples(void **state)
{
    struct pf_initiate_settings s = {
        .mechanism = "PLAIN", .name = PF_LIT("test"), .secret = PF_LIT("test")};
    struct pf_initiate_told told;
    struct pf_err err;
    struct pf_initiate *client = pf_initiate_new(&s, &err);

    (void)state;
    assert_int_equal(pf_initiate_step(client, (struct pf_bytes){0}, &told, &err), PF_INITIATE_SEND);
    assert_true(pf_bytes_equal(told.response, PF_LIT("\0test\0test")));
    pf_initiate_free(client);
    s = (struct pf_initiate_settings){
        .mechanism = "CRAM-MD5", .name = PF_LIT("tim"), .secret = PF_LIT("tanstaaftanstaaf")};
    client = pf_initiate_new(&s, &err);
    assert_int_equal(pf_initiate_step(client, (struct pf_bytes){0}, &told, &err), PF_INITIATE_WAIT);
    pf_initiate_step(client, PF_LIT("<1896.697170952@postoffice.reston.mci.net>"), &told, &err);
    assert_true(pf_bytes_equal(told.response, PF_LIT("tim b913a602c7eda7a495b4e6e7334d3890")));
    pf_initiate_free(client);
    client = pf_initiate_new(&s, &err);
    pf_initiate_step(client, (struct pf_bytes){0}, &told, &err);
    assert_int_equal(pf_initiate_step(client, PF_LIT(""), &told, &err), PF_INITIATE_FAILED);
    pf_initiate_free(client);
}

static void p3_066_apop(void **state)
{
    struct pf_bytes stamp = PF_LIT("<1896.697170952@dbc.mtview.ca.us>");
    char hex[33];

    (void)state;
    assert_true(pf_initiate_apop(stamp, PF_LIT("tanstaaf"), hex));
    assert_string_equal(hex, "c4c9334bac560ecc979e58001b3e22fb");
    assert_true(pf_exchange_apop("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf", pf_bytes_of(hex)));
}

static enum pf_code refused(struct pf_initiate_settings s)
{
    struct pf_err err = {0};
    struct pf_initiate *client = pf_initiate_new(&s, &err);

    pf_initiate_free(client);
    return client ? PF_OK : err.code;
}

static void what_cannot_be_said(void **state)
{
    static char longest[PF_INITIATE_PART_MAX + 1];
    struct pf_bytes part = pf_bytes_from(longest, sizeof longest), a = PF_LIT("a");

    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_int_equal(refused((struct pf_initiate_settings){.mechanism = "NTLM", .name = a, .secret = a}),
                     PF_NO_MECH);
    assert_int_equal(refused((struct pf_initiate_settings){.mechanism = "PLAIN", .name = a}),
                     PF_NO_MECH);
    assert_int_equal(refused((struct pf_initiate_settings){.mechanism = "PLAIN", .secret = a}),
                     PF_NO_MECH);
    assert_int_equal(refused((struct pf_initiate_settings){.mechanism = "GSSAPI", .name = a}),
                     PF_NO_MECH);
    assert_int_equal(
        refused((struct pf_initiate_settings){.mechanism = "PLAIN", .name = part, .secret = a}),
        PF_SYNTAX);
    assert_int_equal(
        refused((struct pf_initiate_settings){.mechanism = "PLAIN", .name = a, .secret = part}),
        PF_SYNTAX);
    assert_int_equal(refused((struct pf_initiate_settings){
                         .mechanism = "PLAIN", .name = a, .secret = PF_LIT("a\0b")}),
                     PF_SYNTAX);
    part.len--;
    assert_int_equal(refused((struct pf_initiate_settings){
                         .mechanism = "SCRAM-SHA-256", .name = part, .secret = part}),
                     PF_OK);
    pf_initiate_free(NULL);
}

/* Strongest first, each of them once, and nothing that shows a password in front of what does not. */
static void the_list(void **state)
{
    size_t count;
    const struct pf_initiate_mechanism *list = pf_initiate_mechanisms(&count);
    bool shown = false;

    (void)state;
    assert_int_equal(count, 13);
    for (size_t i = 0; i < count; i++) {
        if (!(list[i].needs & PF_INITIATE_PASSWORD))
            continue;
        assert_true(!shown || list[i].needs & PF_INITIATE_SHOWS);
        shown = list[i].needs & PF_INITIATE_SHOWS;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_mechanism_meets_our_own_exchange),
        T(a_wrong_password_is_refused),
        T(external_and_anonymous),
        T(who_acts_for_another_says_so),
        T(scr_011_027_channel_binding),
        T(scr_007_scr_011_the_flag_of_channel_binding),
        T(scr_021_auth_018_a_server_without_the_right_signature),
        T(auth_018_ok_in_place_of_the_last_word),
        T(scr_003_005_014_what_a_server_may_not_choose),
        T(login_003_the_password_is_said_once),
        T(plain_007_cram_003_examples),
        T(p3_066_apop),
        T(what_cannot_be_said),
        T(the_list),
    };
    return RUN(tests);
}
