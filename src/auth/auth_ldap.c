#include "auth/auth_ldap.h"

#include "auth/auth_entry.h"
#include "auth/auth_sql.h"
#include "auth/password.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

#define KIND "ldap"

enum { ENOUGH = 2 /* entries: then there is more than one */ };

/* One of the two. */
struct question {
    struct pf_ldap *self;
    struct pf_bytes name;
    const struct pf_auth_proof *proof; /* NULL: about the user */
    struct pf_auth_entry *entry;       /* its `room` holds the DN when passwords are not read */
};

static void *open_bind(void *source, pf_time deadline, struct pf_err *err)
{
    return pf_ldap_connect(source, deadline, err);
}

/* As who may search. */
static void *open_search(void *source, pf_time deadline, struct pf_err *err)
{
    static const struct pf_sql_driver as_driver = {.kind = KIND};
    struct pf_ldap *self = source;
    const struct pf_sql as_sql = {.driver = &as_driver, .userdb = self->userdb};
    char secret[PF_SQL_SECRET_MAX + 1];
    struct pf_ldap_link *link;
    int failed;

    if (!self->userdb->bind_dn)
        return pf_ldap_connect(self, deadline, err);
    if (pf_sql_secret(&as_sql, secret, err) != PF_OK)
        return NULL;
    link = pf_ldap_connect(self, deadline, err);
    failed = link ? pf_ldap_bind(link, self->userdb->bind_dn, pf_bytes_of(secret), deadline) : LDAP_SUCCESS;
    pf_wipe(secret, sizeof secret);
    if (failed == LDAP_SUCCESS)
        return link;
    pf_ldap_fail(link, "bind as bind-dn", failed, err);
    pf_ldap_close(link);
    return NULL;
}

static struct pf_bytes value_bytes(const struct berval *value)
{
    return pf_bytes_from(value->bv_val, value->bv_len);
}

/* The name as it is spelled there; NULL when it cannot be told. */
static const struct berval *spelled(struct berval **values, struct pf_bytes name)
{
    const struct berval *found = NULL;

    for (size_t i = 0; values[i]; i++) {
        if (pf_bytes_equal(value_bytes(values[i]), name))
            return values[i];
        if (pf_equal_nocase(value_bytes(values[i]), name))
            found = values[i];
    }
    return found ? found : values[0] && !values[1] ? values[0] : NULL;
}

/* Without {SCHEME} a userPassword is the password itself (RFC 4519 section 2.41); what crypt(3) or a lock begins with
 * stays what it is elsewhere. */
static bool set_password(struct pf_auth_entry *entry, struct pf_bytes value)
{
    unsigned char room[PF_AUTH_STORED_MAX];
    struct pf_span stored = {room, 0, sizeof room};
    bool plain = value.len && !memchr("{$!*", value.at[0], 4);
    bool good = (!plain || pf_span_put(&stored, PF_LIT("{PLAIN}"))) && pf_span_put(&stored, value) &&
                pf_auth_entry_set(entry, PF_LIT("password"), pf_span_bytes(&stored));

    pf_wipe(room, sizeof room);
    return good;
}

static enum pf_code attribute_fails(const struct pf_ldap_word *word, const char *what, struct pf_err *err)
{
    return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the attribute %.60s (%.60s) %s", word->attribute, word->field, what);
}

static enum pf_code take_value(const struct question *q, const struct pf_ldap_word *word, struct berval **values,
                               struct pf_err *err)
{
    bool is_name = strcmp(word->field, "user") == 0, good;
    const struct berval *value = values ? is_name ? spelled(values, q->name) : values[0] : NULL;

    if (is_name && !value)
        return attribute_fails(word, values ? "has several values, and none is the name" : "is not to be seen", err);
    if (!value) /* a password that is not to be seen lets nobody in */
        return strcmp(word->field, "password") == 0 && !set_password(q->entry, PF_LIT("")) ? PF_TEMP : PF_OK;
    if (!is_name && values[1])
        return attribute_fails(word, "has more than one value", err);
    if (strcmp(word->field, "password") == 0)
        good = set_password(q->entry, value_bytes(value));
    else
        good = pf_auth_entry_set(q->entry, pf_bytes_of(word->field), value_bytes(value));
    return good ? PF_OK : attribute_fails(word, "has a value that cannot be, or is too long", err);
}

static enum pf_code keep_dn(const struct question *q, LDAP *ld, LDAPMessage *message, struct pf_err *err)
{
    char *dn = ldap_get_dn(ld, message);
    bool fits = dn && dn[0] && strlen(dn) <= PF_AUTH_STORED_MAX;

    if (fits)
        memcpy(q->entry->room, dn, strlen(dn) + 1);
    ldap_memfree(dn);
    q->entry->verify = true;
    return fits ? PF_OK : pf_fail(err, PF_TEMP, 0, KIND, KIND ": an entry without a name, or with too long a one");
}

static enum pf_code take_entry(const struct question *q, LDAP *ld, LDAPMessage *message, struct pf_err *err)
{
    const struct pf_ldap_words *words = &q->self->words;
    enum pf_code code = q->self->binds ? keep_dn(q, ld, message, err) : PF_OK;

    for (size_t i = 0; i < words->count && code == PF_OK; i++) {
        struct berval **values = ldap_get_values_len(ld, message, words->of[i].attribute);

        code = take_value(q, &words->of[i], values, err);
        for (size_t n = 0; values && values[n]; n++)
            pf_wipe(values[n]->bv_val, values[n]->bv_len);
        ldap_value_free_len(values);
    }
    return code;
}

static enum pf_code ambiguous(struct pf_err *err)
{
    return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the filter finds more than one entry for this name");
}

/* The end of a search. */
static enum pf_code finish(struct pf_ldap_link *link, LDAPMessage *message, enum pf_code so_far, struct pf_err *err)
{
    int failed = LDAP_OTHER, code = ldap_parse_result(link->ld, message, &failed, NULL, NULL, NULL, NULL, 0);

    if (code != LDAP_SUCCESS)
        failed = code;
    if (failed == LDAP_SIZELIMIT_EXCEEDED && so_far != PF_NO_USER)
        return ambiguous(err);
    return failed == LDAP_SUCCESS ? so_far : pf_ldap_fail(link, "search", failed, err);
}

static enum pf_code read_search(const struct question *q, struct pf_ldap_link *link, int id, pf_time deadline,
                                struct pf_err *err)
{
    enum pf_code code = PF_NO_USER;
    int failed = LDAP_OTHER;

    for (;;) {
        LDAPMessage *message = pf_ldap_await(link->ld, id, deadline, &failed);
        int kind = message ? ldap_msgtype(message) : 0;

        if (!message)
            return pf_ldap_fail(link, "search", failed, err);
        pf_ldap_well(link);
        if (kind == LDAP_RES_SEARCH_RESULT) {
            code = finish(link, message, code, err);
        } else if (kind == LDAP_RES_SEARCH_ENTRY && code != PF_NO_USER) {
            ambiguous(err);
            code = PF_BUSY; /* who knows how many are to come */
        } else if (kind == LDAP_RES_SEARCH_ENTRY) {
            code = take_entry(q, link->ld, message, err);
        }
        ldap_msgfree(message);
        if (kind == LDAP_RES_SEARCH_RESULT || code == PF_BUSY)
            return code;
    }
}

static enum pf_code search(void *connection, void *asked, pf_time deadline, struct pf_err *err)
{
    const struct question *q = asked;
    unsigned char room[PF_LDAP_FILTER_MAX];
    struct pf_span filter = {room, 0, sizeof room};
    struct timeval limit = {.tv_sec = (q->self->userdb->timeout + 999) / 1000};
    struct pf_ldap_link *link = connection;
    int id, failed;

    pf_auth_entry_begin(q->entry, q->name);
    if (!pf_ldap_filter(q->self->words.filter, q->name, &filter))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the filter becomes too long");
    failed = ldap_search_ext(link->ld, q->self->userdb->base, LDAP_SCOPE_SUBTREE, (const char *)room,
                             (char **)(uintptr_t)q->self->words.attributes, 0, NULL, NULL, &limit, ENOUGH, &id);
    return failed == LDAP_SUCCESS ? read_search(q, link, id, deadline, err) : pf_ldap_fail(link, "search", failed, err);
}

/* Wrong password, an entry that is gone, and one without a password are all nobody's password. */
static enum pf_code bind_as(void *connection, void *asked, pf_time deadline, struct pf_err *err)
{
    const struct question *q = asked;
    int failed = pf_ldap_bind(connection, q->entry->room, q->proof->secret, deadline);

    if (failed == LDAP_SUCCESS)
        pf_ldap_well(connection);
    if (failed == LDAP_SUCCESS)
        return PF_OK;
    if (failed == LDAP_INVALID_CREDENTIALS || failed == LDAP_INAPPROPRIATE_AUTH || failed == LDAP_NO_SUCH_OBJECT)
        return pf_fail(err, PF_AUTH, 0, KIND, KIND ": %s", ldap_err2string(failed));
    return pf_ldap_fail(connection, "bind as the user", failed, err);
}

static const struct pf_links_driver search_driver = {
    .kind = KIND, .rests = true, .open = open_search, .ask = search, .close = pf_ldap_close};
static const struct pf_links_driver bind_driver = {
    .kind = KIND, .rests = true, .open = open_bind, .ask = bind_as, .close = pf_ldap_close};

static void close_source(void *opened)
{
    struct pf_ldap *self = opened;

    pf_links_free(self->searches);
    pf_links_free(self->binds);
    free(self);
}

static enum pf_code prepare(struct pf_ldap *self, struct pf_err *err)
{
    const struct pf_conf_userdb *userdb = self->userdb;
    enum pf_code code = pf_ldap_words(userdb, &self->words, err);

    if (code == PF_OK)
        code = pf_ldap_urls(self, err);
    if (code == PF_OK && userdb->bind_dn && !userdb->secret_file)
        return pf_fail(err, PF_CONFIG, 0, KIND, "userdb ldap: bind-dn lacks its secret-file");
    return code;
}

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    struct pf_ldap *self = calloc(1, sizeof *self);
    bool binds = userdb->compare == PF_CONF_LDAP_BIND;

    (void)settings;
    (void)out_stamp;
    if (!self) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, KIND, "no memory for a userdb");
        return NULL;
    }
    self->userdb = userdb;
    if (prepare(self, err) == PF_OK)
        self->searches = pf_links_new(&search_driver, self, userdb, err);
    if (self->searches && binds)
        self->binds = pf_links_new(&bind_driver, self, userdb, err);
    if (self->searches && (self->binds || !binds))
        return self;
    close_source(self);
    return NULL;
}

static enum pf_code find(void *opened, struct pf_bytes name, struct pf_auth_entry *out, struct pf_err *err)
{
    struct pf_ldap *self = opened;
    struct question question = {.self = self, .name = name, .entry = out};

    return pf_auth_name_ok(name) ? pf_links_ask(self->searches, &question, err) : PF_NO_USER;
}

static enum pf_code verify(void *opened, const struct pf_auth_proof *proof, struct pf_auth_entry *entry,
                           struct pf_err *err)
{
    struct pf_ldap *self = opened;
    struct question question = {.self = self, .proof = proof, .entry = entry};

    if (proof->secret.len == 0)
        return pf_fail(err, PF_AUTH, 0, KIND, KIND ": an empty password proves nothing");
    return pf_links_ask(self->binds, &question, err);
}

static unsigned forms(const void *opened)
{
    const struct pf_ldap *self = opened;

    return self->binds ? (unsigned)PF_FORM_OTHER : (unsigned)PF_FORM_ANY;
}

/* The library reads its settings and starts that of TLS when it is first used. */
static void preload(void)
{
    LDAP *ld = NULL;
    int client = 0;

    if (ldap_initialize(&ld, "ldap://127.0.0.1") != LDAP_SUCCESS)
        return;
    (void)ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
    ldap_unbind_ext(ld, NULL, NULL);
}

const struct pf_auth_source pf_auth_ldap_source = {
    .kind = KIND,
    .knows_users = true,
    .open = open_source,
    .close = close_source,
    .find = find,
    .verify = verify,
    .forms = forms,
    .preload = preload,
};
