/* An issuer for tests: keys, and tokens signed with OpenSSL itself, whatever their header says. */
#ifndef POSTFACH_TEST_OAUTH_BENCH_H
#define POSTFACH_TEST_OAUTH_BENCH_H

#include "unit/cm.h"

#include "auth/oauth.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <unistd.h>

enum { BENCH_TOKEN = 70000, BENCH_TEXT = 4096 };

#define BENCH_NOW    1800000000
#define BENCH_ISSUER "https://login.example.org"
#define BENCH_SECRET "a secret of at least thirty-two octets"
#define BENCH_CLAIMS                                                                                    \
    "{\"iss\":\"" BENCH_ISSUER "\",\"aud\":\"pop\",\"exp\":1800000600,\"email\":\"alice@example.org\"," \
    "\"scope\":\"openid mail\"}"

static EVP_PKEY *bench_rsa, *bench_other, *bench_ec; /* bench_other is not in the set */
static char bench_folder[64], bench_keys[96];

static inline char *bench_room(size_t len)
{
    char *room = calloc(1, len);

    if (!room)
        abort();
    return room;
}

static inline void bench_base64url(const void *at, size_t len, char *out)
{
    unsigned char room[BENCH_TOKEN];
    int got = EVP_EncodeBlock(room, at, (int)len), n = 0;

    for (int i = 0; i < got && room[i] != '='; i++)
        out[n++] = (char)(room[i] == '+' ? '-' : room[i] == '/' ? '_' : room[i]);
    out[n] = 0;
}

static inline void bench_number(EVP_PKEY *key, const char *name, int width, char *out)
{
    unsigned char room[1024];
    BIGNUM *number = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    width = width ? width : BN_num_bytes(number);
    assert_int_equal(BN_bn2binpad(number, room, width), width);
    bench_base64url(room, (size_t)width, out);
    BN_free(number);
}

/* `more` is put into the key: ",\"alg\":\"PS256\"". */
static inline char *bench_jwk(EVP_PKEY *key, const char *kid, const char *more)
{
    char a[BENCH_TEXT], b[BENCH_TEXT], name[80] = "", *out = bench_room(BENCH_TEXT * 3);

    if (kid)
        snprintf(name, sizeof name, ",\"kid\":\"%s\"", kid);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        bench_number(key, OSSL_PKEY_PARAM_RSA_N, 0, a);
        bench_number(key, OSSL_PKEY_PARAM_RSA_E, 0, b);
        snprintf(out, BENCH_TEXT * 3, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s%s}", a, b, name,
                 more);
    } else {
        bench_number(key, OSSL_PKEY_PARAM_EC_PUB_X, 32, a);
        bench_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32, b);
        snprintf(out, BENCH_TEXT * 3, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s%s}",
                 a, b, name, more);
    }
    return out;
}

/* The set that most tests use: RSA "r", EC "e", a secret "h" with alg HS256. */
static inline char *bench_set(void)
{
    char *rsa = bench_jwk(bench_rsa, "r", ""), *ec = bench_jwk(bench_ec, "e", ",\"use\":\"sig\"");
    char secret[100], *out = bench_room(BENCH_TEXT * 4);

    bench_base64url(BENCH_SECRET, strlen(BENCH_SECRET), secret);
    snprintf(out, BENCH_TEXT * 4,
             "{\"keys\":[%s,%s,{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"%s\"}]}", rsa,
             ec, secret);
    free(rsa);
    free(ec);
    return out;
}

/* As an editor does: another file under the same name. */
static inline void bench_write(const char *path, const char *text)
{
    char beside[200];
    FILE *file;

    snprintf(beside, sizeof beside, "%s.new", path);
    file = fopen(beside, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, path), 0);
}

static inline int bench_begin(void **state)
{
    char *set;

    (void)state;
    bench_rsa = EVP_RSA_gen(2048);
    bench_other = EVP_RSA_gen(2048);
    bench_ec = EVP_EC_gen("P-256");
    snprintf(bench_folder, sizeof bench_folder, "%s/pf-oauth.XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(bench_folder))
        return -1;
    snprintf(bench_keys, sizeof bench_keys, "%s/keys.json", bench_folder);
    set = bench_set();
    bench_write(bench_keys, set);
    free(set);
    return 0;
}

static inline int bench_end(void **state)
{
    (void)state;
    EVP_PKEY_free(bench_rsa);
    EVP_PKEY_free(bench_other);
    EVP_PKEY_free(bench_ec);
    unlink(bench_keys);
    return rmdir(bench_folder);
}

/* An ECDSA signature as JOSE has it (RFC 7518 section 3.4), from OpenSSL's DER. */
static inline size_t bench_flat(unsigned char *signature, size_t len)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);

    BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32);
    ECDSA_SIG_free(pair);
    return 64;
}

/* key NULL: HMAC with `secret`. */
static inline size_t bench_signature(EVP_PKEY *key, struct pf_bytes secret, bool pss, const char *text,
                                     unsigned char *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    unsigned hmac_len = 0;
    size_t len = 512;

    if (!key) {
        EVP_MD_CTX_free(context);
        HMAC(EVP_sha256(), secret.at, (int)secret.len, (const unsigned char *)text, strlen(text), out,
             &hmac_len);
        return hmac_len;
    }
    assert_int_equal(EVP_DigestSignInit(context, &inner, EVP_sha256(), NULL, key), 1);
    if (pss) {
        EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST);
    }
    assert_int_equal(EVP_DigestSign(context, out, &len, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? bench_flat(out, len) : len;
}

static inline char *bench_sign(EVP_PKEY *key, struct pf_bytes secret, const char *header,
                               const char *claims)
{
    char *out = bench_room(BENCH_TOKEN);
    unsigned char signature[512];
    size_t len;

    bench_base64url(header, strlen(header), out);
    strncat(out, ".", 2);
    bench_base64url(claims, strlen(claims), out + strlen(out));
    len = bench_signature(key, secret, strstr(header, "\"PS") != NULL, out, signature);
    strncat(out, ".", 2);
    bench_base64url(signature, len, out + strlen(out));
    return out;
}

static inline char *bench_token(const char *claims)
{
    return bench_sign(bench_rsa, PF_LIT(""), "{\"alg\":\"RS256\",\"kid\":\"r\"}", claims);
}

static inline struct pf_conf_oauth bench_conf(void)
{
    return (struct pf_conf_oauth){.issuer = BENCH_ISSUER,
                                  .audience = "pop",
                                  .scope = "mail",
                                  .keys = bench_keys,
                                  .name_claim = "email",
                                  .timeout = 5000,
                                  .refresh = 3600};
}

/* What a check says of it, and that no part of the token stands in the error. Frees the token. */
static inline enum pf_code bench_check(struct pf_oauth *oauth, char *token, int64_t now, char *out_name)
{
    struct pf_oauth_grant grant = {0};
    struct pf_err err = {0};
    enum pf_code code = pf_oauth_check(oauth, pf_bytes_of(token), now, &grant, &err);

    assert_int_equal(err.code, code);
    if (code != PF_OK)
        assert_true(err.log[0] != 0 && grant.name[0] == 0);
    for (size_t at = 0; code != PF_OK && at + 8 < strlen(token); at += 8) {
        char piece[9] = "";

        memcpy(piece, token + at, 8);
        assert_null(strstr(err.log, piece));
        assert_null(strstr(err.say, piece));
    }
    if (out_name)
        snprintf(out_name, PF_AUTH_NAME_MAX + 1, "%s", grant.name);
    free(token);
    return code;
}

#endif
