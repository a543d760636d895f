/* SCRAM (RFC 5802, RFC 7677): from stored keys; the password is never known here.
 *
 * The library computes and compares. It decides nothing about channel binding but that the data are
 * equal: with a bare name it takes the flag "p" together with no data at all, and it judges "y" by
 * whether it knows data, not by what the client was offered. So flags are looked at here (section 6). It
 * compares proofs with memcmp: of hashes of what a client sent, which tell him nothing that he could
 * use. */
#include "auth/exchange_rows.h"

#include "base/text.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>

enum { BASE64_MAX = sodium_base64_ENCODED_LEN(64, sodium_base64_VARIANT_ORIGINAL) };

static bool put(struct pf_exchange *exchange, Gsasl_property property, struct pf_bytes raw)
{
    char text[BASE64_MAX];
    bool set = raw.len <= 64;

    if (set) {
        sodium_bin2base64(text, sizeof text, raw.at, raw.len, sodium_base64_VARIANT_ORIGINAL);
        set = gsasl_property_set(exchange->session, property, text) == GSASL_OK;
    }
    pf_wipe(text, sizeof text);
    return set;
}

/* NULL, or why the flag does not do. */
static const char *judge_flag(struct pf_exchange *exchange, const struct pf_scram_first *first)
{
    const struct pf_exchange_settings *settings = &exchange->settings;
    bool plus = exchange->mechanism->needs & PF_NEED_BINDING;

    if (plus != (first->flag == 'p'))
        return "SCRAM: the flag of channel binding does not fit the mechanism's name";
    if (first->flag == 'y' && settings->plus_offered) /* somebody took it out of the list (section 6) */
        return "SCRAM: server-does-support-channel-binding";
    if (!plus)
        return NULL;
    if (pf_bytes_equal(first->binding, PF_LIT("tls-exporter")) && settings->exporter.len) {
        exchange->spent = true;
        return put(exchange, GSASL_CB_TLS_EXPORTER, settings->exporter) ? NULL : "SCRAM: no-resources";
    }
    if (pf_bytes_equal(first->binding, PF_LIT("tls-unique")) && settings->unique.len)
        return put(exchange, GSASL_CB_TLS_UNIQUE, settings->unique) ? NULL : "SCRAM: no-resources";
    return "SCRAM: unsupported-channel-binding-type";
}

/* For who is not there: what looks like anybody's and is the same each time; the keys are keys to
 * nothing. */
static bool make_up(struct pf_exchange *exchange)
{
    unsigned char text[PF_EXCHANGE_PART_MAX + 1], mac[EVP_MAX_MD_SIZE];
    struct pf_scram_keys *keys = &exchange->keys;
    size_t len = strlen(exchange->name);
    unsigned iterations = keys->iterations;
    bool made;

    *keys = (struct pf_scram_keys){.salt_len = 16,
                                   .iterations = iterations ? iterations : PF_SCRAM_ITERATIONS};
    keys->key_len = exchange->row->form == PF_FORM_SCRAM_SHA_1 ? 20 : 32;
    text[0] = (unsigned char)exchange->row->form;
    memcpy(text + 1, exchange->name, len);
    made = HMAC(EVP_sha256(), exchange->settings.site_key, 32, text, len + 1, mac, NULL);
    memcpy(keys->salt, mac, keys->salt_len);
    pf_wipe(mac, sizeof mac);
    randombytes_buf(keys->stored_key, sizeof keys->stored_key);
    randombytes_buf(keys->server_key, sizeof keys->server_key);
    return made;
}

static enum pf_code look_up(struct pf_exchange *exchange, struct pf_err *err)
{
    const struct pf_exchange_world *world = &exchange->settings.world;
    enum pf_code code = PF_NO_USER;

    if (world->scram)
        code = world->scram(world->self, pf_bytes_of(exchange->name), exchange->row->form,
                            &exchange->keys, err);
    exchange->known = code == PF_OK;
    if (code == PF_NO_USER)
        code =
            make_up(exchange) ? PF_OK : pf_fail(err, PF_TEMP, 0, "exchange", "no salt could be made up");
    return code;
}

static bool give_keys(struct pf_exchange *exchange)
{
    const struct pf_scram_keys *keys = &exchange->keys;
    char iterations[16];
    bool given;

    snprintf(iterations, sizeof iterations, "%u", keys->iterations);
    given = gsasl_property_set(exchange->session, GSASL_SCRAM_ITER, iterations) == GSASL_OK &&
            put(exchange, GSASL_SCRAM_SALT, pf_bytes_from(keys->salt, keys->salt_len)) &&
            put(exchange, GSASL_SCRAM_STOREDKEY, pf_bytes_from(keys->stored_key, keys->key_len)) &&
            put(exchange, GSASL_SCRAM_SERVERKEY, pf_bytes_from(keys->server_key, keys->key_len));
    pf_wipe(exchange->keys.stored_key, sizeof exchange->keys.stored_key);
    pf_wipe(exchange->keys.server_key, sizeof exchange->keys.server_key);
    return given;
}

static bool set_names(struct pf_exchange *exchange, const struct pf_scram_first *first)
{
    unsigned char raw[PF_EXCHANGE_PART_MAX];
    size_t len;

    return pf_scram_unescape(first->name, raw, &len) &&
           pf_exchange_set_name(exchange, pf_bytes_from(raw, len)) &&
           pf_scram_unescape(first->authzid, raw, &len) &&
           pf_exchange_set_acts_for(exchange, pf_bytes_from(raw, len));
}

static enum pf_exchange_step begin(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                   struct pf_err *err)
{
    struct pf_scram_first first;
    const char *wrong = pf_scram_read_first(pf_exchange_message(exchange), &first);

    if (wrong)
        return pf_exchange_failed(err, PF_SYNTAX, wrong);
    if (!set_names(exchange, &first))
        return pf_exchange_failed(err, PF_AUTH, "a name that SASLprep refuses");
    wrong = judge_flag(exchange, &first);
    if (wrong)
        return pf_exchange_failed(err, PF_AUTH, wrong);
    if (look_up(exchange, err) != PF_OK)
        return PF_EXCHANGE_FAILED;
    if (!give_keys(exchange))
        return pf_exchange_failed(err, PF_NO_MEMORY, "no memory for an exchange");
    exchange->captured = true;
    return pf_exchange_library_step(exchange, out_told, err);
}

enum pf_exchange_step pf_exchange_scram(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                        struct pf_err *err)
{
    enum pf_exchange_step result;
    const char *wrong;

    if (!exchange->captured)
        return begin(exchange, out_told, err);
    wrong = pf_scram_read_final(pf_exchange_message(exchange), exchange->keys.key_len);
    if (wrong)
        return pf_exchange_failed(err, PF_SYNTAX, wrong);
    result = pf_exchange_library_step(exchange, out_told, err);
    if (result != PF_EXCHANGE_CHECK)
        return result;
    if (!exchange->known)
        return pf_exchange_failed(err, PF_AUTH, "wrong password");
    exchange->last_word = true;
    return PF_EXCHANGE_CHALLENGE;
}
