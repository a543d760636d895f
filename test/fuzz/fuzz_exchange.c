/* SASL exchanges. The first octet chooses the mechanism, the second has flags; then either
 *   - responses with 0xff between them (which UTF-8 never holds), said by somebody who knows no secret:
 * he proves nothing but what the world vouches for (a certificate, a good token, to be nobody);
 *   - or the changes to be made to what GNU SASL's client says, which knows the password: with any
 * change at all it proves nothing, without one it proves what it should. */
#include "auth/exchange.h"

#include "base/text.h"

#include <gsasl.h>
#include <stdlib.h>

enum { FLAG_SILENT = 1, FLAG_CLIENT = 2, FLAG_PLUS = 4, FLAG_UNIQUE = 8 };

#define HOST "pop.example.org"

static const char exporter[] = "0123456789abcdef0123456789abcdef", unique[] = "abcdefghijkl";

struct pf_oauth {
    const char *good, *name;
};

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stands for the issuer: one token is good. */
enum pf_code pf_oauth_check(struct pf_oauth *oauth, struct pf_bytes token, int64_t now,
                            struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    (void)now;
    if (!pf_bytes_equal(token, pf_bytes_of(oauth->good)))
        return pf_fail(err, PF_AUTH, 0, "fuzz", "no");
    *out_grant = (struct pf_oauth_grant){.expires = 0};
    memcpy(out_grant->name, oauth->name, strlen(oauth->name) + 1);
    return PF_OK;
}

/* With one iteration, so that a run costs little. `self` NULL: nobody can know the keys. */
static enum pf_code scram(void *self, struct pf_bytes name, enum pf_password_form form,
                          struct pf_scram_keys *out, struct pf_err *err)
{
    char salted[32], client[32];
    Gsasl_hash hash = form == PF_FORM_SCRAM_SHA_1 ? GSASL_HASH_SHA1 : GSASL_HASH_SHA256;

    (void)err;
    must(name.len > 0 && name.len <= PF_EXCHANGE_PART_MAX);
    if (!pf_bytes_equal(name, PF_LIT("alice")))
        return PF_NO_USER;
    *out = (struct pf_scram_keys){.salt = "salt", .salt_len = 4, .iterations = 1};
    out->key_len = form == PF_FORM_SCRAM_SHA_1 ? 20 : 32;
    if (self)
        must(gsasl_scram_secrets_from_password(hash, self, 1, (const char *)out->salt, 4, salted, client,
                                               (char *)out->server_key,
                                               (char *)out->stored_key) == GSASL_OK);
    return PF_OK;
}

static enum pf_code plain(void *self, struct pf_bytes name, char *out_text, size_t cap,
                          struct pf_err *err)
{
    (void)err;
    must(name.len > 0 && name.len <= PF_EXCHANGE_PART_MAX && cap > 64);
    if (!pf_bytes_equal(name, PF_LIT("alice")))
        return PF_NO_USER;
    if (self)
        memcpy(out_text, self, strlen(self) + 1);
    else /* what no fuzzer finds: it never sees what is made of it */
        for (int i = 0; i < 64; i += 8)
            snprintf(out_text + i, cap - (size_t)i, "%08x", (unsigned)random());
    return PF_OK;
}

/* Who is to be checked: one name that SASLprep leaves as it is, with the password as it came. */
static void must_be_prepared(struct pf_bytes name)
{
    char prepared[PF_EXCHANGE_PART_MAX + 1];

    must(name.len <= PF_EXCHANGE_PART_MAX && pf_find(name, 0) == name.len);
    must(pf_saslprep(name, prepared, sizeof prepared));
    must(pf_bytes_equal(name, pf_bytes_of(prepared)));
}

static void judge_check(const char *mechanism, struct pf_bytes message,
                        const struct pf_exchange_told *told)
{
    bool login = strcmp(mechanism, "LOGIN") == 0;
    struct pf_bytes secret = told->secret;
    size_t nuls = 0;

    must(login || strcmp(mechanism, "PLAIN") == 0);
    must(told->name.len && secret.len && !memchr(secret.at, 0, secret.len));
    must(secret.len <= message.len);
    must(memcmp(message.at + message.len - secret.len, secret.at, secret.len) == 0);
    for (size_t i = 0; i < message.len; i++)
        nuls += message.at[i] == 0;
    must(nuls == (login ? 0u : 2u));
    must(login ? secret.len == message.len : message.at[message.len - secret.len - 1] == 0);
}

static void judge_proof(const char *mechanism, struct pf_bytes message,
                        const struct pf_exchange_told *told)
{
    if (strcmp(mechanism, "ANONYMOUS") == 0)
        must(told->anonymous);
    else if (strcmp(mechanism, "EXTERNAL") == 0)
        must(pf_bytes_equal(told->name, PF_LIT("carol")));
    else if (strcmp(mechanism, "OAUTHBEARER") == 0 || strcmp(mechanism, "XOAUTH2") == 0)
        must(pf_bytes_equal(told->name, PF_LIT("dora")) &&
             memmem(message.at, message.len, " good\1", 6));
    else
        must(false); /* it would take a secret */
}

static enum pf_exchange_step step(struct pf_exchange *exchange, const char *mechanism,
                                  struct pf_bytes message, struct pf_exchange_told *told)
{
    struct pf_err err = {0};
    enum pf_exchange_step result = pf_exchange_step(exchange, message, true, told, &err);

    must_be_prepared(told->name);
    must_be_prepared(told->acts_for);
    must(told->challenge.len <= 16384);
    must(result == PF_EXCHANGE_CHALLENGE || told->challenge.len == 0);
    if (result == PF_EXCHANGE_FAILED)
        must(err.code == PF_AUTH || err.code == PF_SYNTAX);
    if (result == PF_EXCHANGE_CHECK)
        judge_check(mechanism, message, told);
    return result;
}

static void stranger(struct pf_exchange *exchange, const char *mechanism, struct pf_bytes rest)
{
    bool ended = false;

    for (int turn = 0; turn < 16; turn++) {
        struct pf_bytes message = pf_bytes_head(rest, pf_find(rest, 0xff));
        struct pf_exchange_told told = {0};
        enum pf_exchange_step result = step(exchange, mechanism, message, &told);

        if (result == PF_EXCHANGE_PROVED)
            judge_proof(mechanism, message, &told);
        must(!ended || result == PF_EXCHANGE_FAILED); /* an exchange ends once */
        ended = ended || result != PF_EXCHANGE_CHALLENGE;
        if (rest.len <= message.len)
            break;
        rest = pf_bytes_skip(rest, message.len + 1);
    }
}

/* One change of a message: which octet, how; or where it is cut or what stands behind it. Returns its
 * new length; `out_changed` when it is another now. */
static size_t change(const unsigned char how[4], char *text, size_t len, bool *out_changed)
{
    size_t at = len ? (how[1] * 256u + how[2]) % len : 0;

    switch (how[0] & 3) {
    case 1:
        if (len && how[3]) {
            text[at] = (char)(text[at] ^ how[3]);
            *out_changed = true;
        }
        return len;
    case 2:
        *out_changed = *out_changed || at != len;
        return at;
    case 3:
        text[len] = (char)how[3];
        *out_changed = true;
        return len + 1;
    default:
        return len;
    }
}

static Gsasl_session *start_client(Gsasl *library, const char *mechanism, const char *password,
                                   bool use_unique)
{
    Gsasl_session *client = NULL;

    must(gsasl_client_start(library, mechanism, &client) == GSASL_OK);
    gsasl_property_set(client, GSASL_AUTHID, "alice");
    gsasl_property_set(client, GSASL_PASSWORD, password);
    gsasl_property_set(client, GSASL_SERVICE, "pop");
    gsasl_property_set(client, GSASL_HOSTNAME, HOST);
    if (strstr(mechanism, "-PLUS") && use_unique)
        gsasl_property_set(client, GSASL_CB_TLS_UNIQUE, "YWJjZGVmZ2hpamts");
    else if (strstr(mechanism, "-PLUS"))
        gsasl_property_set(client, GSASL_CB_TLS_EXPORTER,
                           "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    return client;
}

/* Changes are four octets each, one per message of the client. DIGEST-MD5 does not protect all octets of
 * its message: there only the name is sure. */
static void friend(struct pf_exchange *exchange, const char *mechanism, Gsasl_session *client,
                   struct pf_bytes changes)
{
    struct pf_exchange_told told = {0};
    enum pf_exchange_step result = pf_exchange_step(exchange, (struct pf_bytes){0}, false, &told, NULL);
    bool changed = false, digest = strcmp(mechanism, "DIGEST-MD5") == 0;
    int status = GSASL_NEEDS_MORE;

    for (int turn = 0; turn < 8 && result == PF_EXCHANGE_CHALLENGE; turn++) {
        char *output = NULL, text[1024];
        size_t len = 0;

        if (status == GSASL_NEEDS_MORE)
            status =
                gsasl_step(client, (const char *)told.challenge.at, told.challenge.len, &output, &len);
        must(changed || status == GSASL_OK || status == GSASL_NEEDS_MORE);
        must(len + 1 < sizeof text);
        if (len)
            memcpy(text, output, len);
        gsasl_free(output);
        if (changes.len >= 4)
            len = change(changes.at, text, len, &changed);
        changes = pf_bytes_skip(changes, 4);
        result = step(exchange, mechanism, pf_bytes_from(text, len), &told);
    }
    must(result != PF_EXCHANGE_CHECK);
    must(changed || result == PF_EXCHANGE_PROVED);
    must(!changed || digest || result != PF_EXCHANGE_PROVED);
    if (result == PF_EXCHANGE_PROVED)
        must(pf_bytes_equal(told.name, PF_LIT("alice")));
}

static bool has_secret(const char *mechanism)
{
    return strstr(mechanism, "SCRAM") || strstr(mechanism, "MD5");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char password[] = "wonderland";
    struct pf_oauth oauth = {"good", "dora"};
    struct pf_conf_oauth conf = {.scope = "mail", .configuration = "https://example.org/"};
    size_t count;
    const struct pf_exchange_mechanism *list = pf_exchange_mechanisms(&count);
    struct pf_exchange_settings settings = {.hostname = HOST,
                                            .certificate = "carol",
                                            .oauth = &oauth,
                                            .oauth_conf = &conf,
                                            .now = 1,
                                            .world = {NULL, scram, plain},
                                            .exporter = pf_bytes_from(exporter, 32),
                                            .unique = pf_bytes_from(unique, 12)};
    struct pf_exchange *exchange;
    struct pf_exchange_told told;
    bool client;

    if (size < 2 || strcmp(list[data[0] % count].name, "GSSAPI") == 0)
        return 0;
    settings.mechanism = list[data[0] % count].name;
    settings.site_key = (const unsigned char *)exporter;
    settings.plus_offered = data[1] & FLAG_PLUS;
    client = data[1] & FLAG_CLIENT && has_secret(settings.mechanism);
    settings.world.self = client ? password : NULL;
    exchange = pf_exchange_new(&settings, NULL);
    must(exchange != NULL);
    if (client) {
        Gsasl *library = NULL;
        Gsasl_session *session;

        must(gsasl_init(&library) == GSASL_OK);
        session = start_client(library, settings.mechanism, password, data[1] & FLAG_UNIQUE);
        friend(exchange, settings.mechanism, session, pf_bytes_from(data + 2, size - 2));
        gsasl_finish(session);
        gsasl_done(library);
    } else {
        if (data[1] & FLAG_SILENT)
            must(pf_exchange_step(exchange, (struct pf_bytes){0}, false, &told, NULL) ==
                 PF_EXCHANGE_CHALLENGE);
        stranger(exchange, settings.mechanism, pf_bytes_from(data + 2, size - 2));
    }
    pf_exchange_free(exchange);
    return 0;
}
