#include "auth/auth_tables.h"

#include "auth/auth_dovecot.h"
#include "auth/auth_file.h"
#include "auth/auth_sasl.h"
#ifdef PF_HAVE_LDAP
#include "auth/auth_ldap.h"
#endif
#ifdef PF_HAVE_PAM
#include "auth/auth_pam.h"
#endif
#include "auth/auth_saslauthd.h"
#include "auth/auth_sql.h"
#include "auth/oauth.h"
#include "auth/password.h"
#include "auth/tokens.h"
#include "sys/tls.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    READS = 3, /* a file that changes while it is read is read again so often */
    NANO = 1000000000
};

/* Nobody's password: for a file without any user. */
static const char nobody[] = "$y$j9T$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/";

struct pf_auth_tables {
    unsigned holds;
    struct pf_auth_settings settings;
    char *password_file;
    struct pf_auth_seat seats[PF_AUTH_SOURCES];
    struct pf_auth_stamps stamps;
    struct pf_auth_file *masters;
    struct pf_tokens *tokens;
    struct pf_oauth *oauth;
    unsigned char site_key[PF_AUTH_SITE_KEY];
    const char *stand_in;
    unsigned forms;
    bool some_need_tls, in_memory;
    size_t count;
};

const struct pf_auth_source *pf_auth_source_row(enum pf_conf_userdb_kind kind)
{
    static const struct pf_auth_source *const rows[] = {
        [PF_CONF_USERDB_FILE] = &pf_auth_file_source,
        [PF_CONF_USERDB_SQLITE] = &pf_auth_sqlite_source,
#ifdef PF_HAVE_POSTGRESQL
        [PF_CONF_USERDB_POSTGRESQL] = &pf_auth_postgresql_source,
#endif
#ifdef PF_HAVE_MARIADB
        [PF_CONF_USERDB_MARIADB] = &pf_auth_mariadb_source,
#endif
#ifdef PF_HAVE_LDAP
        [PF_CONF_USERDB_LDAP] = &pf_auth_ldap_source,
#endif
#ifdef PF_HAVE_PAM
        [PF_CONF_USERDB_PAM] = &pf_auth_pam_source,
#endif
        [PF_CONF_USERDB_DOVECOT] = &pf_auth_dovecot_source,
        [PF_CONF_USERDB_SASLAUTHD] = &pf_auth_saslauthd_source,
    };

    return rows[kind];
}

/* Which row serves a place of the settings; false where there is no source. */
static bool seat_of(const struct pf_auth_settings *settings, size_t i, struct pf_auth_seat *out)
{
    *out = (struct pf_auth_seat){0};
    if (i == 0) {
        out->row = settings->password_file ? &pf_auth_file_source : NULL;
    } else if (settings->conf && i <= settings->conf->userdb_count) {
        out->userdb = &settings->conf->userdbs[i - 1];
        out->row = pf_auth_source_row(out->userdb->kind);
    }
    return out->row || out->userdb;
}

/* A data base cannot tell what lies in it: the settings say it. */
static unsigned forms_of(const struct pf_auth_seat *seat)
{
    static const unsigned forms[] = {PF_FORM_OTHER, PF_FORM_PLAIN, PF_FORM_SCRAM_SHA_1, PF_FORM_SCRAM_SHA_256};
    unsigned found = seat->row->forms ? seat->row->forms(seat->self) : (unsigned)PF_FORM_OTHER;

    return found == PF_FORM_ANY && seat->userdb ? forms[seat->userdb->stored] : found;
}

static void note_row(struct pf_auth_tables *tables, const struct pf_auth_seat *seat)
{
    const struct pf_auth_source *row = seat->row;

    tables->some_need_tls |= row->some_need_tls && row->some_need_tls(seat->self);
    tables->count += row->count ? row->count(seat->self) : 1;
    tables->forms |= forms_of(seat);
    tables->in_memory &= row->in_memory;
    if (!tables->stand_in && row->common)
        tables->stand_in = row->common(seat->self);
}

static bool open_seat(struct pf_auth_tables *tables, size_t i, struct pf_err *err)
{
    struct pf_err why = {.code = PF_AGAIN};
    struct pf_auth_seat *seat = &tables->seats[i];

    tables->stamps.of[i].there = 1; /* what has no file never goes missing */
    if (!seat_of(&tables->settings, i, seat))
        return true;
    if (!seat->row) {
        pf_fail(err, PF_CONFIG, 0, "auth", "this build has no support for that kind of userdb (block number %zu)", i);
        return false;
    }
    for (int n = 0; n < READS && !seat->self && why.code == PF_AGAIN; n++)
        seat->self = seat->row->open(seat->userdb, &tables->settings, &tables->stamps.of[i], &why);
    if (seat->self)
        note_row(tables, seat);
    else if (err)
        *err = why;
    return seat->self != NULL;
}

static bool open_seats(struct pf_auth_tables *tables, struct pf_err *err)
{
    bool some = false;

    tables->in_memory = true;
    for (size_t i = PF_AUTH_SOURCES; i < PF_AUTH_FILES; i++)
        tables->stamps.of[i].there = 1;
    for (size_t i = 0; i < PF_AUTH_SOURCES; i++) {
        if (!open_seat(tables, i, err))
            return false;
        some |= tables->seats[i].self != NULL;
    }
    if (!some)
        pf_fail(err, PF_CONFIG, 0, "auth", "no source of users is set (password-file, userdb)");
    if (!tables->stand_in)
        tables->stand_in = nobody;
    return some;
}

/* A file that changes while it is read is read again. */
static struct pf_auth_file *open_masters(struct pf_auth_tables *tables, struct pf_err *err)
{
    const struct pf_conf_userdb as_file = {.kind = PF_CONF_USERDB_FILE, .path = tables->settings.conf->master_file};
    struct pf_err why = {.code = PF_AGAIN};
    struct pf_auth_file *file = NULL;

    for (int n = 0; n < READS && !file && why.code == PF_AGAIN; n++)
        file = pf_auth_file_source.open(&as_file, &tables->settings, &tables->stamps.of[PF_AUTH_MASTERS], &why);
    if (!file && err)
        *err = why;
    return file;
}

static struct pf_tokens *open_tokens(struct pf_auth_tables *tables, struct pf_err *err)
{
    struct pf_err why = {.code = PF_AGAIN};
    struct pf_tokens *tokens = NULL;

    for (int n = 0; n < READS && !tokens && why.code == PF_AGAIN; n++)
        tokens = pf_tokens_open(tables->settings.conf->tokens, &tables->stamps.of[PF_AUTH_TOKENS], &why);
    if (!tokens && err)
        *err = why;
    return tokens;
}

/* The machine's own number is known to nobody outside, and stays; what is made of it here does not show it
 * (machine-id(5) asks for that). */
static bool make_site_key(struct pf_auth_tables *tables, struct pf_err *err)
{
    static const char label[] = "postfach: what unknown users are told";
    char id[64] = "";
    FILE *file = fopen("/etc/machine-id", "re");
    unsigned len = 0;
    size_t got = file ? fread(id, 1, sizeof id, file) : 0;

    if (file)
        fclose(file);
    if (got < 32) /* none: then it lasts as long as the process */
        return pf_random(tables->site_key, sizeof tables->site_key, err) == PF_OK;
    return HMAC(EVP_sha256(), id, (int)got, (const unsigned char *)label, sizeof label - 1, tables->site_key, &len) ||
           pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for a key") == PF_OK;
}

static bool open_extras(struct pf_auth_tables *tables, struct pf_err *err)
{
    const struct pf_conf *conf = tables->settings.conf;

    if (!make_site_key(tables, err))
        return false;
    if (!conf)
        return true;
    if (pf_auth_sasl_known(conf->mechanisms, err) != PF_OK)
        return false;
    if (conf->master_file && !(tables->masters = open_masters(tables, err)))
        return false;
    if (conf->tokens && !(tables->tokens = open_tokens(tables, err)))
        return false;
    if (conf->oauth.keys || conf->oauth.introspect)
        tables->oauth = pf_oauth_new(&conf->oauth, err);
    return tables->oauth || !(conf->oauth.keys || conf->oauth.introspect);
}

struct pf_auth_tables *pf_auth_tables_open(const struct pf_auth_settings *settings, struct pf_err *err)
{
    struct pf_auth_tables *tables = calloc(1, sizeof *tables);

    if (!tables) {
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for the users");
        return NULL;
    }
    tables->holds = 1;
    tables->settings = *settings;
    if (settings->conf)
        pf_conf_hold(settings->conf);
    if (settings->password_file) {
        tables->password_file = strdup(settings->password_file);
        tables->settings.password_file = tables->password_file;
    }
    if (settings->password_file && !tables->password_file)
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for the users");
    else if (open_seats(tables, err) && (settings->only_users || open_extras(tables, err)))
        return tables;
    pf_auth_tables_drop(tables);
    return NULL;
}

struct pf_auth_tables *pf_auth_tables_hold(struct pf_auth_tables *tables)
{
    tables->holds++;
    return tables;
}

void pf_auth_tables_drop(struct pf_auth_tables *tables)
{
    if (!tables || --tables->holds)
        return;
    for (size_t i = 0; i < PF_AUTH_SOURCES; i++)
        if (tables->seats[i].self)
            tables->seats[i].row->close(tables->seats[i].self);
    pf_auth_file_free(tables->masters);
    pf_tokens_free(tables->tokens);
    pf_oauth_free(tables->oauth);
    pf_conf_free(tables->settings.conf);
    free(tables->password_file);
    free(tables);
}

const struct pf_auth_settings *pf_auth_tables_settings(const struct pf_auth_tables *tables)
{
    return &tables->settings;
}

enum pf_code pf_auth_tables_find(const struct pf_auth_tables *tables, struct pf_bytes name,
                                 struct pf_auth_entry *out, struct pf_err *err)
{
    enum pf_code code = PF_NO_USER;

    for (size_t i = 0; i < PF_AUTH_SOURCES && code == PF_NO_USER; i++) {
        const struct pf_auth_seat *seat = &tables->seats[i];

        if (seat->self && pf_auth_source_knows(seat->row, seat->self))
            code = seat->row->find(seat->self, name, out, err);
    }
    return code;
}

struct pf_auth_seat pf_auth_tables_seat(const struct pf_auth_tables *tables, size_t index)
{
    return tables->seats[index];
}

bool pf_auth_tables_in_memory(const struct pf_auth_tables *tables)
{
    return tables->in_memory;
}

unsigned pf_auth_tables_forms(const struct pf_auth_tables *tables)
{
    return tables->forms;
}

const struct pf_auth_file *pf_auth_tables_masters(const struct pf_auth_tables *tables)
{
    return tables->masters;
}

const struct pf_tokens *pf_auth_tables_tokens(const struct pf_auth_tables *tables)
{
    return tables->tokens;
}

struct pf_oauth *pf_auth_tables_oauth(const struct pf_auth_tables *tables)
{
    return tables->oauth;
}

const unsigned char *pf_auth_tables_site_key(const struct pf_auth_tables *tables)
{
    return tables->site_key;
}

const char *pf_auth_tables_stand_in(const struct pf_auth_tables *tables)
{
    return tables->stand_in;
}

bool pf_auth_tables_some_need_tls(const struct pf_auth_tables *tables)
{
    return tables->some_need_tls;
}

size_t pf_auth_tables_count(const struct pf_auth_tables *tables)
{
    return tables->count;
}

const struct pf_auth_stamps *pf_auth_tables_stamps(const struct pf_auth_tables *tables)
{
    return &tables->stamps;
}

static void stamp_file(const struct pf_auth_settings *settings, const char *path, struct pf_auth_stamp *out)
{
    const struct pf_conf_userdb as_file = {.kind = PF_CONF_USERDB_FILE, .path = path};

    pf_auth_file_source.stamp(&as_file, settings, out);
}

void pf_auth_tables_stamps_now(const struct pf_auth_settings *settings, struct pf_auth_stamps *out)
{
    *out = (struct pf_auth_stamps){0};
    for (size_t i = 0; i < PF_AUTH_SOURCES; i++) {
        struct pf_auth_seat seat;

        out->of[i].there = 1;
        if (seat_of(settings, i, &seat) && seat.row && seat.row->stamp)
            seat.row->stamp(seat.userdb, settings, &out->of[i]);
    }
    out->of[PF_AUTH_MASTERS].there = out->of[PF_AUTH_TOKENS].there = 1;
    if (!settings->only_users && settings->conf && settings->conf->master_file)
        stamp_file(settings, settings->conf->master_file, &out->of[PF_AUTH_MASTERS]);
    if (!settings->only_users && settings->conf && settings->conf->tokens)
        stamp_file(settings, settings->conf->tokens, &out->of[PF_AUTH_TOKENS]);
}

bool pf_auth_stamps_equal(const struct pf_auth_stamps *a, const struct pf_auth_stamps *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A change in the future is some other machine's clock: that is no reason to wait. */
static bool quiet(const struct pf_auth_stamp *stamp)
{
    struct timespec now;
    int64_t seconds, nano;

    clock_gettime(CLOCK_REALTIME, &now);
    seconds = now.tv_sec - stamp->changed;
    nano = now.tv_nsec - stamp->changed_nano;
    if (nano < 0) {
        seconds--;
        nano += NANO;
    }
    return seconds != 0; /* below zero is the future */
}

bool pf_auth_stamps_quiet(const struct pf_auth_stamps *stamps)
{
    for (size_t i = 0; i < PF_AUTH_FILES; i++)
        if (!stamps->of[i].there || !quiet(&stamps->of[i]))
            return false;
    return true;
}
