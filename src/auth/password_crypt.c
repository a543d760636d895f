/* crypt(5) texts through libxcrypt, Argon2 through libsodium. Both are thread-safe as used here. */
#include "auth/password_scheme.h"

#include "base/text.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

enum {
    BCRYPT_COST_MAX = 16, /* 2^16 rounds: some four seconds */
    YESCRYPT_N_MAX = 18   /* 2^18 blocks */
};

/* The value of one digit of crypt(5)'s own base 64, or 64. */
static unsigned digit64(char c)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (unsigned)(at - digits) : 64;
}

/* "$y$jNr$": libxcrypt's gensalt writes one digit each for log2(N) - 1 and r - 1; digits from 48 up
 * begin longer numbers, which only costs out of our bounds need. */
static const char *look_yescrypt(const char *params)
{
    unsigned n, r;

    if (params[0] != 'j' || (n = digit64(params[1])) >= 48 || (r = digit64(params[2])) >= 48 ||
        params[3] != '$')
        return "yescrypt with parameters that are not known here";
    if (n + 1 > YESCRYPT_N_MAX || ((size_t)128 << (n + 1)) * (r + 1) > PF_COST_MEMORY)
        return "this yescrypt hash takes too much memory";
    return NULL;
}

static const char *look_bcrypt(const char *params)
{
    if (!pf_is_digit((unsigned char)params[0]) || !pf_is_digit((unsigned char)params[1]) ||
        params[2] != '$')
        return "bcrypt without a cost of two digits";
    if ((params[0] - '0') * 10 + (params[1] - '0') > BCRYPT_COST_MAX)
        return "the cost of this bcrypt hash is too high";
    return NULL;
}

static const char *look_sha(const char *params)
{
    uint64_t rounds;

    if (strncmp(params, "rounds=", 7) != 0)
        return NULL;
    params += 7;
    if (!pf_parse_u64(pf_bytes_from(params, strcspn(params, "$")), &rounds))
        return "SHA-crypt with a number of rounds that cannot be read";
    return rounds > PF_COST_ROUNDS ? "this SHA-crypt hash has too many rounds" : NULL;
}

const char *pf_crypt_look(const struct pf_stored *stored)
{
    const char *hash = stored->hash, *params = hash + strlen(stored->scheme->prefix);
    const char *wrong = NULL;
    size_t len = strlen(hash);

    if (len >= CRYPT_OUTPUT_SIZE)
        return "this is too long for a crypt hash";
    if (strspn(hash, "$") == 0 && stored->scheme->prefix[0])
        return "this is no crypt hash";
    if (strncmp(hash, "$y$", 3) == 0 || strncmp(hash, "$gy$", 4) == 0)
        wrong = look_yescrypt(params);
    else if (strncmp(hash, "$2", 2) == 0)
        wrong = look_bcrypt(params);
    else if (strncmp(hash, "$5$", 3) == 0 || strncmp(hash, "$6$", 3) == 0)
        wrong = look_sha(params);
    if (wrong)
        return wrong;
    if (stored->scheme->prefix[0] && len < strlen(stored->scheme->prefix) + 22)
        return "this crypt hash is cut short";
    return NULL;
}

/* crypt(3) takes a C string of at most CRYPT_MAX_PASSPHRASE_SIZE octets: what does not fit is wrong,
 * after a hash of the part that fits, so that it takes as long as any wrong password. */
static bool as_phrase(struct pf_bytes secret, char *out_phrase)
{
    size_t len = secret.len < CRYPT_MAX_PASSPHRASE_SIZE ? secret.len : CRYPT_MAX_PASSPHRASE_SIZE - 1;

    if (len)
        memcpy(out_phrase, secret.at, len);
    out_phrase[len] = 0;
    return len == secret.len && strlen(out_phrase) == len;
}

enum pf_code pf_crypt_check(const struct pf_stored *stored, struct pf_bytes secret)
{
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE + 1];
    struct crypt_data data = {0};
    bool fits = as_phrase(secret, phrase), equal;
    const char *hash;

    errno = 0;
    hash = crypt_rn(phrase, stored->hash, &data, sizeof data);
    equal = hash && hash[0] != '*' && pf_equal_secret(pf_bytes_of(hash), pf_bytes_of(stored->hash));
    pf_wipe(phrase, sizeof phrase);
    pf_wipe(&data, sizeof data);
    if (!hash && errno == ENOMEM)
        return PF_TEMP;
    return equal && fits ? PF_OK : PF_AUTH;
}

enum pf_code pf_crypt_make(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_span *out)
{
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE + 1], salt[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data data = {0};
    const char *hash = NULL;
    bool put;

    if (as_phrase(secret, phrase) &&
        crypt_gensalt_rn(scheme->prefix, scheme->cost, NULL, 0, salt, sizeof salt))
        hash = crypt_rn(phrase, salt, &data, sizeof data);
    put = hash && hash[0] != '*' && pf_span_put(out, pf_bytes_from(hash, strlen(hash) + 1));
    pf_wipe(phrase, sizeof phrase);
    pf_wipe(&data, sizeof data);
    return put ? PF_OK : PF_CONFIG;
}

/* The number behind `key` in the parameters "m=65536,t=3,p=1"; 0 when there is none. */
static uint64_t argon2_number(const char *params, const char *key)
{
    const char *at = strstr(params, key);
    uint64_t number;

    if (!at)
        return 0;
    at += strlen(key);
    return pf_parse_u64(pf_bytes_from(at, strspn(at, "0123456789")), &number) ? number : 0;
}

const char *pf_argon2_look(const struct pf_stored *stored)
{
    const char *params = stored->hash + strlen(stored->scheme->prefix);
    uint64_t memory, passes, lanes;

    if (strncmp(params, "v=19$m=", 7) != 0)
        return "only Argon2 of version 19 is known here";
    if (strlen(stored->hash) >= 256)
        return "this is too long for an Argon2 hash";
    memory = argon2_number(params, "$m=");
    passes = argon2_number(params, ",t=");
    lanes = argon2_number(params, ",p=");
    if (!memory || !passes || !lanes)
        return "Argon2 without m, t and p";
    if (memory > PF_COST_MEMORY / 1024 || passes > 4096 || lanes > 64 ||
        memory * passes > (uint64_t)8 * PF_COST_MEMORY / 1024)
        return "this Argon2 hash costs too much memory or time";
    return NULL;
}

enum pf_code pf_argon2_check(const struct pf_stored *stored, struct pf_bytes secret)
{
    int result;

    if (sodium_init() < 0)
        return PF_TEMP;
    errno = 0;
    result = crypto_pwhash_str_verify(
        stored->hash, (const char *)(secret.len ? secret.at : (const unsigned char *)""), secret.len);
    if (result == 0)
        return PF_OK;
    return errno == ENOMEM ? PF_TEMP : PF_AUTH;
}

enum pf_code pf_argon2_make(const struct pf_scheme *scheme, struct pf_bytes secret, struct pf_span *out)
{
    char hash[crypto_pwhash_STRBYTES];
    bool id = strcmp(scheme->name, "ARGON2ID") == 0;

    if (sodium_init() < 0)
        return PF_TEMP;
    if (crypto_pwhash_str_alg(hash, (const char *)secret.at, secret.len,
                              id ? crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE
                                 : crypto_pwhash_argon2i_OPSLIMIT_INTERACTIVE,
                              id ? crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE
                                 : crypto_pwhash_argon2i_MEMLIMIT_INTERACTIVE,
                              id ? crypto_pwhash_ALG_ARGON2ID13 : crypto_pwhash_ALG_ARGON2I13) != 0)
        return PF_TEMP;
    return pf_span_put(out, pf_bytes_from(hash, strlen(hash) + 1)) ? PF_OK : PF_CONFIG;
}
