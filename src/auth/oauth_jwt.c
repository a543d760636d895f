#include "auth/oauth_jwt.h"

#include "base/text.h"

#include <stdlib.h>

enum { HEADER, CLAIMS, SIGNATURE, SEGMENTS };

struct token {
    struct pf_bytes whole, segments[SEGMENTS];
};

static enum pf_code refuse(struct pf_err *err, const char *why)
{
    return pf_fail(err, PF_AUTH, 0, "oauth", "the token %s", why);
}

static bool cut(struct pf_bytes whole, struct token *out)
{
    struct pf_bytes rest = whole;

    out->whole = whole;
    for (size_t i = 0; i < SEGMENTS; i++) {
        size_t dot = pf_find(rest, '.');

        out->segments[i] = pf_bytes_head(rest, dot);
        if ((dot == rest.len) != (i == SEGMENTS - 1))
            return false;
        rest = pf_bytes_skip(rest, dot + 1);
    }
    return whole.len <= PF_OAUTH_TOKEN_MAX;
}

static json_t *segment_json(struct pf_bytes segment)
{
    struct pf_span span = {malloc(pf_oauth_base64url_room(segment.len)), 0,
                           pf_oauth_base64url_room(segment.len)};
    json_t *object = NULL;

    if (span.at && pf_oauth_base64url(segment, &span))
        object = pf_oauth_json(pf_span_bytes(&span));
    if (span.at)
        pf_wipe(span.at, span.len);
    free(span.at);
    return object;
}

bool pf_oauth_is_jwt(struct pf_bytes bytes)
{
    struct token token;
    json_t *header = cut(bytes, &token) ? segment_json(token.segments[0]) : NULL;
    bool is = header != NULL;

    json_decref(header);
    return is;
}

/* RFC 8725 section 3.11: what was signed for another purpose is no access token. */
static bool kind_ok(const json_t *header)
{
    static const char *const kinds[] = {"JWT", "at+jwt", "application/jwt", "application/at+jwt"};
    struct pf_bytes kind;

    if (!json_object_get(header, "typ"))
        return true;
    if (!pf_oauth_json_text(header, "typ", &kind))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (pf_equal_nocase(kind, pf_bytes_of(kinds[i])))
            return true;
    return false;
}

static const struct pf_oauth_key *key_of(const json_t *header, const struct pf_oauth_keys *keys,
                                         bool *out_known, struct pf_err *err)
{
    struct pf_bytes algorithm, kid = {0};
    const struct pf_oauth_key *key = NULL;
    const char *wrong = NULL;

    *out_known = true;
    if (!pf_oauth_json_text(header, "alg", &algorithm))
        wrong = "names no algorithm";
    else if (json_object_get(header, "crit") ||
             json_object_get(header, "b64")) /* RFC 7515 section 4.1.11 */
        wrong = "demands an extension that is not supported";
    else if (!kind_ok(header))
        wrong = "was made for another purpose";
    else if (json_object_get(header, "kid") && !pf_oauth_json_text(header, "kid", &kid))
        wrong = "names its key in a way that cannot be";
    else
        key = pf_oauth_keys_choose(keys, (const char *)kid.at, (const char *)algorithm.at, out_known);
    if (!key && !wrong)
        wrong = *out_known ? "has another algorithm than its key"
                           : "is signed with a key that is not in the set";
    if (!key)
        refuse(err, wrong);
    return key;
}

/* cjose reads as many octets of a signature as the key's algorithm has, even where there are fewer. */
static bool signature_fits(struct pf_bytes segment, size_t octets)
{
    unsigned char room[PF_OAUTH_TOKEN_MAX / 32];
    struct pf_span span = {room, 0, sizeof room};

    return pf_oauth_base64url(segment, &span) && span.len == octets;
}

static bool verify(struct pf_bytes token, const struct pf_oauth_key *key)
{
    cjose_err why;
    cjose_jws_t *jws = cjose_jws_import((const char *)token.at, token.len, &why);
    bool holds = jws && cjose_jws_verify(jws, key->jwk, &why);

    if (jws)
        cjose_jws_release(jws);
    return holds;
}

/* The claims, or NULL. An issuer that does not name its keys changes them without a word. */
static json_t *claims_of(const struct token *token, const struct pf_oauth_key *key, bool named,
                         bool *out_stale, struct pf_err *err)
{
    json_t *claims = segment_json(token->segments[CLAIMS]);

    if (!claims) {
        refuse(err, "has claims that are no JSON object");
        return NULL;
    }
    if (signature_fits(token->segments[SIGNATURE], key->signature)) {
        if (verify(token->whole, key))
            return claims;
        *out_stale = !named;
    }
    json_decref(claims);
    refuse(err, "has a signature that does not hold");
    return NULL;
}

enum pf_code pf_oauth_jwt_open(struct pf_bytes bytes, const struct pf_oauth_keys *keys,
                               json_t **out_claims, bool *out_stale, struct pf_err *err)
{
    const struct pf_oauth_key *key;
    struct token token;
    json_t *header, *claims = NULL;
    bool known;

    *out_stale = false;
    header = cut(bytes, &token) ? segment_json(token.segments[HEADER]) : NULL;
    if (!header)
        return refuse(err, "is no signed JWT (RFC 7515 section 3.1)");
    key = key_of(header, keys, &known, err);
    *out_stale = !key && !known;
    if (key)
        claims = claims_of(&token, key, json_object_get(header, "kid") != NULL, out_stale, err);
    json_decref(header);
    if (claims)
        *out_claims = claims;
    return claims ? PF_OK : PF_AUTH;
}
