#include "auth/auth.h"

#include "auth/auth_private.h"
#include "auth/password.h"
#include "auth/recent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOGINS = 131072, /* rows of the LOGIN-DELAY table, 3 MiB that are touched as they fill */
    DOORS = 2        /* threads for what blocks, where no settings say it */
};

static struct pf_auth_here *here_of(struct pf_auth *door)
{
    return (struct pf_auth_here *)door;
}

static const struct pf_auth_here *seen(const struct pf_auth *door)
{
    return (const struct pf_auth_here *)door;
}

/* Not from inside an answer: that may come from a pool that would be freed. */
static void reap(struct pf_auth_here *auth)
{
    if (auth->delivering)
        return;
    pf_auth_benches_reap(&auth->benches);
    pf_auth_benches_reap(&auth->doors);
}

/* The doors. */

static void check(struct pf_auth *door, struct pf_auth_check *check)
{
    struct pf_auth_here *auth = here_of(door);
    struct pf_auth_login *login = pf_login_new(auth, check);

    reap(auth);
    if (!login) {
        pf_auth_feeder_add(auth->feeder, check);
        return;
    }
    check->state = login;
    pf_auth_hold(login);
}

/* Which list a login stands in, if any; what is in a list, nobody else has. */
static struct pf_auth_logins *list_of(struct pf_auth_here *auth, const struct pf_auth_login *login)
{
    return login->state == PF_LOGIN_HELD      ? &auth->held
           : login->state == PF_LOGIN_WAITING ? &auth->waiting
           : login->state == PF_LOGIN_DELAYED ? &auth->delayed
                                              : NULL;
}

static void end_talk(struct pf_auth *door, struct pf_auth_check *check)
{
    (void)door;
    pf_auth_talk_free(check->talk);
    check->talk = NULL;
}

static void abandon(struct pf_auth *door, struct pf_auth_check *check)
{
    struct pf_auth_here *auth = here_of(door);
    struct pf_auth_login *login = check->state;
    struct pf_auth_logins *list;

    if (!pf_auth_feeder_remove(auth->feeder, check) && login) {
        list = list_of(auth, login);
        login->check = NULL;
        if (list) {
            TAILQ_REMOVE(list, login, link);
            pf_login_free(login);
        }
    }
    check->state = NULL;
    end_talk(door, check);
}

static uint64_t offer(const struct pf_auth *door, const struct pf_auth_link *link)
{
    return pf_auth_sasl_offer(seen(door)->tables, link);
}

static bool binds(const struct pf_auth *door)
{
    return pf_auth_sasl_binds(seen(door)->tables);
}

static bool offers_apop(const struct pf_auth *door)
{
    const struct pf_auth_here *auth = seen(door);

    return auth->conf && auth->conf->apop && pf_auth_tables_forms(auth->tables) & PF_FORM_PLAIN;
}

static bool login_due(struct pf_auth *door, const char *user, unsigned delay, pf_time now)
{
    struct pf_auth_here *auth = here_of(door);
    struct pf_recent_row *row;

    if (delay == 0)
        return true;
    if (!auth->logins)
        auth->logins = pf_recent_new(LOGINS);
    if (!auth->logins) /* without memory nobody is locked out */
        return true;
    row = pf_recent_take(auth->logins, pf_recent_key(auth->logins, 'l', pf_bytes_of(user), PF_LIT("")));
    if (row->at && now - row->at < (pf_time)delay * 1000)
        return false;
    row->at = now;
    return true;
}

static bool trouble(struct pf_auth *door, struct pf_err *out_err)
{
    struct pf_auth_here *auth = here_of(door);

    if (auth->trouble.code == PF_OK)
        return auth->record && pf_record_trouble(auth->record, out_err);
    *out_err = auth->trouble;
    auth->trouble = (struct pf_err){0};
    return true;
}

static unsigned waiting(const struct pf_auth *door)
{
    return pf_auth_here_waiting(seen(door));
}

static const struct pf_auth_kind here = {check,       abandon,   end_talk, offer,  binds,
                                         offers_apop, login_due, trouble,  waiting};

/* What its owner does. */

static unsigned doors_of(const struct pf_auth_settings *settings)
{
    return settings->conf ? settings->conf->lookups_at_once : DOORS;
}

static size_t cache_of(const struct pf_conf *conf)
{
    return conf ? conf->cache_entries : 0;
}

/* Kerberos is told of its keys once, before there are threads: another keytab is for the next start. */
static enum pf_code take_keytab(const struct pf_conf *conf, char taken[PF_AUTH_PATH_MAX], struct pf_err *err)
{
    taken[0] = 0;
    if (!conf || !conf->keytab)
        return PF_OK;
    snprintf(taken, PF_AUTH_PATH_MAX, "%s", conf->keytab);
    return pf_exchange_keytab(conf->keytab, conf->hostname, err);
}

static struct pf_auth_settings with_keytab(const struct pf_auth_settings *settings, const char *taken)
{
    struct pf_auth_settings with = *settings;

    with.keytab_ready = with.conf && with.conf->keytab && strcmp(with.conf->keytab, taken) == 0;
    return with;
}

/* What a start or a reload makes first, because it can fail. */
struct fresh {
    struct pf_auth_tables *tables;
    struct pf_cache *cache;
    struct pf_record *record;
    bool same_record; /* the old one goes on */
};

static void forget(struct fresh *f)
{
    pf_auth_tables_drop(f->tables);
    pf_cache_free(f->cache);
    pf_record_free(f->record);
}

static const char *record_of(const struct pf_conf *conf)
{
    return conf && conf->login_record ? conf->login_record : "";
}

/* A record that cannot be read is kept aside, and that is trouble, but no reason to let nobody in. */
static bool open_record(struct fresh *f, struct pf_loop *loop, const struct pf_auth_settings *settings,
                        struct pf_err *trouble, struct pf_err *err)
{
    if (f->same_record || !settings->pool || !*record_of(settings->conf))
        return true;
    f->record = pf_record_new(loop, settings->pool, settings->conf->login_record, trouble);
    return f->record || pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for the record of logins") == PF_OK;
}

static enum pf_code prepare(struct fresh *f, struct pf_loop *loop, const struct pf_auth_settings *settings,
                            struct pf_err *trouble, struct pf_err *err)
{
    struct pf_err why = {0};
    size_t entries = cache_of(settings->conf);

    f->tables = pf_auth_tables_open(settings, &why);
    if (f->tables && entries && !(f->cache = pf_cache_new(entries)))
        pf_fail(&why, PF_NO_MEMORY, 0, "auth", "no memory for logins");
    if (why.code == PF_OK)
        open_record(f, loop, settings, trouble, &why);
    if (why.code == PF_OK)
        return PF_OK;
    forget(f);
    return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
}

static void take_settings(struct pf_auth_here *auth, const struct pf_auth_settings *settings, const struct fresh *f)
{
    struct pf_auth_tables *tables = f->tables;
    struct pf_cache *cache = f->cache;

    if (!f->same_record) {
        pf_record_free(auth->record);
        auth->record = f->record;
    }
    pf_auth_tables_drop(auth->tables);
    pf_cache_free(auth->cache);
    pf_conf_free(auth->conf);
    auth->conf = settings->conf ? pf_conf_hold(settings->conf) : NULL;
    auth->tables = tables;
    auth->cache = cache;
    auth->judged = *pf_auth_tables_stamps(tables);
    auth->looked = pf_loop_now(auth->loop);
    auth->delays = (struct pf_throttle_delays){settings->failure_delay, settings->failure_delay_max};
    auth->trouble = (struct pf_err){0};
}

/* What a reload leaves as it is. */
static enum pf_code make_parts(struct pf_auth_here *auth, const struct pf_auth_settings *settings, struct pf_err *err)
{
    enum pf_code code;

    auth->throttle = pf_throttle_new();
    auth->timer = pf_timer_new(auth->loop, pf_auth_timer, auth);
    auth->feeder = pf_auth_feeder_new(auth->loop);
    if (!auth->throttle || !auth->timer || !auth->feeder)
        return pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for logins");
    code = pf_auth_benches_init(&auth->benches, auth->loop, settings->hashes_at_once, err);
    if (code == PF_OK)
        code = pf_auth_benches_init(&auth->doors, auth->loop, doors_of(settings), err);
    return code;
}

struct pf_auth *pf_auth_new(struct pf_loop *loop, const struct pf_auth_settings *settings,
                            struct pf_err *err)
{
    char keytab[PF_AUTH_PATH_MAX];
    enum pf_code code = take_keytab(settings->conf, keytab, err);
    struct pf_auth_settings with = with_keytab(settings, keytab);
    struct pf_err trouble = {0};
    struct fresh f = {0};
    struct pf_auth_here *auth;

    if (code != PF_OK || prepare(&f, loop, &with, &trouble, err) != PF_OK)
        return NULL;
    auth = calloc(1, sizeof *auth);
    if (!auth) {
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for logins");
        forget(&f);
        return NULL;
    }
    auth->door.kind = &here;
    auth->loop = loop;
    memcpy(auth->keytab, keytab, sizeof keytab);
    TAILQ_INIT(&auth->held);
    TAILQ_INIT(&auth->waiting);
    TAILQ_INIT(&auth->delayed);
    take_settings(auth, settings, &f);
    auth->trouble = trouble;
    if (make_parts(auth, settings, err) == PF_OK)
        return &auth->door;
    pf_auth_free(&auth->door);
    return NULL;
}

enum pf_code pf_auth_reload(struct pf_auth *door, const struct pf_auth_settings *settings,
                            struct pf_err *err)
{
    struct pf_auth_here *auth = here_of(door);
    struct pf_err why = {0}, trouble = {0};
    struct pf_auth_settings with = with_keytab(settings, auth->keytab);
    struct fresh f = {.same_record = strcmp(record_of(settings->conf), record_of(auth->conf)) == 0};
    enum pf_code code = prepare(&f, auth->loop, &with, &trouble, err);

    reap(auth);
    if (code != PF_OK)
        return code;
    if (pf_auth_benches_resize(&auth->benches, settings->hashes_at_once, &why) != PF_OK ||
        pf_auth_benches_resize(&auth->doors, doors_of(settings), &why) != PF_OK) {
        forget(&f);
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    }
    take_settings(auth, settings, &f);
    auth->trouble = trouble;
    return PF_OK;
}

void pf_auth_free(struct pf_auth *door)
{
    struct pf_auth_here *auth = here_of(door);

    if (!door)
        return;
    assert(TAILQ_EMPTY(&auth->held) && TAILQ_EMPTY(&auth->delayed) && TAILQ_EMPTY(&auth->waiting));
    assert(!auth->delivering);
    pf_auth_benches_done(&auth->benches);
    pf_auth_benches_done(&auth->doors);
    pf_auth_feeder_free(auth->feeder);
    pf_timer_free(auth->timer);
    pf_throttle_free(auth->throttle);
    pf_recent_free(auth->logins);
    pf_record_free(auth->record);
    pf_cache_free(auth->cache);
    pf_auth_tables_drop(auth->tables);
    pf_conf_free(auth->conf);
    free(auth);
}
