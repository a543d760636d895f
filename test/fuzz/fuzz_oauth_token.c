/* Tokens, claims and key sets by strangers. The first octet says which:
 *   t  a token: of all there are, three are signed by these keys, and nothing else is ever taken;
 *   c  the claims of a token whose signature held: who is let in is who they name, in time, for us;
 *   k  a key set from a URL: what is kept is no secret, and of a size;
 *   b  base64url: what decodes has this spelling and no other. */
#include "auth/oauth_claims.h"
#include "auth/oauth_jwt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1800000000

static const char set[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"oXw3kmnN_-ByODQ5nj2IIfsxdOnjK8kF-V5lwsX"
    "-g3tonf-OW53wsvldHiTBNbcZ7jfFnyxehNOfri8p9Dj6wBhRHy_VGF2N7hrhAKlINOgMc4ywhiJ"
    "BF2Uc69IYzh-6hW0-EQQ_8K2bCogwXPmqqGrZAXy3za-x59OYJBF_q_NuaRkKrgO5Va5xZVyHulD"
    "_Xk6fHy3E2mJEXgvDs-R2o0M4qfxmyBMBI9p6K2x8YsIZzhnsx1uUBKHNxe2wJuHy4IVNs7JOjbX"
    "KYfU2es3lYl8ST8aAGKdF7IbrJloq8hOThNVNw9LKSsZz8uvn-QA-gCnwNOGZCjahQXOh0_V7Ww\""
    ",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"x\":\"Zjtk7SOXn6Xd9BjkHoE4S1"
    "TxAVPa_oEUrp2DfHtttyg\",\"y\":\"R5PUIPuN-UlGx7PUN6fdPt9NIywAEL8HEhJFlbqYKYg\"},{\""
    "kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"dGhpcnR5LXR3byBvY3RldHMgYW5kIHNvbWUg"
    "bW9yZS4\"}]}";

/* Their private keys are gone. */
static const char *const signed_ones[] = {
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2kiLCJhdWQiOiJwb3AiL"
    "CJleHAiOjkwMDAwMDAwMDAsImVtYWlsIjoiYUBiIiwic2NvcGUiOiJtYWlsIn0.gmh1dyRzoXuhm"
    "_DAlUSLqIbP86ePD5GNfTFZ_kJE3NSmuDDAn6RFlsIukW1NHyddSJLnpwmTyA8W465mJhXFe5Dl-"
    "Iw-D_hR8oDfhuznGrpXVfpNEgiHwCxZRiPMZi462JRI2onxoR9WPffYGPRNYEJNCT3GjM0ACJj0p"
    "9kC5VURO-l3RDcu5kSQ6-5ReyxKWTHXOPCFSG1AH_0Vv9gAFZ3L9AtojoxUg-WS5QyBL6SDHzfBK"
    "-sSYHr5CfzDSqz7jqcH_VcQ3Kkr6SZdiy-HSQsgYisNctalXlso1p7k49UAtn5qfZNktLj6traQL"
    "Mo0KX_FnXm1ExiTSCop-IeJ8Q",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kiLCJhdWQiOiJwb3AiLCJleHAiOjkwMDA"
    "wMDAwMDAsImVtYWlsIjoiYUBiIiwic2NvcGUiOiJtYWlsIn0.fB2ixHgR_hDRo5R-BBpF7W9Sg8R"
    "ki9e84LGb_Af-eigcwYqgDzFTZgXrOHU3HISw_x5FHgqhMW4cjttGADgnFw",
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImgiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2kiL"
    "CJhdWQiOiJwb3AiLCJleHAiOjkwMDAwMDAwMDAsImVtYWlsIjoiYUBiIiwic2NvcGUiOiJtYWlsI"
    "n0.36Ton3mM_K-lxEgByTuxv1_mVBTd7Q7epE7Vlk5Kc_Y",
};

static const struct pf_conf_oauth conf = {
    .issuer = "https://i", .audience = "pop", .scope = "mail", .name_claim = "email"};

static void must(bool truth)
{
    if (!truth)
        abort();
}

static enum pf_code check(struct pf_bytes token, const struct pf_oauth_keys *keys,
                          struct pf_oauth_grant *out, struct pf_err *err)
{
    json_t *claims = NULL;
    bool stale = false;
    enum pf_code code = pf_oauth_jwt_open(token, keys, &claims, &stale, err);

    must((code == PF_OK) == (claims != NULL) && !(stale && code == PF_OK));
    if (code == PF_OK)
        code = pf_oauth_claims_check(claims, &conf, false, NOW, out, err);
    json_decref(claims);
    return code;
}

static void token(struct pf_bytes in)
{
    static struct pf_oauth_keys *keys;
    struct pf_oauth_grant grant = {0};
    struct pf_err err = {0};
    bool known = false;
    enum pf_code code;

    if (!keys)
        keys = pf_oauth_keys_read(pf_bytes_of(set), true, NULL);
    must(keys && keys->count == 3);
    for (size_t i = 0; i < sizeof signed_ones / sizeof signed_ones[0]; i++)
        known |= pf_bytes_equal(in, pf_bytes_of(signed_ones[i]));
    code = check(in, keys, &grant, &err);
    must(code == (known ? PF_OK : PF_AUTH));
    must(err.code == code && (code == PF_OK || (err.log[0] && !grant.name[0])));
    must(!known || strcmp(grant.name, "a@b") == 0);
    must(!known || pf_oauth_is_jwt(in));
}

static void claims(struct pf_bytes in)
{
    json_t *object = pf_oauth_json(in), *once = json_loadb((const char *)in.at, in.len, 0, NULL);
    struct pf_oauth_grant grant = {0};
    struct pf_err err = {0};

    if (object) {
        enum pf_code code = pf_oauth_claims_check(object, &conf, false, NOW, &grant, &err);

        must(code == PF_OK || code == PF_AUTH);
        must(err.code == code && (code == PF_OK) == (grant.name[0] != 0));
        must(json_equal(object, once));
        if (code == PF_OK) {
            must(json_number_value(json_object_get(once, "exp")) > NOW && grant.expires > NOW);
            must(strcmp(json_string_value(json_object_get(once, "iss")), conf.issuer) == 0);
            must(strcmp(json_string_value(json_object_get(once, "email")), grant.name) == 0);
            must(json_object_get(once, "aud") && !json_object_get(once, "cnf"));
            must(!json_is_false(json_object_get(once, "email_verified")));
        }
    }
    json_decref(object);
    json_decref(once);
}

static void keys_of(struct pf_bytes in)
{
    struct pf_err err = {0};
    struct pf_oauth_keys *keys = pf_oauth_keys_read(in, false, &err);

    must(keys ? keys->count > 0 && keys->count <= PF_OAUTH_KEYS_MAX : err.code == PF_CONFIG);
    for (size_t i = 0; keys && i < keys->count; i++) {
        must(keys->of[i].algorithm[0] != 'H');
        must(keys->of[i].signature >= 64 && keys->of[i].signature <= 1024);
    }
    pf_oauth_keys_free(keys);
}

static void base64url(struct pf_bytes in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct pf_span span = {malloc(pf_oauth_base64url_room(in.len)), 0, pf_oauth_base64url_room(in.len)};

    must(span.at != NULL);
    if (pf_oauth_base64url(in, &span)) {
        must(span.len == in.len * 3 / 4);
        for (size_t i = 0; i < in.len; i++) { /* each digit anew from the octets that it was read into */
            size_t bit = i * 6;
            unsigned pair =
                (unsigned)(span.at[bit / 8] << 8) | (bit / 8 + 1 < span.len ? span.at[bit / 8 + 1] : 0);

            must(digits[pair >> (10 - bit % 8) & 63] == (char)in.at[i]);
        }
    }
    free(span.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes in = pf_bytes_skip(pf_bytes_from(data, size), 1);

    if (size && data[0] == 't')
        token(in);
    if (size && data[0] == 'c')
        claims(in);
    if (size && data[0] == 'k')
        keys_of(in);
    if (size && data[0] == 'b')
        base64url(in);
    return 0;
}
