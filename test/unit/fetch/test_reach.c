/* The reach against servers of ours, and made-up ones; names and records are the test's. */
#include "unit/cm.h"

#include "fetch/reach.h"
#include "proto/b64.h"
#include "reachrig.h"
#include "unit/session/callrig.h"
#include "unit/sys/dns_double.h"

#include <unistd.h>

enum { SECRET = 1, READY, HEARD, GONE };

static struct callrig r;
static struct dns_double dns;
static struct pf_account a;
static struct pf_reach *reach;
static struct pf_reach_settings set;
static char ca[600], wrong_ca[600], secret_host[256], who[600], checked[16];
static unsigned port, closed_port, secrets, readies, ends, gones, free_in;
static struct pf_err gone;
static struct pf_call_facts facts;
static bool wait_with_secret, has_dns;

static int bound;

static int scene(void **state)
{
    (void)state;
    callrig_up(&r);
    close(r.listening);
    r.listening = reach_tcp(&port, true);
    bound = reach_tcp(&closed_port, false);
    pf_account_defaults(&a);
    a.user = "anna";
    a.server = "test.example";
    a.port = port;
    a.tls = PF_ACCOUNT_IMPLICIT;
    a.ca = ca;
    set =
        (struct pf_reach_settings){.loop = r.rig.loop, .pool = r.pool, .account = &a, .keep_crlf = true};
    free_in = 0;
    wait_with_secret = has_dns = false;
    return 0;
}

static int scene_ends(void **state)
{
    (void)state;
    if (has_dns)
        dns_stop(&dns);
    close(bound);
    callrig_down(&r);
    return 0;
}

static void with_dns(const struct dns_record *table)
{
    dns_start(&dns, table);
    has_dns = true;
    set.resolver = &dns.resolver;
}

static bool freed(unsigned where)
{
    if (free_in != where)
        return false;
    pf_reach_free(reach);
    reach = NULL;
    return true;
}

static void on_secret(void *self, struct pf_reach *one, const char *host)
{
    (void)self;
    secrets++;
    snprintf(secret_host, sizeof secret_host, "%s", host);
    if (!freed(SECRET) && !wait_with_secret)
        pf_reach_secret(one, pf_bytes_of(r.password), NULL);
}

static void on_ready(void *self, struct pf_reach *one, struct pf_call *call)
{
    (void)self;
    readies++;
    if (freed(READY))
        return;
    assert_ptr_equal(pf_reach_call(one), call);
    assert_int_equal(pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_RETR, .number = 1}),
                     PF_OK);
    assert_int_equal(pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_QUIT}), PF_OK);
}

static void on_heard(void *self, struct pf_reach *one, struct pf_call *call,
                     const struct pf_heard *heard)
{
    (void)self;
    assert_ptr_equal(pf_reach_call(one), call);
    ends += heard->kind == PF_HEARD_END && heard->end == PF_END_WHOLE;
    freed(HEARD);
}

static void on_gone(void *self, struct pf_reach *one, const struct pf_err *err)
{
    (void)self;
    gones++;
    gone = *err;
    facts = *pf_reach_facts(one);
    snprintf(checked, sizeof checked, "%s", facts.checked);
    snprintf(who, sizeof who, "%s", pf_reach_who(one));
    assert_null(pf_reach_call(one));
    freed(GONE);
}

static void begin(void)
{
    static const struct pf_reach_calls calls = {on_secret, on_ready, on_heard, on_gone};
    struct pf_err err = {0};

    secrets = readies = ends = gones = reach_names_asked = 0;
    r.heard_len = 0;
    memset(r.heard, 0, sizeof r.heard);
    reach = pf_reach_new(&set, &calls, NULL, &err);
    if (!reach)
        fail_msg("%s", err.log);
    assert_null(pf_reach_call(reach));
}

static void run(void)
{
    begin();
    while (reach && !gones)
        callrig_turn(&r);
    for (int i = 0; i < 3; i++)
        callrig_turn(&r);
    assert_int_equal(gones, free_in == 0 || free_in == GONE);
    if (reach && r.stranger < 0)
        assert_int_equal(pf_hall_count(r.rig.hall), 0);
    pf_reach_free(reach);
    reach = NULL;
    while (pf_hall_count(r.rig.hall))
        callrig_turn(&r);
    if (r.stranger >= 0)
        callrig_turn(&r);
}

static void went_well(void)
{
    if (gone.code != PF_OK)
        fail_msg("%s", gone.log);
    assert_int_equal(readies, 1);
    assert_int_equal(ends, 2);
}

static void failed(enum pf_code code, const char *word)
{
    if (!strstr(gone.log, word))
        fail_msg("\"%s\" is not in: %s", word, gone.log);
    assert_int_equal(gone.code, code);
    assert_int_equal(readies, 0);
}

static void a_server_that_is_named(void **state)
{
    char expected[64];

    (void)state;
    run();
    went_well();
    assert_int_equal(secrets, 1);
    assert_string_equal(secret_host, "test.example");
    snprintf(expected, sizeof expected, "anna@test.example:%u", port);
    assert_string_equal(who, expected);
    assert_true(facts.logged_in && !facts.careful);
    r.listener = AT_STLS;
    a.tls = PF_ACCOUNT_STARTTLS;
    run();
    went_well();
    r.listener = AT_PLAIN;
    a.tls = PF_ACCOUNT_PLAIN;
    run();
    went_well();
    set.anonymous = true;
    run();
    assert_int_equal(secrets, 0);
    assert_int_equal(readies, 1);
}

static void a_url_is_a_server(void **state)
{
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "pop://anna;AUTH=CRAM-MD5@test.example:%u", port);
    a.server = url;
    a.user = NULL;
    a.port = 0;
    a.tls = PF_ACCOUNT_AUTO;
    r.listener = AT_STLS;
    run();
    went_well();
    assert_true(facts.encrypted > 0);
}

static void what_a_server_says_ends_it(void **state)
{
    (void)state;
    r.password = "wrong";
    run();
    failed(PF_AUTH, "refuses the login");
    assert_int_equal(secrets, 1);
    a.ca = wrong_ca;
    run();
    failed(PF_NEED_TLS, "signed by");
    assert_int_equal(secrets, 0);
    a.port = closed_port;
    run();
    failed(PF_TEMP, "refuse");
    a.server = "nowhere.example";
    run();
    failed(PF_CONFIG, "nowhere.example");
}

/* user@domain; logs in nowhere, for the server knows no such name. */
static void by_domain(const char *user)
{
    a.user = user;
    a.server = NULL;
    a.port = 0;
    a.tls = PF_ACCOUNT_AUTO;
    a.server_name = "test.example";
    set.anonymous = true;
}

static void srv_001_the_next_server_is_called_where_one_is_not_reached(void **state)
{
    const struct dns_record table[] = {{.name = "_pop3s._tcp.test.example",
                                        .type = DNS_SRV,
                                        .numbers = {5, 0, 995},
                                        .target = "no.test.example"},
                                       {.name = "_pop3s._tcp.test.example",
                                        .type = DNS_SRV,
                                        .numbers = {10, 0, closed_port},
                                        .target = "test.example"},
                                       {.name = "_pop3s._tcp.test.example",
                                        .type = DNS_SRV,
                                        .numbers = {20, 0, port},
                                        .target = "test.example"},
                                       {.name = "_pop3s._tcp.far.example",
                                        .type = DNS_SRV,
                                        .numbers = {20, 0, port},
                                        .target = "test.example",
                                        .insecure = true},
                                       {.name = "_pop3s._tcp.down.example",
                                        .type = DNS_SRV,
                                        .numbers = {1, 0, 995},
                                        .target = "a.down.example"},
                                       {.name = "_pop3s._tcp.down.example",
                                        .type = DNS_SRV,
                                        .numbers = {2, 0, closed_port},
                                        .target = "test.example"},
                                       {.name = "fails.example", .type = DNS_FAILS},
                                       {.name = "_pop3s._tcp.fails.example", .type = DNS_FAILS},
                                       {0}};

    (void)state;
    with_dns(table);
    by_domain("anna@test.example");
    run();
    assert_int_equal(readies, 1);
    assert_string_equal(who, "anna@test.example");
    assert_true(facts.connected > 0);
    by_domain("anna@far.example");
    run();
    failed(PF_CONFIG, "write `server test.example`");
    by_domain("anna@down.example");
    run();
    failed(PF_TEMP, "none of the 2 servers");
    by_domain("anna@fails.example");
    run();
    failed(PF_TEMP, "no resolver answers");
    by_domain("anna@guess.example");
    run();
    failed(PF_CONFIG, "none of the 8 servers that it might have");
    assert_true(reach_names_asked >= 8);
}

/* The digest of a certificate's key, as a TLSA record 3 1 1 has it: the one that a refusal names as pin.
 */
static void key_of(const char *cert, unsigned char out_digest[32])
{
    unsigned char room[36];
    struct pf_span out = {room, 0, sizeof room};
    const char *pin;

    callrig_cert(&r, cert);
    run();
    pin = strstr(gone.log, "pin it: ");
    assert_non_null(pin);
    assert_true(pf_b64_decode(pf_bytes_from(pin + 8, 44), &out));
    assert_int_equal(out.len, 32);
    memcpy(out_digest, room, 32);
}

static void tls_044_dane_counts_where_the_resolver_vouches(void **state)
{
    unsigned char digest[32], other[32] = {1};
    char name[64];
    struct dns_record table[] = {
        {.name = name, .type = DNS_TLSA, .numbers = {3, 1, 1}, .data = digest, .len = 32},
        {.name = "test.example", .type = DNS_A, .data = "\177\0\0\1", .len = 4},
        {0}};

    (void)state;
    snprintf(name, sizeof name, "_%u._tcp.test.example", port);
    key_of("self", digest);
    a.dane = true;
    with_dns(table);
    run();
    went_well();
    assert_string_equal(checked, "dane");
    dns_stop(&dns);
    table[0].data = other; /* not its key: no CA helps */
    callrig_cert(&r, "good");
    with_dns(table);
    run();
    failed(PF_NEED_TLS, "");
    dns_stop(&dns);
    table[0].insecure = true; /* anybody's word: CAs decide */
    with_dns(table);
    run();
    went_well();
    assert_string_equal(checked, "ca");
    dns_stop(&dns);
    table[0] = (struct dns_record){.name = name, .type = DNS_FAILS}; /* suppressed, perhaps */
    with_dns(table);
    run();
    failed(PF_TEMP, "cannot be found out, so it is not called");
    assert_int_equal(reach_names_asked, 0);
    a.pins = "0123456789012345678901234567890123456789012="; /* pins need no DNS */
    run();
    failed(PF_NEED_TLS, "pinned");
}

static void qs_002_a_server_that_dies_at_capa_is_called_without(void **state)
{
    static const char *const hangs_up[] = {"+OK hello\r\n", "",        "+OK hello\r\n",
                                           "+OK\r\n",       "+OK\r\n", "+OK 2\r\na\r\n.\r\n",
                                           "+OK bye\r\n",   NULL};
    static const char *const hangs[] = {
        "+OK hello\r\n", "+OK TOP UIDL\r\n",    "+OK hello\r\n", "+OK\r\n",
        "+OK\r\n",       "+OK 2\r\na\r\n.\r\n", "+OK bye\r\n",   NULL};
    static const char *const later[] = {"+OK hello\r\n", "-ERR\r\n", "+OK\r\n",
                                        "+OK\r\n",       "",         "+OK hello\r\n",
                                        "+OK\r\n",       "+OK\r\n",  "+OK 2\r\na\r\n.\r\n",
                                        "+OK bye\r\n",   NULL};
    static const char *const *const scripts[] = {hangs_up, hangs, later};

    (void)state;
    a.tls = PF_ACCOUNT_PLAIN;
    a.answer_time = 150;
    for (size_t i = 0; i < 3; i++) {
        r.script = scripts[i];
        run();
        went_well();
        assert_true(facts.careful);
        assert_int_equal(secrets, 1);
        assert_non_null(strstr(r.heard, "CAPA\r\n"));
        assert_non_null(strstr(r.heard, "USER anna\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n"));
    }
}

static void qs_002_it_is_called_once_more_and_not_twice(void **state)
{
    static const char *const script[] = {"+OK hello\r\n", "",  "+OK hello\r\n", "",
                                         "+OK hello\r\n", NULL};
    static const char *const silent[] = {NULL, NULL};

    (void)state;
    a.tls = PF_ACCOUNT_PLAIN;
    a.answer_time = 150;
    r.script = script;
    run();
    failed(PF_TEMP, "closed the connection while logging in");
    assert_string_equal(r.heard, "CAPA\r\nUSER anna\r\n");
    r.script = silent; /* no greeting is no matter of CAPA */
    run();
    failed(PF_TEMP, "silent");
    assert_false(facts.careful);
}

static void it_may_be_freed_at_any_time(void **state)
{
    static const struct dns_record table[] = {{0}};

    (void)state;
    for (free_in = SECRET; free_in <= GONE; free_in++)
        run();
    free_in = 0;
    begin();
    pf_reach_free(reach);
    wait_with_secret = true;
    begin();
    while (!secrets)
        callrig_turn(&r);
    pf_reach_free(reach);
    with_dns(table); /* a look-up is under way: it ends by itself */
    by_domain("anna@guess.example");
    begin();
    callrig_turn(&r);
    pf_reach_free(reach);
    reach = NULL;
}

static void a_secret_may_come_late_or_not_at_all(void **state)
{
    const struct pf_err none = {.code = PF_CANCELLED, .log = "he did not want to"};

    (void)state;
    wait_with_secret = true;
    begin();
    while (!secrets)
        callrig_turn(&r);
    callrig_turn(&r);
    pf_reach_secret(reach, pf_bytes_of("secret"), NULL);
    pf_reach_secret(reach, pf_bytes_of("other"), NULL); /* the first counts */
    while (!gones)
        callrig_turn(&r);
    went_well();
    pf_reach_free(reach);
    begin();
    while (!secrets)
        callrig_turn(&r);
    pf_reach_secret(reach, (struct pf_bytes){0}, &none);
    while (!gones)
        callrig_turn(&r);
    failed(PF_CANCELLED, "he did not want to");
    pf_reach_free(reach);
    reach = NULL;
}

static void a_message_has_its_limit(void **state)
{
    (void)state;
    set.octets_max = 5;
    run();
    assert_int_equal(gone.code, PF_LIMIT);
    assert_int_equal(readies, 1);
}

static int set_up(void **state)
{
    (void)state;
    dns_trust();
    certs_up();
    snprintf(ca, sizeof ca, "%s", certs_path("ca.pem"));
    snprintf(wrong_ca, sizeof wrong_ca, "%s", certs_path("self.pem"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_down();
    return 0;
}

#define S(name) cmocka_unit_test_setup_teardown(name, scene, scene_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {S(a_server_that_is_named),
                                       S(a_url_is_a_server),
                                       S(what_a_server_says_ends_it),
                                       S(srv_001_the_next_server_is_called_where_one_is_not_reached),
                                       S(tls_044_dane_counts_where_the_resolver_vouches),
                                       S(qs_002_a_server_that_dies_at_capa_is_called_without),
                                       S(qs_002_it_is_called_once_more_and_not_twice),
                                       S(it_may_be_freed_at_any_time),
                                       S(a_secret_may_come_late_or_not_at_all),
                                       S(a_message_has_its_limit)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
