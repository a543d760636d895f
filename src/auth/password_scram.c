/* SCRAM's keys as Dovecot stores them: "iterations,salt,StoredKey,ServerKey", the last three in base 64
 * (RFC 5802 section 3). Who has them can neither log in nor be the server to anybody but this user. */
#include "auth/password_scheme.h"

#include "auth/exchange.h"
#include "base/text.h"

#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

enum { SALT_NEW = 16, KEY_MAX = 32 };

static bool field(struct pf_bytes *rest, unsigned char *out, size_t cap, size_t *out_len)
{
    struct pf_bytes text = pf_bytes_head(*rest, pf_find(*rest, ','));
    const char *end = NULL;

    *rest = pf_bytes_skip(*rest, text.len + 1);
    return text.len &&
           sodium_base642bin(out, cap, (const char *)text.at, text.len, NULL, out_len, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           end == (const char *)text.at + text.len;
}

bool pf_scram_parse(const struct pf_stored *stored, struct pf_scram_keys *out_keys)
{
    struct pf_scram_keys keys = {.key_len = (size_t)EVP_MD_get_size(stored->scheme->digest())};
    struct pf_bytes rest = pf_bytes_of(stored->hash), number = pf_bytes_head(rest, pf_find(rest, ','));
    size_t stored_len = 0, server_len = 0;
    uint64_t iterations;

    rest = pf_bytes_skip(rest, number.len + 1);
    if (!pf_parse_u64(number, &iterations) || iterations == 0 || iterations > PF_COST_ROUNDS)
        return false;
    keys.iterations = (unsigned)iterations;
    if (!field(&rest, keys.salt, sizeof keys.salt, &keys.salt_len) ||
        !field(&rest, keys.stored_key, sizeof keys.stored_key, &stored_len) ||
        pf_find(rest, ',') != rest.len ||
        !field(&rest, keys.server_key, sizeof keys.server_key, &server_len) ||
        stored_len != keys.key_len || server_len != keys.key_len)
        return false;
    *out_keys = keys;
    return true;
}

const char *pf_scram_look(const struct pf_stored *stored)
{
    struct pf_scram_keys keys;
    bool whole = pf_scram_parse(stored, &keys);

    pf_wipe(&keys, sizeof keys);
    return whole ? NULL : "these SCRAM keys are damaged, or have too many iterations";
}

static bool mac(const EVP_MD *digest, const unsigned char *key, struct pf_bytes text, unsigned char *out)
{
    return HMAC(digest, key, EVP_MD_get_size(digest), text.at, text.len, out, NULL) != NULL;
}

/* Fills both keys by salt and iterations (RFC 5802 section 3). */
static bool compute(const EVP_MD *digest, struct pf_bytes secret, struct pf_scram_keys *keys)
{
    unsigned char salted[KEY_MAX], client[KEY_MAX];
    bool made = secret.len <= INT32_MAX &&
                PKCS5_PBKDF2_HMAC(secret.len ? (const char *)secret.at : "", (int)secret.len, keys->salt,
                                  (int)keys->salt_len, (int)keys->iterations, digest, (int)keys->key_len,
                                  salted) == 1 &&
                mac(digest, salted, PF_LIT("Client Key"), client) &&
                EVP_Digest(client, keys->key_len, keys->stored_key, NULL, digest, NULL) == 1 &&
                mac(digest, salted, PF_LIT("Server Key"), keys->server_key);

    pf_wipe(salted, sizeof salted);
    pf_wipe(client, sizeof client);
    return made;
}

/* Keys are of the password after SASLprep (RFC 5802 section 2.2); what that refuses is taken as it is,
 * as other programs do. */
static bool compute_prepared(const EVP_MD *digest, struct pf_bytes secret, struct pf_scram_keys *keys)
{
    char text[PF_EXCHANGE_PART_MAX + 1];
    bool prepared = pf_saslprep(secret, text, sizeof text) && text[0];
    bool made = compute(digest, prepared ? pf_bytes_of(text) : secret, keys);

    pf_wipe(text, sizeof text);
    return made;
}

enum pf_code pf_scram_check(const struct pf_stored *stored, struct pf_bytes secret)
{
    struct pf_scram_keys keys, made;
    bool equal;

    if (!pf_scram_parse(stored, &keys))
        return PF_CONFIG;
    made = keys;
    if (!compute_prepared(stored->scheme->digest(), secret, &made))
        return PF_TEMP;
    equal = pf_equal_secret(pf_bytes_from(keys.stored_key, keys.key_len),
                            pf_bytes_from(made.stored_key, made.key_len));
    pf_wipe(&keys, sizeof keys);
    pf_wipe(&made, sizeof made);
    return equal ? PF_OK : PF_AUTH;
}

static bool put(struct pf_span *out, const unsigned char *raw, size_t len)
{
    char text[sodium_base64_ENCODED_LEN(64, sodium_base64_VARIANT_ORIGINAL)];

    sodium_bin2base64(text, sizeof text, raw, len, sodium_base64_VARIANT_ORIGINAL);
    return pf_span_format(out, ",%s", text);
}

enum pf_code pf_scram_make(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_span *out)
{
    struct pf_scram_keys keys = {.salt_len = SALT_NEW, .iterations = (unsigned)scheme->cost};
    bool written;

    if (secret.len == 0 || pf_find(secret, 0) != secret.len)
        return PF_CONFIG;
    if (sodium_init() < 0)
        return PF_TEMP;
    keys.key_len = (size_t)EVP_MD_get_size(scheme->digest());
    randombytes_buf(keys.salt, keys.salt_len);
    if (!compute_prepared(scheme->digest(), secret, &keys))
        return PF_TEMP;
    written = pf_span_format(out, "%u", keys.iterations) && put(out, keys.salt, keys.salt_len) &&
              put(out, keys.stored_key, keys.key_len) && put(out, keys.server_key, keys.key_len) &&
              pf_span_put(out, PF_LIT("\0"));
    pf_wipe(&keys, sizeof keys);
    return written ? PF_OK : PF_CONFIG;
}

enum pf_code pf_password_scram(const char *stored, enum pf_password_form form,
                               const unsigned char plain_salt[16], struct pf_scram_keys *out_keys)
{
    const EVP_MD *digest = form == PF_FORM_SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
    struct pf_scram_keys keys = {.salt_len = SALT_NEW, .iterations = PF_SCRAM_ITERATIONS};
    char text[PF_HASH_MAX + 1];
    struct pf_stored parts;
    bool had;

    if (pf_password_form(stored) == form && !pf_scheme_take_apart(stored, &parts) &&
        parts.scheme->check == pf_scram_check)
        return pf_scram_parse(&parts, out_keys) ? PF_OK : PF_AUTH;
    if (!pf_password_plain(stored, text, sizeof text))
        return PF_AUTH;
    keys.key_len = (size_t)EVP_MD_get_size(digest);
    memcpy(keys.salt, plain_salt, SALT_NEW);
    pf_scheme_counts();
    had = compute_prepared(digest, pf_bytes_of(text), &keys);
    if (had)
        *out_keys = keys;
    pf_wipe(&keys, sizeof keys);
    pf_wipe(text, sizeof text);
    return had ? PF_OK : PF_AUTH;
}
