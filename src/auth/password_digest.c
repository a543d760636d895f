/* Digests with and without salt, PBKDF2, and plain text. */
#include "auth/password.h"
#include "auth/password_scheme.h"

#include "base/text.h"

#include <sodium.h>
#include <string.h>

enum {
    SALT_MAX = 64, /* longest salt behind a digest; Dovecot writes 4 */
    SALT_NEW = 16,
    RAW_MAX = EVP_MAX_MD_SIZE + SALT_MAX,
    PBKDF2_KEY = 20, /* Dovecot's PBKDF2 is HMAC-SHA1 with a key of its length */
    PBKDF2_SALT_MAX = 64
};

static size_t digest_size(const struct pf_scheme *scheme)
{
    return (size_t)EVP_MD_get_size(scheme->digest());
}

/* A digest without salt is hexadecimal when it has that length; salted ones are base 64 unless the
 * scheme's name says otherwise. As Dovecot does it. */
static bool decode(const struct pf_stored *stored, unsigned char *out_raw, size_t *out_len)
{
    size_t len = strlen(stored->hash), size = digest_size(stored->scheme);
    bool hex = stored->encoding == PF_ENCODING_HEX ||
               (stored->encoding == PF_ENCODING_ANY && !stored->scheme->salted && len == 2 * size);
    const char *end = NULL;
    int result;

    if (hex)
        result = sodium_hex2bin(out_raw, RAW_MAX, stored->hash, len, NULL, out_len, &end);
    else
        result = sodium_base642bin(out_raw, RAW_MAX, stored->hash, len, NULL, out_len, &end,
                                   sodium_base64_VARIANT_ORIGINAL);
    if (result != 0 || *end)
        return false;
    return stored->scheme->salted ? *out_len >= size : *out_len == size;
}

const char *pf_digest_look(const struct pf_stored *stored)
{
    unsigned char raw[RAW_MAX];
    size_t len;

    return decode(stored, raw, &len) ? NULL : "this digest is damaged";
}

static bool digest(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_bytes salt,
                   unsigned char *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool made = context && EVP_DigestInit_ex(context, scheme->digest(), NULL) == 1 &&
                EVP_DigestUpdate(context, secret.at, secret.len) == 1 &&
                EVP_DigestUpdate(context, salt.at, salt.len) == 1 &&
                EVP_DigestFinal_ex(context, out, NULL) == 1;

    EVP_MD_CTX_free(context);
    return made;
}

enum pf_code pf_digest_check(const struct pf_stored *stored, struct pf_bytes secret)
{
    unsigned char raw[RAW_MAX], made[EVP_MAX_MD_SIZE];
    size_t len, size = digest_size(stored->scheme);
    bool equal;

    if (!decode(stored, raw, &len))
        return PF_CONFIG;
    if (!digest(stored->scheme, secret, pf_bytes_from(raw + size, len - size), made))
        return PF_TEMP;
    equal = pf_equal_secret(pf_bytes_from(raw, size), pf_bytes_from(made, size));
    pf_wipe(made, sizeof made);
    return equal ? PF_OK : PF_AUTH;
}

enum pf_code pf_digest_make(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_span *out)
{
    unsigned char raw[RAW_MAX];
    char text[sodium_base64_ENCODED_LEN(RAW_MAX, sodium_base64_VARIANT_ORIGINAL)];
    size_t size = digest_size(scheme), salt = scheme->salted ? SALT_NEW : 0;

    if (sodium_init() < 0)
        return PF_TEMP;
    randombytes_buf(raw + size, salt);
    if (!digest(scheme, secret, pf_bytes_from(raw + size, salt), raw))
        return PF_TEMP;
    sodium_bin2base64(text, sizeof text, raw, size + salt, sodium_base64_VARIANT_ORIGINAL);
    return pf_span_put(out, pf_bytes_from(text, strlen(text) + 1)) ? PF_OK : PF_CONFIG;
}

struct pbkdf2 {
    struct pf_bytes salt;
    uint64_t rounds;
    unsigned char key[PBKDF2_KEY];
};

/* "$1$salt$rounds$hex" */
static bool pbkdf2_parse(const char *hash, struct pbkdf2 *out)
{
    struct pf_bytes rest = pf_bytes_of(hash);
    size_t end, len;
    const char *behind;

    if (rest.len < 3 || memcmp(rest.at, "$1$", 3) != 0)
        return false;
    rest = pf_bytes_skip(rest, 3);
    end = pf_find(rest, '$');
    out->salt = pf_bytes_head(rest, end);
    rest = pf_bytes_skip(rest, end + 1);
    end = pf_find(rest, '$');
    if (!pf_parse_u64(pf_bytes_head(rest, end), &out->rounds) || out->salt.len > PBKDF2_SALT_MAX)
        return false;
    rest = pf_bytes_skip(rest, end + 1);
    return rest.len == 2 * PBKDF2_KEY &&
           sodium_hex2bin(out->key, sizeof out->key, (const char *)rest.at, rest.len, NULL, &len,
                          &behind) == 0 &&
           len == PBKDF2_KEY;
}

const char *pf_pbkdf2_look(const struct pf_stored *stored)
{
    struct pbkdf2 parts;

    if (!pbkdf2_parse(stored->hash, &parts))
        return "this PBKDF2 hash is damaged";
    return parts.rounds == 0 || parts.rounds > PF_COST_ROUNDS ? "PBKDF2 rounds are out of bounds" : NULL;
}

static bool pbkdf2(struct pf_bytes secret, struct pf_bytes salt, uint64_t rounds, unsigned char *key)
{
    return secret.len <= INT32_MAX &&
           PKCS5_PBKDF2_HMAC(secret.len ? (const char *)secret.at : "", (int)secret.len, salt.at,
                             (int)salt.len, (int)rounds, EVP_sha1(), PBKDF2_KEY, key) == 1;
}

enum pf_code pf_pbkdf2_check(const struct pf_stored *stored, struct pf_bytes secret)
{
    struct pbkdf2 parts;
    unsigned char key[PBKDF2_KEY];
    bool equal;

    if (!pbkdf2_parse(stored->hash, &parts))
        return PF_CONFIG;
    if (!pbkdf2(secret, parts.salt, parts.rounds, key))
        return PF_TEMP;
    equal = pf_equal_secret(pf_bytes_from(key, sizeof key), pf_bytes_from(parts.key, sizeof parts.key));
    pf_wipe(key, sizeof key);
    return equal ? PF_OK : PF_AUTH;
}

enum pf_code pf_pbkdf2_make(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_span *out)
{
    unsigned char random[SALT_NEW / 2], key[PBKDF2_KEY];
    char salt[SALT_NEW + 1], hex[2 * PBKDF2_KEY + 1];

    if (sodium_init() < 0)
        return PF_TEMP;
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(salt, sizeof salt, random, sizeof random);
    if (!pbkdf2(secret, pf_bytes_of(salt), scheme->cost, key))
        return PF_TEMP;
    sodium_bin2hex(hex, sizeof hex, key, sizeof key);
    return pf_span_format(out, "$1$%s$%lu$%s", salt, scheme->cost, hex) && pf_span_put(out, PF_LIT("\0"))
               ? PF_OK
               : PF_CONFIG;
}

bool pf_plain_decode(const struct pf_stored *stored, char *out_text, size_t cap)
{
    size_t len = strlen(stored->hash), raw = 0;
    const char *end = stored->hash + len;
    int result = 0;

    if (stored->encoding == PF_ENCODING_HEX)
        result = sodium_hex2bin((unsigned char *)out_text, cap, stored->hash, len, NULL, &raw, &end);
    else if (stored->encoding == PF_ENCODING_BASE64)
        result = sodium_base642bin((unsigned char *)out_text, cap, stored->hash, len, NULL, &raw, &end,
                                   sodium_base64_VARIANT_ORIGINAL);
    else if (len < cap)
        memcpy(out_text, stored->hash, raw = len);
    if (result != 0 || *end || raw == 0 || raw >= cap)
        return false;
    out_text[raw] = 0;
    return strlen(out_text) == raw;
}

const char *pf_plain_look(const struct pf_stored *stored)
{
    char text[PF_HASH_MAX + 1];
    bool whole = pf_plain_decode(stored, text, sizeof text);

    pf_wipe(text, sizeof text);
    return whole ? NULL : "an empty or damaged password";
}

enum pf_code pf_plain_check(const struct pf_stored *stored, struct pf_bytes secret)
{
    char text[PF_HASH_MAX + 1];
    bool equal = pf_plain_decode(stored, text, sizeof text) && pf_equal_secret(secret, pf_bytes_of(text));

    pf_wipe(text, sizeof text);
    return equal ? PF_OK : PF_AUTH;
}

enum pf_code pf_plain_make(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_span *out)
{
    (void)scheme;
    if (secret.len == 0 || pf_find(secret, 0) != secret.len)
        return PF_CONFIG;
    return pf_span_put(out, secret) && pf_span_put(out, PF_LIT("\0")) ? PF_OK : PF_CONFIG;
}

void pf_password_random(char *out_text, size_t len)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    for (size_t i = 0; i < len; i++)
        out_text[i] = letters[randombytes_uniform(sizeof letters - 1)];
    out_text[len] = 0;
}
