#include "auth/oauth_claims.h"

#include "auth/exchange.h"
#include "auth/oauth_json.h"
#include "base/text.h"

static const int64_t latest = (int64_t)1 << 52; /* a double is exact up to there */

/* A date (RFC 7519 section 2): a number, perhaps with a fraction, which is dropped. */
static bool date_of(const json_t *claims, const char *name, int64_t *out_date)
{
    const json_t *value = json_object_get(claims, name);
    double number = json_number_value(value);

    if (!json_is_number(value) || !(number >= 0 && number <= (double)latest))
        return false;
    *out_date = (int64_t)number;
    return true;
}

static const char *wrong_dates(const json_t *claims, bool asked, int64_t now, int64_t *out_expires)
{
    static const char *const begins[] = {"nbf", "iat"};
    int64_t date;

    *out_expires = 0;
    if (json_object_get(claims, "exp") ? !date_of(claims, "exp", out_expires) : !asked)
        return "has no expiry";
    if (json_object_get(claims, "exp") && *out_expires <= now)
        return "is expired";
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (!json_object_get(claims, begins[i]))
            continue;
        if (!date_of(claims, begins[i], &date))
            return "begins at a time that is none";
        if (date - PF_OAUTH_GRACE > now)
            return "is not valid yet";
    }
    return NULL;
}

/* A string with words, or a list of such. */
static bool holds_word(struct pf_bytes words, struct pf_bytes word)
{
    while (words.len) {
        size_t end = pf_find(words, ' ');

        if (pf_bytes_equal(pf_bytes_head(words, end), word))
            return true;
        words = pf_bytes_skip(words, end + 1);
    }
    return false;
}

static bool list_holds(const json_t *list, struct pf_bytes word)
{
    bool found = false;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);

        if (!json_is_string(item))
            return false;
        found |= pf_bytes_equal(pf_bytes_from(json_string_value(item), json_string_length(item)), word);
    }
    return found;
}

static bool for_audience(const json_t *claims, const char *audience)
{
    struct pf_bytes one;

    return pf_oauth_json_text(claims, "aud", &one)
               ? pf_bytes_equal(one, pf_bytes_of(audience))
               : list_holds(json_object_get(claims, "aud"), pf_bytes_of(audience));
}

/* `scope` is RFC 8693's (section 4.2); `scp` is what Microsoft and Okta say instead, a string or a list.
 */
static bool has_scope(const json_t *claims, const char *scope)
{
    static const char *const names[] = {"scope", "scp"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pf_bytes words;

        if (pf_oauth_json_text(claims, names[i], &words)
                ? holds_word(words, pf_bytes_of(scope))
                : list_holds(json_object_get(claims, names[i]), pf_bytes_of(scope)))
            return true;
    }
    return false;
}

static const char *wrong_party(const json_t *claims, const struct pf_conf_oauth *conf)
{
    struct pf_bytes issuer;

    if (conf->issuer && (!pf_oauth_json_text(claims, "iss", &issuer) ||
                         !pf_bytes_equal(issuer, pf_bytes_of(conf->issuer))))
        return "is another issuer's";
    if (conf->audience && !for_audience(claims, conf->audience))
        return "is for another audience";
    if (conf->scope && !has_scope(claims, conf->scope))
        return "lacks the scope";
    /* RFC 7800 section 3.1: only who proves to have that key may use it, and POP3 has no way to. */
    if (json_object_get(claims, "cnf"))
        return "is bound to a key of its client";
    return NULL;
}

/* OpenID Connect Core section 5.1; some say it as a string. An address that anybody may have typed is
 * nobody's. */
static bool address_doubtful(const json_t *claims)
{
    const json_t *verified = json_object_get(claims, "email_verified");
    const char *word = json_string_value(verified);

    return verified && !json_is_true(verified) && !(word && strcmp(word, "true") == 0);
}

static const char *wrong_name(const json_t *claims, const char *claim, bool asked,
                              char out_name[PF_AUTH_NAME_MAX + 1])
{
    const char *from = asked && !json_object_get(claims, claim) ? "username" : claim;
    char prepared[PF_AUTH_NAME_MAX + 1];
    struct pf_bytes name;

    if (!pf_oauth_json_text(claims, from, &name))
        return "names no user";
    if (!name.len || name.len > PF_AUTH_NAME_MAX || pf_find(name, 0) < name.len ||
        !pf_saslprep(name, prepared, sizeof prepared) || !prepared[0])
        return "names a user in a way that cannot be";
    if (strcmp(from, "email") == 0 && address_doubtful(claims))
        return "has an address that is not verified";
    memcpy(out_name, name.at, name.len);
    out_name[name.len] = 0;
    return NULL;
}

enum pf_code pf_oauth_claims_check(const json_t *claims, const struct pf_conf_oauth *conf, bool asked,
                                   int64_t now, struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    struct pf_oauth_grant grant = {0};
    const char *wrong = wrong_dates(claims, asked, now, &grant.expires);

    if (!wrong)
        wrong = wrong_party(claims, conf);
    if (!wrong)
        wrong = wrong_name(claims, conf->name_claim ? conf->name_claim : "email", asked, grant.name);
    if (wrong)
        return pf_fail(err, PF_AUTH, 0, "oauth", "the token %s", wrong);
    *out_grant = grant;
    return PF_OK;
}
