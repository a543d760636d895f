/* What an account, or a word, says about its server; and which of the servers of a domain are meant. */
#include "unit/cm.h"

#include "fetch/reach_private.h"

static const struct place_case {
    const char *server, *user;
    unsigned port;
    enum pf_account_tls tls;
    const char *told; /* in the error, or "host port way user" */
} places[] = {{"pop.example.org", "joe", 0, PF_ACCOUNT_AUTO, "pop.example.org 0 0 joe"},
              {"POP.Example.org", "joe", 110, PF_ACCOUNT_AUTO, "pop.example.org 110 1 joe"},
              {"pop.example.org", "joe", 995, PF_ACCOUNT_AUTO, "pop.example.org 995 0 joe"},
              {"pop.example.org", "joe", 2110, PF_ACCOUNT_STARTTLS, "pop.example.org 2110 1 joe"},
              {"pop.example.org", "joe", 110, PF_ACCOUNT_IMPLICIT, "pop.example.org 110 0 joe"},
              {"pop.example.org", "joe", 0, PF_ACCOUNT_PLAIN, "pop.example.org 0 2 joe"},
              {"::1", "joe", 0, PF_ACCOUNT_AUTO, "::1 0 0 joe"},
              {"pop://joe@pop.example.org", NULL, 0, PF_ACCOUNT_AUTO, "pop.example.org 0 1 joe"},
              {"pops://pop.example.org:9950", "joe@example.org", 0, PF_ACCOUNT_AUTO,
               "pop.example.org 9950 0 joe@example.org"},
              {"pop://joe@[::1]:110", "joe", 0, PF_ACCOUNT_PLAIN, "::1 110 2 joe"},
              {NULL, "joe@Example.org", 0, PF_ACCOUNT_AUTO, "(example.org) 0 0 joe@Example.org"},
              {"pops://pop.example.org", "joe", 0, PF_ACCOUNT_STARTTLS, "pops:// begins with TLS"},
              {"pops://pop.example.org", "joe", 0, PF_ACCOUNT_PLAIN, "pops:// begins with TLS"},
              {"pop://pop.example.org", "joe", 0, PF_ACCOUNT_IMPLICIT, "write pops://"},
              {"pop://pop.example.org:995", "joe", 0, PF_ACCOUNT_AUTO, "port 995 begins with TLS"},
              {"pop.example.org", "joe", 995, PF_ACCOUNT_STARTTLS, "port 995 begins with TLS"},
              {"pop.example.org", "joe", 995, PF_ACCOUNT_PLAIN, "port 995 begins with TLS"},
              {"pop://ann@pop.example.org", "joe", 0, PF_ACCOUNT_AUTO, "name two users"},
              {"pop://pop.example.org:1", "joe", 2, PF_ACCOUNT_AUTO, "name two ports"},
              {"imap://pop.example.org", "joe", 0, PF_ACCOUNT_AUTO, "column 1"},
              {"pop.example.org:995", "joe", 0, PF_ACCOUNT_AUTO, "a port stands in `port`"},
              {"pop.example.org", NULL, 0, PF_ACCOUNT_AUTO, "nobody to log in as"},
              {NULL, "joe", 0, PF_ACCOUNT_AUTO, "no server"},
              {NULL, "joe@", 0, PF_ACCOUNT_AUTO, "no server"},
              {NULL, "joe@a b", 0, PF_ACCOUNT_AUTO, "no server"},
              {NULL, "joe@example.org", 995, PF_ACCOUNT_AUTO, "a port without a server"}};

static void what_an_account_says_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place_case *c = &places[i];
        const struct pf_account a = {
            .server = c->server, .user = c->user, .port = c->port, .tls = c->tls};
        struct pf_reach_place p;
        struct pf_err err = {0};
        char told[600];

        if (pf_reach_place(&a, false, &p, &err) == PF_OK)
            snprintf(told, sizeof told, "%s%s%s%s %u %d %s", p.host, p.domain[0] ? "(" : "", p.domain,
                     p.domain[0] ? ")" : "", p.port, (int)p.tls, p.user);
        else
            snprintf(told, sizeof told, "%s", err.log);
        if (!strstr(told, c->told))
            fail_msg("%s: %s, not %s", c->server ? c->server : c->user, told, c->told);
    }
}

static void url_008_a_mechanism_of_the_url_is_the_only_one(void **state)
{
    struct pf_account a = {.server = "pop://joe;AUTH=scram-sha-256@pop.example.org"};
    struct pf_reach_place p;

    (void)state;
    assert_int_equal(pf_reach_place(&a, false, &p, NULL), PF_OK);
    assert_string_equal(p.mechanisms, "SCRAM-SHA-256");
    a.server = "pop://joe;AUTH=+APOP@pop.example.org";
    assert_int_equal(pf_reach_place(&a, false, &p, NULL), PF_OK);
    assert_string_equal(p.mechanisms, "APOP");
    a.server = "pop://joe;AUTH=*@pop.example.org";
    assert_int_equal(pf_reach_place(&a, false, &p, NULL), PF_OK);
    assert_null(p.mechanisms);
    a.server = "pop.example.org";
    a.user = NULL;
    assert_int_equal(pf_reach_place(&a, true, &p, NULL), PF_OK); /* nobody logs in */
    assert_null(p.user);
}

static void a_word_is_an_account(void **state)
{
    static const struct pf_account base = {.window = 7, .tls = PF_ACCOUNT_AUTO, .user = "default"};
    struct pf_account plain = base, made = {0};
    struct pf_reach_room room;
    struct pf_err err = {0};

    (void)state;
    assert_int_equal(
        pf_reach_word("pops://joe%40example.org@POP.example.org:9950", &base, &room, &made, &err),
        PF_OK);
    assert_string_equal(made.server, "pop.example.org");
    assert_string_equal(made.user, "joe@example.org");
    assert_string_equal(made.name, "joe@example.org@pop.example.org");
    assert_int_equal(made.port, 9950);
    assert_int_equal(made.tls, PF_ACCOUNT_IMPLICIT);
    assert_int_equal(made.window, 7);
    assert_int_equal(pf_reach_word("pop://pop.example.org", &base, &room, &made, &err), PF_OK);
    assert_string_equal(made.user, "default");
    assert_int_equal(made.tls, PF_ACCOUNT_STARTTLS);
    plain.tls = PF_ACCOUNT_PLAIN;
    assert_int_equal(pf_reach_word("pop://a;AUTH=+apop@[::1]", &plain, &room, &made, &err), PF_OK);
    assert_int_equal(made.tls, PF_ACCOUNT_PLAIN);
    assert_string_equal(made.server, "::1");
    assert_string_equal(made.mechanisms, "APOP");
    assert_int_equal(pf_reach_word("joe@Example.org", &base, &room, &made, &err), PF_OK);
    assert_null(made.server);
    assert_string_equal(made.user, "joe@Example.org");
    made.name = "kept";
    assert_int_equal(pf_reach_word("pop://a:b@c", &base, &room, &made, &err), PF_SYNTAX);
    assert_non_null(strstr(err.log, "column 8"));
    assert_int_equal(pf_reach_word("pops://a@c", &plain, &room, &made, &err), PF_CONFIG);
    assert_string_equal(made.name, "kept");
}

static void choose(const struct pf_srv_list *named, enum pf_account_tls wanted, const char *told)
{
    static struct pf_reach_list list;
    struct pf_err err = {0};
    char all[2048] = "";
    size_t len = 0;

    if (pf_reach_choose(named, "example.org", wanted, &list, &err) != PF_OK) {
        if (!strstr(err.log, told))
            fail_msg("%s", err.log);
        assert_int_equal(err.code, PF_CONFIG);
        return;
    }
    for (size_t i = 0; i < list.count; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "%s:%u/%d%s ", list.at[i].host,
                                list.at[i].port, (int)list.at[i].tls, list.at[i].sure ? "!" : "");
    assert_string_equal(all, told);
}

static void srv_004_implicit_tls_is_first_and_plain_text_only_asked_for(void **state)
{
    static const struct pf_srv_list named = {
        .at = {{.host = "a.example.org", .port = 995, .implicit = true, .inside = true},
               {.host = "b.example.org", .port = 110, .inside = true, .vouched = true}},
        .count = 2};
    static const struct pf_srv_list secure = {
        .at = {{.host = "a.example.org", .port = 995, .implicit = true, .inside = true}}, .count = 1};

    (void)state;
    choose(&named, PF_ACCOUNT_AUTO, "a.example.org:995/0 b.example.org:110/1! ");
    choose(&named, PF_ACCOUNT_IMPLICIT, "a.example.org:995/0 ");
    choose(&named, PF_ACCOUNT_STARTTLS, "b.example.org:110/1! ");
    choose(&named, PF_ACCOUNT_PLAIN, "b.example.org:110/2! ");
    choose(&secure, PF_ACCOUNT_STARTTLS, "no server of example.org");
}

static void srv_009_a_server_elsewhere_needs_somebody_who_vouches(void **state)
{
    struct pf_srv_list named = {
        .at = {{.host = "pop.example.net", .port = 995, .implicit = true},
               {.host = "b.example.org", .port = 995, .implicit = true, .inside = true}},
        .count = 1};

    (void)state;
    choose(&named, PF_ACCOUNT_AUTO, "write `server pop.example.net`");
    named.count = 2;
    choose(&named, PF_ACCOUNT_AUTO, "b.example.org:995/0 ");
    named.at[0].vouched = true;
    choose(&named, PF_ACCOUNT_AUTO, "pop.example.net:995/0! b.example.org:995/0 ");
}

static void srv_002_a_refusal_is_not_guessed_about(void **state)
{
    static const struct pf_srv_list refused = {.refused = true}, none = {0};

    (void)state;
    choose(&refused, PF_ACCOUNT_AUTO, "has no POP3");
    choose(&none, PF_ACCOUNT_IMPLICIT,
           "pop.example.org:995/0! pop3.example.org:995/0! mail.example.org:995/0! example.org:995/0! ");
    choose(&none, PF_ACCOUNT_PLAIN,
           "pop.example.org:110/2! pop3.example.org:110/2! mail.example.org:110/2! example.org:110/2! ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(what_an_account_says_is_read),
                                       T(url_008_a_mechanism_of_the_url_is_the_only_one),
                                       T(a_word_is_an_account),
                                       T(srv_004_implicit_tls_is_first_and_plain_text_only_asked_for),
                                       T(srv_009_a_server_elsewhere_needs_somebody_who_vouches),
                                       T(srv_002_a_refusal_is_not_guessed_about)};

    return RUN(tests);
}
