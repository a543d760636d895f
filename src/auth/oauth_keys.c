#include "auth/oauth_keys.h"

#include "auth/oauth_json.h"
#include "base/text.h"

#include <stdlib.h>

enum {
    MODULUS_MIN = 2048 / 8,
    MODULUS_MAX = 8192 / 8, /* a check takes time that grows with the square */
    EXPONENT_MAX = 4,       /* nearly all are 65537; a long one only costs time */
    MEMBER_MAX = 2048       /* base64url of the largest modulus is 1366 octets */
};

struct algorithm {
    const char *name, *type, *curve; /* curve: or NULL */
    size_t octets;                   /* of a signature; 0: those of the modulus */
    bool usual;                      /* meant by a key that names none */
};

static const struct algorithm algorithms[] = {
    {"RS256", "RSA", NULL, 0, true},     {"RS384", "RSA", NULL, 0, false},
    {"RS512", "RSA", NULL, 0, false},    {"PS256", "RSA", NULL, 0, false},
    {"PS384", "RSA", NULL, 0, false},    {"PS512", "RSA", NULL, 0, false},
    {"ES256", "EC", "P-256", 64, true},  {"ES384", "EC", "P-384", 96, true},
    {"ES512", "EC", "P-521", 132, true}, {"HS256", "oct", NULL, 32, false},
    {"HS384", "oct", NULL, 48, false},   {"HS512", "oct", NULL, 64, false},
};

static bool text_is(const json_t *jwk, const char *name, const char *wanted)
{
    struct pf_bytes value;

    return pf_oauth_json_text(jwk, name, &value) && pf_bytes_equal(value, pf_bytes_of(wanted));
}

static const struct algorithm *algorithm_of(const json_t *jwk)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const struct algorithm *row = &algorithms[i];

        if (text_is(jwk, "kty", row->type) && (!row->curve || text_is(jwk, "crv", row->curve)) &&
            (json_object_get(jwk, "alg") ? text_is(jwk, "alg", row->name) : row->usual))
            return row;
    }
    return NULL;
}

/* RFC 7517 sections 4.2, 4.3. */
static bool for_signatures(const json_t *jwk)
{
    const json_t *operations = json_object_get(jwk, "key_ops");
    bool verifies = !operations;

    if (json_object_get(jwk, "use") && !text_is(jwk, "use", "sig"))
        return false;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *word = json_string_value(json_array_get(operations, i));

        verifies |= word && strcmp(word, "verify") == 0;
    }
    return verifies;
}

/* How many octets a member has, leading zeros not counted where it is a number; 0: it is none. */
static size_t octets_of(const json_t *jwk, const char *name, bool number)
{
    unsigned char room[MEMBER_MAX];
    struct pf_span span = {room, 0, sizeof room};
    struct pf_bytes text;
    size_t zeros = 0, len;

    if (!pf_oauth_json_text(jwk, name, &text) || !pf_oauth_base64url(text, &span))
        return 0;
    len = span.len;
    while (number && zeros < len && room[zeros] == 0)
        zeros++;
    pf_wipe(room, sizeof room);
    return len - zeros;
}

/* The members of a key that a check needs; what they hold is in bounds. */
static size_t needed(const json_t *jwk, const struct algorithm *row, const char *out_names[3])
{
    if (strcmp(row->type, "RSA") == 0) {
        size_t modulus = octets_of(jwk, "n", true), exponent = octets_of(jwk, "e", true);

        out_names[1] = "n";
        out_names[2] = "e";
        return modulus >= MODULUS_MIN && modulus <= MODULUS_MAX && exponent && exponent <= EXPONENT_MAX
                   ? modulus
                   : 0;
    }
    if (strcmp(row->type, "EC") == 0) {
        out_names[0] = "crv";
        out_names[1] = "x";
        out_names[2] = "y";
        return octets_of(jwk, "x", false) == row->octets / 2 &&
                       octets_of(jwk, "y", false) == row->octets / 2
                   ? row->octets
                   : 0;
    }
    out_names[1] = "k";
    return octets_of(jwk, "k", false) >= row->octets ? row->octets : 0;
}

static cjose_jwk_t *import(const json_t *jwk, const char *const names[3])
{
    json_t *bare = json_object();
    cjose_jwk_t *made = NULL;
    cjose_err why;
    bool put = bare && json_object_set(bare, "kty", json_object_get(jwk, "kty")) == 0;

    for (size_t i = 0; i < 3; i++)
        put = put && (!names[i] || json_object_set(bare, names[i], json_object_get(jwk, names[i])) == 0);
    if (put)
        made = cjose_jwk_import_json((cjose_header_t *)bare, &why);
    json_decref(bare);
    return made;
}

/* True also for a key that is passed over; false without memory. */
static bool take(struct pf_oauth_keys *keys, const json_t *jwk, bool from_file)
{
    const struct algorithm *row = json_is_object(jwk) ? algorithm_of(jwk) : NULL;
    struct pf_oauth_key *key = &keys->of[keys->count];
    const char *names[3] = {NULL, NULL, NULL};
    struct pf_bytes kid;
    size_t octets;

    if (!row || !for_signatures(jwk) || (!from_file && strcmp(row->type, "oct") == 0))
        return true;
    if (json_object_get(jwk, "kid") && !pf_oauth_json_text(jwk, "kid", &kid))
        return true;
    octets = needed(jwk, row, names);
    if (!octets)
        return true;
    *key = (struct pf_oauth_key){.algorithm = row->name, .signature = octets, .jwk = import(jwk, names)};
    if (!key->jwk) /* a point that is not on its curve */
        return true;
    keys->count++;
    if (!json_object_get(jwk, "kid"))
        return true;
    key->kid = strdup((const char *)kid.at);
    return key->kid != NULL;
}

static struct pf_oauth_keys *take_all(const json_t *list, bool from_file, struct pf_err *err)
{
    struct pf_oauth_keys *keys = calloc(1, sizeof *keys);
    size_t count = json_array_size(list);
    bool room = keys != NULL;

    for (size_t i = 0; i < count && room && keys->count < PF_OAUTH_KEYS_MAX; i++)
        room = take(keys, json_array_get(list, i), from_file);
    if (room && keys->count)
        return keys;
    if (room)
        pf_fail(err, PF_CONFIG, 0, "oauth",
                "none of the %zu keys of the key set can be used to check tokens", count);
    else
        pf_fail(err, PF_NO_MEMORY, 0, "oauth", "no memory for a key set");
    pf_oauth_keys_free(keys);
    return NULL;
}

struct pf_oauth_keys *pf_oauth_keys_read(struct pf_bytes text, bool from_file, struct pf_err *err)
{
    json_t *set = pf_oauth_json(text);
    const json_t *list = json_object_get(set, "keys");
    struct pf_oauth_keys *keys = NULL;

    if (json_is_array(list))
        keys = take_all(list, from_file, err);
    else
        pf_fail(err, PF_CONFIG, 0, "oauth",
                "the key set is not JSON with a list `keys` (RFC 7517 section 5)");
    json_decref(set);
    return keys;
}

void pf_oauth_keys_free(struct pf_oauth_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++) {
        cjose_jwk_release(keys->of[i].jwk);
        free(keys->of[i].kid);
    }
    free(keys);
}

const struct pf_oauth_key *pf_oauth_keys_choose(const struct pf_oauth_keys *keys, const char *kid,
                                                const char *algorithm, bool *out_known)
{
    const struct pf_oauth_key *found = NULL;
    size_t fitting = 0;

    *out_known = false;
    for (size_t i = 0; i < keys->count; i++) {
        const struct pf_oauth_key *key = &keys->of[i];

        if (kid && (!key->kid || strcmp(key->kid, kid) != 0))
            continue;
        *out_known |= kid != NULL;
        if (strcmp(key->algorithm, algorithm) != 0)
            continue;
        fitting++;
        found = key;
    }
    return fitting == 1 ? found : NULL;
}
