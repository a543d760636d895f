/* Each secret is a word of its own that must be nowhere afterwards: neither in the structure nor in any memory that
 * the room ever took, freed or not. */
#include "unit/conf/told.h"

#include <stdlib.h>

void *__real_calloc(size_t, size_t);
void __real_free(void *);

enum { CHUNKS = 512 };

/* Memory of the generation, and what of it was given back. */
static struct {
    unsigned char *at;
    size_t len;
} chunks[CHUNKS];
static size_t chunk_count, freed_dirty;
static bool watching, scarce;
static const char *const secrets[] = {"hush-connect", "hush-file",   "hush-query", "hush-bind",   "hush-base",
                                      "hush-client",  "hush-keys",   "hush-users", "hush-tokens", "hush-master",
                                      "hush-record",  "hush-aliases", "hush-keytab", "hush-tls",  "hush-oauth"};

static bool has_secret(const unsigned char *at, size_t len)
{
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (memmem(at, len, secrets[i], strlen(secrets[i])))
            return true;
    return memmem(at, len, "hush", 4) != NULL;
}

void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *at);

void *__wrap_calloc(size_t count, size_t size)
{
    void *at = scarce ? NULL : __real_calloc(count, size);

    if (at && watching && chunk_count < CHUNKS) {
        chunks[chunk_count].at = at;
        chunks[chunk_count++].len = count * size;
    }
    return at;
}

void __wrap_free(void *at)
{
    for (size_t i = 0; at && i < chunk_count; i++)
        if (chunks[i].at == at) {
            freed_dirty += has_secret(chunks[i].at, chunks[i].len);
            chunks[i] = chunks[--chunk_count];
            break;
        }
    __real_free(at);
}

static const char text[] =
    "hostname mail.example.org\n"
    "listen 127.0.0.1:0 { proxy yes; proxy-from \"10.0.0.0/8\"; certificate /c/hush-tls.own; key /c/hush-tls.own\n"
    "  hostname own.example.org; mechanisms PLAIN }\n"
    "listen unix:/run/x/lmtp { protocol lmtp }\n"
    "tls { certificate /c/hush-tls.pem; key /c/hush-tls.key; client-ca /c/hush-tls.ca\n"
    "  pair { certificate /c/hush-tls.two; key /c/hush-tls.two } }\n"
    "users { password-file /u/hush-users; aliases /u/hush-aliases; tokens /u/hush-tokens; master-file "
    "/u/hush-master\n"
    "  login-record /u/hush-record; keytab /u/hush-keytab; cache-time 7m }\n"
    "userdb postgresql { connect \"host=/x password=\\\"hush-connect\\\"\"; query \"select 'hush-query' from u where "
    "n = "
    ":user\"; secret-file /u/hush-file }\n"
    "userdb ldap { connect ldap://hush-connect; base \"ou=hush-base\"; bind-dn \"cn=hush-bind\"; secret-file "
    "/u/hush-file }\n"
    "oauth { issuer https://hush-oauth; keys https://hush-keys/; client-id hush-client; client-secret-file "
    "/u/hush-file;\n"
    "  introspect https://hush-oauth/x }\n"
    "mail { path /m/%d/%n; roots \"/srv/a /srv/b\" }\n"
    "domain example.org { path /o/%n; expire 3 }\n"
    "log { to syslog; facility local3 }\n";

static struct pf_conf *watched(void)
{
    struct pf_conf *conf;

    chunk_count = freed_dirty = 0;
    watching = true;
    conf = told_good(text);
    return conf;
}

static void what_a_gate_must_not_know_is_nowhere(void **state)
{
    struct pf_conf *conf = watched();
    size_t before = 0, after = 0;

    (void)state;
    for (size_t i = 0; i < chunk_count; i++)
        before += has_secret(chunks[i].at, chunks[i].len);
    assert_true(before > 0); /* it can be found, were it there */
    assert_true(pf_conf_blind(conf));
    for (size_t i = 0; i < chunk_count; i++)
        after += has_secret(chunks[i].at, chunks[i].len);
    assert_int_equal(after, 0);
    assert_false(has_secret((const unsigned char *)conf, sizeof *conf));
    pf_conf_free(conf);
    assert_int_equal(freed_dirty, 0); /* what the reading itself needed is wiped too */
    assert_int_equal(chunk_count, 0);
    watching = false;
}

static void sources_are_gone(void **state)
{
    struct pf_conf *conf = told_good(text);

    (void)state;
    assert_true(pf_conf_blind(conf));
    assert_int_equal(conf->userdb_count + conf->pair_count, 0);
    assert_null(conf->password_file);
    assert_null(conf->tokens);
    assert_null(conf->oauth.client_secret_file);
    assert_null(conf->oauth.introspect);
    assert_null(conf->keytab);
    assert_null(conf->client_ca);
    pf_conf_free(conf);
}

static void what_sessions_read_stays(void **state)
{
    struct pf_conf *conf = told_good(text), *whole = told_good(text);
    char path[64];

    (void)state;
    assert_true(pf_conf_blind(conf));
    assert_string_equal(conf->hostname, "mail.example.org");
    assert_int_equal(conf->listen_count, 2);
    assert_string_equal(conf->listens[0].address, "127.0.0.1");
    assert_string_equal(conf->listens[0].proxy_from, "10.0.0.0/8");
    assert_string_equal(conf->listens[0].hostname, "own.example.org");
    assert_string_equal(conf->listens[0].mechanisms, "PLAIN");
    assert_string_equal(conf->listens[1].hostname, "mail.example.org");
    assert_string_equal(conf->listens[1].address, "/run/x/lmtp");
    assert_null(conf->listens[1].proxy_from);
    assert_int_equal(conf->listens[1].protocol, PF_CONF_LMTP);
    assert_true(pf_conf_maildrop(conf, "anna@example.org", path, sizeof path));
    assert_string_equal(path, "/o/anna");
    assert_true(pf_conf_maildrop(conf, "anna@example.net", path, sizeof path));
    assert_string_equal(path, "/m/example.net/anna");
    assert_int_equal(pf_conf_domain_of(conf, PF_LIT("x@EXAMPLE.org"))->expire_days, 3);
    assert_string_equal(conf->log_facility, "local3");
    assert_int_equal(conf->idle_time, whole->idle_time);
    assert_int_equal(conf->connections, whole->connections);
    assert_int_equal(conf->cache_time, 7 * 60);
    pf_conf_free(conf);
    pf_conf_free(whole);
}

static void defaults_are_blinded_too(void **state)
{
    struct pf_conf *conf = told_good("listen 127.0.0.1:0 { tls none; plaintext-login yes }");

    (void)state;
    assert_non_null(conf->password_file); /* a constant of the program */
    assert_true(pf_conf_blind(conf));
    assert_null(conf->password_file);
    assert_non_null(conf->mail_path);
    pf_conf_free(conf);
}

static void without_memory_nothing_changes(void **state)
{
    struct pf_conf *conf = told_good(text);

    (void)state;
    scarce = true;
    assert_false(pf_conf_blind(conf));
    scarce = false;
    assert_int_equal(conf->userdb_count, 2);
    assert_string_equal(conf->password_file, "/u/hush-users");
    pf_conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(what_a_gate_must_not_know_is_nowhere), T(sources_are_gone),
                                       T(what_sessions_read_stays), T(defaults_are_blinded_too),
                                       T(without_memory_nothing_changes)};

    return RUN(tests);
}
