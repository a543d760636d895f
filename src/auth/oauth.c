#include "auth/oauth.h"

#include "auth/oauth_ask.h"
#include "auth/oauth_claims.h"
#include "auth/oauth_jwt.h"
#include "auth/oauth_shelf.h"

#include <stdlib.h>

struct pf_oauth {
    const struct pf_conf_oauth *conf;
    struct pf_oauth_shelf *shelf; /* or NULL: no keys are set */
    struct pf_oauth_asker *asker; /* or NULL: nobody to ask */
};

static bool build(struct pf_oauth *oauth, struct pf_err *err)
{
    const struct pf_conf_oauth *conf = oauth->conf;

    if (!conf->keys && !conf->introspect)
        return pf_fail(err, PF_CONFIG, 0, "oauth", "neither keys nor introspect is set") == PF_OK;
    /* Else a token that the issuer made for any other service of his would do (RFC 8725
     * sections 3.8, 3.9). */
    if (conf->keys && !conf->issuer && !conf->audience)
        return pf_fail(err, PF_CONFIG, 0, "oauth", "with keys, issuer or audience must be set") == PF_OK;
    if (conf->keys)
        oauth->shelf = pf_oauth_shelf_new(conf, err);
    if (conf->introspect && (oauth->shelf || !conf->keys))
        oauth->asker = pf_oauth_asker_new(conf, err);
    return (oauth->shelf || !conf->keys) && (oauth->asker || !conf->introspect);
}

struct pf_oauth *pf_oauth_new(const struct pf_conf_oauth *conf, struct pf_err *err)
{
    struct pf_oauth *oauth = calloc(1, sizeof *oauth);

    if (!oauth) {
        pf_fail(err, PF_NO_MEMORY, 0, "oauth", "no memory for tokens");
        return NULL;
    }
    oauth->conf = conf;
    if (build(oauth, err))
        return oauth;
    pf_oauth_free(oauth);
    return NULL;
}

void pf_oauth_free(struct pf_oauth *oauth)
{
    if (!oauth)
        return;
    pf_oauth_shelf_free(oauth->shelf);
    pf_oauth_asker_free(oauth->asker);
    free(oauth);
}

/* With the set of the moment, and once more when there is a newer one. */
static enum pf_code open_jwt(struct pf_oauth *oauth, struct pf_bytes token, int64_t now,
                             json_t **out_claims, struct pf_err *err)
{
    enum pf_code code = PF_AUTH;
    struct pf_err why = {0}; /* of the last try */
    bool more = true;

    for (int i = 0; i < 2 && more; i++) {
        const struct pf_oauth_keys *keys = pf_oauth_shelf_hold(oauth->shelf, now, &why);
        uint64_t number;

        if (!keys) {
            code = PF_TEMP;
            break;
        }
        number = keys->number;
        code = pf_oauth_jwt_open(token, keys, out_claims, &more, &why);
        pf_oauth_shelf_drop(oauth->shelf, keys);
        if (more && i == 0) {
            enum pf_code again = pf_oauth_shelf_again(oauth->shelf, number, now, &why);

            more = again == PF_OK;
            code = again == PF_TEMP ? PF_TEMP : code;
        }
    }
    if (code != PF_OK && err)
        *err = why;
    return code;
}

enum pf_code pf_oauth_check(struct pf_oauth *oauth, struct pf_bytes token, int64_t now,
                            struct pf_oauth_grant *out_grant, struct pf_err *err)
{
    json_t *claims = NULL;
    enum pf_code code;

    if (!token.len || token.len > PF_OAUTH_TOKEN_MAX)
        return pf_fail(err, PF_AUTH, 0, "oauth", "the token has %zu octets", token.len);
    if (!oauth->shelf || (oauth->asker && !pf_oauth_is_jwt(token)))
        return pf_oauth_ask(oauth->asker, token, now, out_grant, err);
    code = open_jwt(oauth, token, now, &claims, err);
    if (code == PF_OK)
        code = pf_oauth_claims_check(claims, oauth->conf, false, now, out_grant, err);
    json_decref(claims);
    return code;
}
