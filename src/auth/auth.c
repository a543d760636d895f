#include "auth/auth.h"

#include "auth/auth_benches.h"
#include "auth/auth_feeder.h"
#include "auth/auth_look.h"
#include "auth/auth_work.h"
#include "auth/exchange.h"
#include "auth/recent.h"
#include "auth/throttle.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum {
    PEER_MAX = 64,  /* an IPv6 address with its zone */
    LOGINS = 131072 /* rows of the LOGIN-DELAY table, 3 MiB that are touched as they fill */
};

enum state { HELD, WORKING, DELAYED, LATER };

struct login {
    struct pf_job job;
    struct pf_later later;
    TAILQ_ENTRY(login) link; /* in `held` or `delayed` */
    struct pf_auth *auth;
    struct pf_auth_check *check; /* NULL: abandoned */
    struct pf_auth_bench *bench;
    struct pf_auth_tables *tables;
    enum state state;
    bool parked; /* it failed while a file was being changed: it waits for what that becomes */
    pf_time started, due;
    struct pf_auth_work work;
    char name[PF_AUTH_NAME_MAX + 1], peer[PEER_MAX];
    size_t secret_len;
    unsigned char secret[];
};

TAILQ_HEAD(logins, login);

struct pf_auth {
    struct pf_loop *loop;
    struct pf_throttle_delays delays;
    struct pf_auth_tables *tables;
    struct pf_auth_benches benches;
    struct pf_throttle *throttle;
    struct pf_recent *logins; /* NULL until LOGIN-DELAY is used */
    struct pf_timer *timer;
    struct logins held;    /* they wait for a look at the files */
    struct logins delayed; /* failed, by the time of their answer */
    struct pf_auth_feeder *feeder;
    unsigned delivering;

    struct pf_auth_look look;
    struct pf_auth_bench *look_bench;
    bool looking;
    pf_time looked, look_again, flux_since;
    struct pf_auth_stamps judged;
    struct pf_err trouble; /* PF_OK: none that was not told */
};

static void start_look(struct pf_auth *auth);

/* Not from inside an answer: that may come from a pool that would be freed. */
static void reap(struct pf_auth *auth)
{
    if (!auth->delivering)
        pf_auth_benches_reap(&auth->benches);
}

/* Answers */

static void login_free(struct login *login)
{
    pf_auth_tables_drop(login->tables);
    pf_wipe(login->secret, login->secret_len);
    free(login);
}

static void deliver(struct login *login)
{
    struct pf_auth *auth = login->auth;
    struct pf_auth_check *check = login->check;

    check->err = login->work.err;
    check->user = login->work.user;
    check->state = NULL;
    login_free(login);
    auth->delivering++;
    check->done(check);
    auth->delivering--;
}

static bool some_parked(const struct pf_auth *auth)
{
    const struct login *login;

    TAILQ_FOREACH(login, &auth->held, link)
    if (login->parked)
        return true;
    return false;
}

static void set_timer(struct pf_auth *auth)
{
    const struct login *first = TAILQ_FIRST(&auth->delayed);
    pf_time at = first ? first->due : PF_NEVER;

    if (!auth->looking && some_parked(auth) && auth->look_again < at)
        at = auth->look_again;
    pf_timer_set(auth->timer, at);
}

static void timer_fired(struct pf_timer *timer, void *self)
{
    struct pf_auth *auth = self;
    pf_time now = pf_loop_now(auth->loop);
    struct login *login;

    (void)timer;
    while ((login = TAILQ_FIRST(&auth->delayed)) && login->due <= now) {
        TAILQ_REMOVE(&auth->delayed, login, link);
        deliver(login);
    }
    if (!auth->looking && some_parked(auth) && auth->look_again <= now)
        start_look(auth);
    set_timer(auth);
}

/* A failed answer comes at a time that counts from when the question came, so that the time of the
 * hash is not to be seen in it. */
static void delay(struct login *login)
{
    struct pf_auth *auth = login->auth;
    pf_time now = pf_loop_now(auth->loop);
    struct login *before;

    login->due = login->started + pf_throttle_failed(auth->throttle, pf_bytes_of(login->name),
                                                     login->peer, &auth->delays, now);
    login->state = DELAYED;
    pf_wipe(login->secret, login->secret_len);
    TAILQ_FOREACH_REVERSE(before, &auth->delayed, logins, link)
    if (before->due <= login->due)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&auth->delayed, before, login, link);
    else
        TAILQ_INSERT_HEAD(&auth->delayed, login, link);
    set_timer(auth);
}

static void park(struct login *login)
{
    login->parked = true;
    login->state = HELD;
    login->work.stale = false;
    login->work.err = (struct pf_err){0};
    TAILQ_INSERT_TAIL(&login->auth->held, login, link);
    if (!login->auth->looking)
        start_look(login->auth);
}

static bool is_refusal(enum pf_code code)
{
    return code == PF_AUTH || code == PF_NEED_TLS;
}

static void answer(struct login *login)
{
    struct pf_auth *auth = login->auth;
    enum pf_code code = login->work.err.code;

    if (code == PF_OK)
        pf_throttle_succeeded(auth->throttle, pf_bytes_of(login->name), login->peer,
                              pf_loop_now(auth->loop));
    if (!is_refusal(code)) {
        deliver(login);
    } else if (!login->work.stale) {
        delay(login);
    } else if (!login->parked) {
        park(login);
    } else {
        pf_fail(&login->work.err, PF_TEMP, 0, "auth", "the password file is being changed");
        deliver(login);
    }
}

/* Work */

static struct login *login_of_job(struct pf_job *job)
{
    return (struct login *)((char *)job - offsetof(struct login, job));
}

static void work(struct pf_job *job)
{
    pf_auth_work_run(&login_of_job(job)->work);
}

static void worked(struct pf_job *job)
{
    struct login *login = login_of_job(job);

    pf_auth_bench_through(login->bench);
    pf_auth_tables_drop(login->tables);
    login->tables = NULL;
    if (login->check)
        answer(login);
    else
        login_free(login);
}

static void later(struct pf_later *turn)
{
    struct login *login = (struct login *)((char *)turn - offsetof(struct login, later));

    if (login->check)
        deliver(login);
    else
        login_free(login);
}

static void submit(struct login *login)
{
    struct pf_auth *auth = login->auth;

    login->tables = pf_auth_tables_hold(auth->tables);
    login->work.tables = login->tables;
    login->work.judged = auth->judged;
    login->job = (struct pf_job){.work = work, .done = worked};
    login->state = WORKING;
    login->bench = pf_auth_benches_submit(&auth->benches, &login->job);
    if (login->bench)
        return;
    login->state = LATER;
    login->later = (struct pf_later){.run = later};
    pf_fail(&login->work.err, PF_BUSY, 0, "auth", "too many passwords wait to be checked");
    pf_loop_later(auth->loop, &login->later);
}

/* Looks */

/* Those that only waited for a look go on; those that failed meanwhile wait until it showed a file
 * that nobody is writing. */
static void release(struct pf_auth *auth, bool all)
{
    struct login *login, *next;

    for (login = TAILQ_FIRST(&auth->held); login; login = next) {
        next = TAILQ_NEXT(login, link);
        if (login->parked && !all)
            continue;
        TAILQ_REMOVE(&auth->held, login, link);
        submit(login);
    }
}

/* A look that began before a reload has nothing to say any more. */
static void take_look(struct pf_auth *auth)
{
    struct pf_auth_look *look = &auth->look;

    if (look->tables != auth->tables || look->verdict == PF_LOOK_SAME)
        return;
    auth->judged = look->now;
    if (look->verdict == PF_LOOK_NEW) {
        pf_auth_tables_drop(auth->tables);
        auth->tables = look->fresh;
        look->fresh = NULL;
    } else {
        auth->trouble = look->err;
    }
}

static void looked(struct pf_job *job)
{
    struct pf_auth_look *look = (struct pf_auth_look *)job;
    struct pf_auth *auth = (struct pf_auth *)((char *)look - offsetof(struct pf_auth, look));
    bool busy = look->verdict == PF_LOOK_BUSY && look->tables == auth->tables;

    pf_auth_bench_through(auth->look_bench);
    auth->looking = false;
    auth->looked = pf_loop_now(auth->loop);
    auth->look_again = auth->looked + PF_LOOK_AGAIN;
    if (!busy)
        take_look(auth);
    auth->flux_since = !busy ? 0 : auth->flux_since ? auth->flux_since : auth->looked;
    pf_auth_tables_drop(look->fresh);
    pf_auth_tables_drop(look->tables);
    release(auth, !busy);
    set_timer(auth);
}

/* When the queue is full there is no look, and those who wait for one go on without. */
static void start_look(struct pf_auth *auth)
{
    pf_time now = pf_loop_now(auth->loop);

    auth->look = (struct pf_auth_look){
        .job = {.work = pf_auth_look_work, .done = looked},
        .tables = pf_auth_tables_hold(auth->tables),
        .judged = auth->judged,
        .flux = auth->flux_since ? now - auth->flux_since : 0,
    };
    auth->look_bench = pf_auth_benches_submit(&auth->benches, &auth->look.job);
    auth->looking = auth->look_bench != NULL;
    if (auth->looking)
        return;
    pf_auth_tables_drop(auth->look.tables);
    release(auth, true);
}

/* Doors */

static void take_settings(struct pf_auth *auth, const struct pf_auth_settings *settings,
                          struct pf_auth_tables *tables)
{
    pf_auth_tables_drop(auth->tables);
    auth->tables = tables;
    auth->judged = *pf_auth_tables_stamps(tables);
    auth->looked = pf_loop_now(auth->loop);
    auth->delays = (struct pf_throttle_delays){settings->failure_delay, settings->failure_delay_max};
    auth->trouble = (struct pf_err){0};
}

struct pf_auth *pf_auth_new(struct pf_loop *loop, const struct pf_auth_settings *settings,
                            struct pf_err *err)
{
    struct pf_auth_tables *tables = pf_auth_tables_open(settings, err);
    struct pf_auth *auth = tables ? calloc(1, sizeof *auth) : NULL;

    if (!auth) {
        if (tables)
            pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for logins");
        pf_auth_tables_drop(tables);
        return NULL;
    }
    auth->loop = loop;
    TAILQ_INIT(&auth->held);
    TAILQ_INIT(&auth->delayed);
    take_settings(auth, settings, tables);
    auth->throttle = pf_throttle_new();
    auth->timer = pf_timer_new(loop, timer_fired, auth);
    auth->feeder = pf_auth_feeder_new(loop);
    if (!auth->throttle || !auth->timer || !auth->feeder)
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for logins");
    else if (pf_auth_benches_init(&auth->benches, loop, settings->hashes_at_once, err) == PF_OK)
        return auth;
    pf_auth_free(auth);
    return NULL;
}

enum pf_code pf_auth_reload(struct pf_auth *auth, const struct pf_auth_settings *settings,
                            struct pf_err *err)
{
    struct pf_err why = {0};
    struct pf_auth_tables *tables = pf_auth_tables_open(settings, &why);

    reap(auth);
    if (!tables || pf_auth_benches_resize(&auth->benches, settings->hashes_at_once, &why) != PF_OK) {
        pf_auth_tables_drop(tables);
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    }
    take_settings(auth, settings, tables);
    return PF_OK;
}

void pf_auth_free(struct pf_auth *auth)
{
    if (!auth)
        return;
    assert(TAILQ_EMPTY(&auth->held) && TAILQ_EMPTY(&auth->delayed));
    assert(!auth->delivering);
    pf_auth_benches_done(&auth->benches);
    pf_auth_feeder_free(auth->feeder);
    pf_timer_free(auth->timer);
    pf_throttle_free(auth->throttle);
    pf_recent_free(auth->logins);
    pf_auth_tables_drop(auth->tables);
    free(auth);
}

/* The name as it will be looked up, or, for the counts of failures, as much as fits of what came. */
static void take_name(struct login *login, struct pf_bytes name)
{
    char prepared[PF_AUTH_NAME_MAX + 1];

    if (pf_saslprep(name, prepared, sizeof prepared) && pf_auth_name_ok(pf_bytes_of(prepared))) {
        memcpy(login->name, prepared, sizeof prepared);
    } else {
        pf_text_safe(login->name, sizeof login->name, name);
        login->work.refused = true;
    }
    login->work.name = pf_bytes_of(login->name);
}

static struct login *login_new(struct pf_auth *auth, struct pf_auth_check *check)
{
    struct pf_bytes secret = pf_bytes_head(check->secret, PF_AUTH_SECRET_MAX);
    struct login *login = calloc(1, sizeof *login + secret.len);

    if (!login)
        return NULL;
    login->auth = auth;
    login->check = check;
    login->started = pf_loop_now(auth->loop);
    login->work.tls = check->tls;
    login->work.refused = secret.len != check->secret.len;
    take_name(login, check->name);
    snprintf(login->peer, sizeof login->peer, "%s", check->peer ? check->peer : "");
    if (secret.len)
        memcpy(login->secret, secret.at, secret.len);
    login->secret_len = secret.len;
    login->work.secret = pf_bytes_from(login->secret, secret.len);
    return login;
}

void pf_auth_check(struct pf_auth *auth, struct pf_auth_check *check)
{
    struct login *login = login_new(auth, check);

    reap(auth);
    if (!login) {
        pf_auth_feeder_add(auth->feeder, check);
        return;
    }
    check->state = login;
    if (!auth->looking && pf_loop_now(auth->loop) - auth->looked < PF_LOOK_EVERY) {
        submit(login);
        return;
    }
    login->state = HELD;
    TAILQ_INSERT_TAIL(&auth->held, login, link);
    if (!auth->looking)
        start_look(auth);
}

void pf_auth_abandon(struct pf_auth *auth, struct pf_auth_check *check)
{
    struct login *login = check->state;

    if (!pf_auth_feeder_remove(auth->feeder, check) && login) {
        login->check = NULL;
        if (login->state == HELD)
            TAILQ_REMOVE(&auth->held, login, link);
        if (login->state == DELAYED)
            TAILQ_REMOVE(&auth->delayed, login, link);
        if (login->state == HELD || login->state == DELAYED)
            login_free(login);
    }
    check->state = NULL;
}

bool pf_auth_login_due(struct pf_auth *auth, const char *user, unsigned delay, pf_time now)
{
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

bool pf_auth_trouble(struct pf_auth *auth, struct pf_err *out_err)
{
    if (auth->trouble.code == PF_OK)
        return false;
    *out_err = auth->trouble;
    auth->trouble = (struct pf_err){0};
    return true;
}
