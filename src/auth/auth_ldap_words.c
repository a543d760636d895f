#include "auth/auth_ldap.h"

#include "auth/auth_entry.h"
#include "auth/auth_sql_query.h"

#include <arpa/inet.h>
#include <stdio.h>

#define KIND "ldap"

static const char *const usual_filter = "(&(objectClass=posixAccount)(uid=%u))";

static enum pf_code wrong(struct pf_err *err, const char *what, const char *word)
{
    return pf_fail(err, PF_CONFIG, 0, KIND, "userdb ldap: %s: `%.100s`", what, word);
}

static const char *attribute_of(const struct pf_ldap_words *words, const char *field)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->of[i].field, field) == 0)
            return words->of[i].attribute;
    return NULL;
}

static enum pf_code add(struct pf_ldap_words *words, const char *attribute, const char *field, struct pf_err *err)
{
    if (!pf_auth_entry_knows(pf_bytes_of(field)))
        return wrong(err, "attributes: this means nothing here", field);
    if (attribute_of(words, field))
        return wrong(err, "attributes: this is told by two attributes", field);
    if (words->count == PF_LDAP_WORDS)
        return wrong(err, "attributes: too many, behind which comes", field);
    words->of[words->count++] = (struct pf_ldap_word){attribute, field};
    return PF_OK;
}

/* "attribute=field" with blanks or commas between them. */
static enum pf_code take_map(struct pf_ldap_words *words, const char *map, struct pf_err *err)
{
    enum pf_code code = PF_OK;
    char *at = words->room;

    if (strlen(map) > PF_LDAP_TEXT_MAX)
        return wrong(err, "attributes are too long", "");
    memcpy(at, map, strlen(map) + 1);
    for (at += strspn(at, " \t,"); *at && code == PF_OK; at += strspn(at, " \t,")) {
        char *word = at, *equals;

        at += strcspn(at, " \t,");
        if (*at)
            *at++ = 0;
        equals = strchr(word, '=');
        if (!equals || equals == word || !equals[1])
            return wrong(err, "attributes are written as attribute=maildrop, and not as", word);
        *equals = 0;
        code = add(words, word, equals + 1, err);
    }
    return code;
}

/* The attribute of "(attribute=%u)". */
static bool spelled_by_filter(struct pf_ldap_words *words)
{
    const char *end = strstr(words->filter, "=%u)"), *at = end;
    size_t len;

    if (!end)
        return false;
    while (at > words->filter && (at[-1] == '-' || at[-1] == ';' || at[-1] == '.' ||
                                  (at[-1] >= '0' && at[-1] <= '9') || ((at[-1] | 32) >= 'a' && (at[-1] | 32) <= 'z')))
        at--;
    len = (size_t)(end - at);
    if (len == 0 || at == words->filter || at[-1] != '(')
        return false;
    memcpy(words->spelled, at, len);
    words->spelled[len] = 0;
    return true;
}

static enum pf_code look_at_filter(const char *filter, struct pf_err *err)
{
    bool names = false;

    if (strlen(filter) > PF_LDAP_TEXT_MAX || filter[0] != '(')
        return wrong(err, "a filter begins with a parenthesis", filter);
    for (const char *at = strchr(filter, '%'); at; at = strchr(at + 2, '%')) {
        if (!at[1] || !strchr("und%", at[1]))
            return wrong(err, "filter: only %u, %n, %d and %% are known", at);
        names |= at[1] == 'u' || at[1] == 'n';
    }
    return names ? PF_OK : wrong(err, "a filter has %u or %n for the name", filter);
}

static void collect(struct pf_ldap_words *words)
{
    size_t count = 0;

    for (size_t i = 0; i < words->count; i++) {
        bool again = false;

        for (size_t n = 0; n < count; n++)
            again |= strcmp(words->attributes[n], words->of[i].attribute) == 0;
        if (!again)
            words->attributes[count++] = (char *)(uintptr_t)words->of[i].attribute; /* libldap writes nothing there */
    }
    words->attributes[count] = NULL;
}

enum pf_code pf_ldap_words(const struct pf_conf_userdb *userdb, struct pf_ldap_words *out, struct pf_err *err)
{
    bool reads = userdb->compare == PF_CONF_LDAP_READ;
    enum pf_code code;

    *out = (struct pf_ldap_words){.filter = userdb->filter ? userdb->filter : usual_filter};
    code = look_at_filter(out->filter, err);
    if (code == PF_OK && userdb->attributes)
        code = take_map(out, userdb->attributes, err);
    if (code != PF_OK)
        return code;
    if (!reads && attribute_of(out, "password"))
        return wrong(err, "attributes: a password is only read with method read", "password");
    if (reads && !attribute_of(out, "password"))
        code = add(out, "userPassword", "password", err);
    if (code == PF_OK && !attribute_of(out, "user")) {
        if (!spelled_by_filter(out))
            return wrong(err, "attributes must say which one spells the name, as in uid=user, with the filter",
                         out->filter);
        code = add(out, out->spelled, "user", err);
    }
    collect(out);
    return code;
}

static bool put_escaped(struct pf_bytes text, struct pf_span *out)
{
    struct berval plain = {.bv_len = text.len, .bv_val = (char *)(uintptr_t)text.at}, escaped = {0};
    bool good;

    if (text.len == 0)
        return true;
    if (ldap_bv2escaped_filter_value(&plain, &escaped) != 0)
        return false;
    good = pf_span_put(out, pf_bytes_from(escaped.bv_val, escaped.bv_len));
    if (escaped.bv_val != plain.bv_val)
        ber_memfree(escaped.bv_val);
    return good;
}

bool pf_ldap_filter(const char *filter, struct pf_bytes name, struct pf_span *out)
{
    struct pf_bytes parts[PF_SQL_PARTS];
    const char *at = filter, *percent;

    pf_sql_split(name, parts);
    while ((percent = strchr(at, '%'))) {
        struct pf_bytes part = percent[1] == 'u'   ? parts[PF_SQL_USER]
                               : percent[1] == 'n' ? parts[PF_SQL_NAME]
                                                   : parts[PF_SQL_DOMAIN];

        if (!pf_span_put(out, pf_bytes_from(at, (size_t)(percent - at))) ||
            !(percent[1] == '%' ? pf_span_put(out, PF_LIT("%")) : put_escaped(part, out)))
            return false;
        at = percent + 2;
    }
    return pf_span_put(out, pf_bytes_from(at, strlen(at) + 1));
}

bool pf_ldap_is_local(const LDAPURLDesc *url)
{
    const char *host = url->lud_host ? url->lud_host : "";
    struct in_addr four;
    struct in6_addr six;

    if (strcmp(url->lud_scheme, "ldapi") == 0 || host[0] == 0 || strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}
