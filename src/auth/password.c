#include "auth/password.h"

#include "auth/password_scheme.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Costs of new hashes: about 16 ms for yescrypt (16 MiB), 60 ms for bcrypt, and near that for the
 * others, on a machine of 2020. */
#define CRYPT(name, prefix, cost, weak)                                                                 \
    {                                                                                                   \
        name, prefix, pf_crypt_look, pf_crypt_check, pf_crypt_make, NULL, cost, weak, true              \
    }
#define ARGON2(name, prefix)                                                                            \
    {                                                                                                   \
        name, prefix, pf_argon2_look, pf_argon2_check, pf_argon2_make, NULL, 0, false, true             \
    }
#define DIGEST(name, digest, weak, salted)                                                              \
    {                                                                                                   \
        name, NULL, pf_digest_look, pf_digest_check, pf_digest_make, digest, 0, weak, salted            \
    }
#define PLAIN(name)                                                                                     \
    {                                                                                                   \
        name, NULL, pf_plain_look, pf_plain_check, pf_plain_make, NULL, 0, true, false                  \
    }

#define SCRAM(name, digest)                                                                             \
    {                                                                                                   \
        name, NULL, pf_scram_look, pf_scram_check, pf_scram_make, digest, PF_SCRAM_ITERATIONS, false, true \
    }

static const struct pf_scheme schemes[] = {
    CRYPT("YESCRYPT", "$y$", 0, false),
    CRYPT("GOST-YESCRYPT", "$gy$", 0, false),
    CRYPT("BLF-CRYPT", "$2y$", 10, false),
    CRYPT("BCRYPT", "$2b$", 10, false),
    CRYPT("BLF-CRYPT", "$2a$", 10, false),
    CRYPT("SHA512-CRYPT", "$6$", 100000, false),
    CRYPT("SHA256-CRYPT", "$5$", 100000, false),
    CRYPT("CRYPT", "$6$", 100000, false),
    ARGON2("ARGON2ID", "$argon2id$"),
    ARGON2("ARGON2I", "$argon2i$"),
    {"PBKDF2", NULL, pf_pbkdf2_look, pf_pbkdf2_check, pf_pbkdf2_make, EVP_sha1, 100000, false, true},
    SCRAM("SCRAM-SHA-256", EVP_sha256),
    SCRAM("SCRAM-SHA-1", EVP_sha1),
    DIGEST("SSHA512", EVP_sha512, false, true),
    DIGEST("SSHA256", EVP_sha256, false, true),
    DIGEST("SSHA", EVP_sha1, false, true),
    DIGEST("SHA512", EVP_sha512, true, false),
    DIGEST("SHA256", EVP_sha256, true, false),
    DIGEST("SHA", EVP_sha1, true, false),
    DIGEST("SHA1", EVP_sha1, true, false),
    DIGEST("SMD5", EVP_md5, true, true),
    DIGEST("LDAP-MD5", EVP_md5, true, false),
    DIGEST("PLAIN-MD5", EVP_md5, true, false),
    PLAIN("PLAIN"),
    PLAIN("CLEARTEXT"),
    PLAIN("CLEAR"),
    {"MD5-CRYPT", "$1$", pf_crypt_look, pf_crypt_check, NULL, NULL, 0, true, true},
    {"MD5", "$1$", pf_crypt_look, pf_crypt_check, NULL, NULL, 0, true, true},
    {"DES-CRYPT", "", pf_crypt_look, pf_crypt_check, NULL, NULL, 0, true, true},
};

enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

static atomic_uint_fast64_t computed;

void pf_scheme_counts(void)
{
    atomic_fetch_add_explicit(&computed, 1, memory_order_relaxed);
}

uint64_t pf_password_computed(void)
{
    return atomic_load_explicit(&computed, memory_order_relaxed);
}

static const struct pf_scheme *by_name(struct pf_bytes name)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (pf_equal_nocase(name, pf_bytes_of(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

/* Traditional DES is thirteen of these and has no prefix. */
static bool looks_like_des(const char *hash)
{
    return strlen(hash) == 13 &&
           strspn(hash, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == 13;
}

static const struct pf_scheme *by_prefix(const char *hash)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (schemes[i].prefix && schemes[i].prefix[0] &&
            strncmp(hash, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    return looks_like_des(hash) ? by_name(PF_LIT("DES-CRYPT")) : NULL;
}

/* Dovecot's names may end in the encoding: {SSHA256.HEX}. */
static bool cut_encoding(struct pf_bytes *name, enum pf_encoding *out_encoding)
{
    size_t dot = pf_find(*name, '.');
    struct pf_bytes suffix = pf_bytes_skip(*name, dot + 1);

    if (dot == name->len)
        return true;
    name->len = dot;
    if (pf_equal_nocase(suffix, PF_LIT("hex")))
        *out_encoding = PF_ENCODING_HEX;
    else if (pf_equal_nocase(suffix, PF_LIT("b64")) || pf_equal_nocase(suffix, PF_LIT("base64")))
        *out_encoding = PF_ENCODING_BASE64;
    else
        return false;
    return true;
}

const char *pf_scheme_take_apart(const char *stored, struct pf_stored *out)
{
    const char *end = stored[0] == '{' ? strchr(stored, '}') : NULL;

    *out = (struct pf_stored){.hash = stored};
    if (strlen(stored) > PF_HASH_MAX)
        return "the password is longer than any hash";
    if (end) {
        struct pf_bytes name = pf_bytes_from(stored + 1, (size_t)(end - stored - 1));

        if (!cut_encoding(&name, &out->encoding))
            return "unknown encoding behind the scheme's name";
        out->scheme = by_name(name);
        out->hash = end + 1;
        if (!out->scheme)
            return "unknown password scheme";
        if (!out->scheme->prefix)
            return NULL;
    }
    out->scheme = by_prefix(out->hash);
    return out->scheme ? NULL : "this hash is of no kind that is known here";
}

static enum pf_code look(const char *stored, bool allow_weak, struct pf_stored *out, struct pf_err *err)
{
    const char *wrong = pf_scheme_take_apart(stored, out);

    if (!wrong)
        wrong = out->scheme->look(out);
    if (wrong)
        return pf_fail(err, PF_CONFIG, 0, "password", "%s", wrong);
    if (out->scheme->weak && !allow_weak)
        return pf_fail(err, PF_CONFIG, 0, "password",
                       "weak password scheme %s: make a new hash, or allow weak schemes",
                       out->scheme->name);
    return PF_OK;
}

enum pf_code pf_password_look(const char *stored, bool allow_weak, struct pf_err *err)
{
    struct pf_stored parts;

    return look(stored, allow_weak, &parts, err);
}

enum pf_code pf_password_check(struct pf_bytes secret, const char *stored, bool allow_weak,
                               struct pf_err *err)
{
    struct pf_stored parts;
    enum pf_code code = look(stored, allow_weak, &parts, err);

    if (code != PF_OK)
        return code;
    pf_scheme_counts();
    code = parts.scheme->check(&parts, secret);
    if (code == PF_OK && pf_find(secret, 0) != secret.len)
        code = PF_AUTH; /* HMAC pads keys with NULs: to PBKDF2 "a" and "a\0" are the same */
    if (code == PF_AUTH)
        return pf_fail(err, code, 0, "password", "wrong password");
    if (code != PF_OK)
        return pf_fail(err, code, 0, "password", "the hash (%s) could not be computed",
                       parts.scheme->name);
    return PF_OK;
}

enum pf_code pf_password_make(struct pf_bytes secret, const char *scheme, char *out_text, size_t cap,
                              struct pf_err *err)
{
    const struct pf_scheme *row = by_name(pf_bytes_of(scheme ? scheme : schemes[0].name));
    char text[PF_HASH_MAX + 1];
    struct pf_span out = {(unsigned char *)text, 0, sizeof text};
    enum pf_code code;

    if (!row || !row->make)
        return pf_fail(err, PF_CONFIG, 0, "password", "new passwords are not made with this scheme");
    if (!pf_span_format(&out, "{%s}", row->name))
        return pf_fail(err, PF_CONFIG, 0, "password", "no room");
    pf_scheme_counts();
    code = row->make(row, secret, &out);
    if (code == PF_OK && out.len > cap)
        code = PF_CONFIG;
    if (code == PF_OK)
        memcpy(out_text, text, out.len);
    else
        pf_fail(err, code, 0, "password", "a %s hash could not be made of this password", row->name);
    pf_wipe(text, sizeof text);
    return code;
}

bool pf_password_weak(const char *stored)
{
    struct pf_stored parts;

    return !pf_scheme_take_apart(stored, &parts) && parts.scheme->weak;
}

bool pf_password_scheme_weak(const char *scheme)
{
    const struct pf_scheme *row = by_name(pf_bytes_of(scheme));

    return row && row->weak;
}

const char *pf_password_scheme(size_t index)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (schemes[i].make && by_name(pf_bytes_of(schemes[i].name)) == &schemes[i] && index-- == 0)
            return schemes[i].name;
    return NULL;
}

/* Where in a crypt(5) text the salt begins, as far as a cost stands before it: "$y$j9T$salt$hash",
 * "$6$rounds=5000$…", "$2y$10$…", "$argon2id$v=19$m=65536,t=3,p=1$…". Zero for "$6$salt$hash" and
 * "$1$salt$hash", where the cost is left out. */
static size_t cost_length(const char *hash)
{
    static const struct {
        const char *begin;
        int dollars; /* from the first on, to the one before the salt */
    } table[] = {{"$y$", 3},        {"$gy$", 3},       {"$2", 3},
                 {"$5$rounds=", 3}, {"$6$rounds=", 3}, {"$argon2", 4}};

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *at = hash;

        if (strncmp(hash, table[i].begin, strlen(table[i].begin)) != 0)
            continue;
        for (int n = 1; at && n < table[i].dollars; n++)
            at = strchr(at + 1, '$');
        return at ? (size_t)(at - hash) : 0;
    }
    return 0;
}

void pf_password_class(const char *stored, char *out_text, size_t cap)
{
    struct pf_stored parts;
    const char *cost;
    size_t len;

    out_text[0] = 0;
    if (pf_scheme_take_apart(stored, &parts))
        return;
    cost = parts.hash;
    len = parts.scheme->prefix ? cost_length(cost) : 0;
    if (parts.scheme->check == pf_scram_check)
        len = strcspn(cost, ",");
    if (parts.scheme->check == pf_pbkdf2_check && strncmp(cost, "$1$", 3) == 0) {
        const char *rounds = strchr(cost + 3, '$'); /* behind the salt */

        cost = rounds ? rounds + 1 : "";
        len = strcspn(cost, "$");
    }
    snprintf(out_text, cap, "%s %.*s", parts.scheme->name, (int)len, cost);
}
