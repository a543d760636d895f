#include "auth/auth_private.h"

#include "auth/password.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A secret, or a response that may hold a token. */
static size_t room_of(const struct pf_auth_check *check)
{
    return check->way == PF_AUTH_BY_SASL ? PF_EXCHANGE_MESSAGE_MAX : PF_AUTH_SECRET_MAX;
}

/* The name as it will be looked up, or, for the counts of failures, as much as fits of what came. */
static void take_name(struct pf_auth_login *login, struct pf_bytes name)
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

/* Who fills no link has told peer and tls. */
static struct pf_auth_link link_of(const struct pf_auth_check *check)
{
    struct pf_auth_link link = check->link;

    link.tls = link.tls || check->tls;
    link.peer = link.peer ? link.peer : check->peer ? check->peer : "";
    return link;
}

static bool take_talk(struct pf_auth_login *login, struct pf_auth_check *check, const struct pf_auth_link *link)
{
    if (check->way != PF_AUTH_BY_SASL)
        return true;
    login->work.talk = check->talk ? check->talk
                                   : pf_auth_talk_new(login->auth->tables, check->mechanism, link);
    check->talk = NULL;
    return login->work.talk;
}

/* Others can listen: a unix socket's octets leave no machine. */
static bool is_open(const struct pf_auth_link *link)
{
    return !link->tls && strcmp(link->peer, "unix") != 0;
}

/* What somebody could have learnt on the way. */
static unsigned unsafe(const struct pf_auth_check *check, const struct pf_auth_link *link)
{
    const char *version = link->tls_version;
    unsigned kinds = 0;

    if (check->way == PF_AUTH_BY_PASSWORD && is_open(link))
        kinds |= 1u << PF_RECORD_PLAINTEXT;
    if (check->way == PF_AUTH_BY_APOP)
        kinds |= 1u << PF_RECORD_APOP;
    if (link->tls && version && strcmp(version, "TLSv1.2") != 0 && strcmp(version, "TLSv1.3") != 0)
        kinds |= 1u << PF_RECORD_OLD_TLS;
    return kinds;
}

static unsigned unsafe_mechanism(const struct pf_auth_login *login, const struct pf_auth_link *link)
{
    const char *mechanism = login->work.talk ? pf_auth_talk_mechanism(login->work.talk) : "";

    if (strcasecmp(mechanism, "CRAM-MD5") == 0)
        return 1u << PF_RECORD_CRAM_MD5;
    return pf_auth_sasl_light(mechanism) && is_open(link) ? 1u << PF_RECORD_PLAINTEXT : 0;
}

struct pf_auth_login *pf_login_new(struct pf_auth_here *auth, struct pf_auth_check *check)
{
    struct pf_bytes whole = check->way == PF_AUTH_BY_SASL ? check->response : check->secret;
    struct pf_bytes secret = pf_bytes_head(whole, room_of(check));
    struct pf_auth_link link = link_of(check);
    struct pf_auth_login *login = calloc(1, sizeof *login + secret.len);

    if (!login)
        return NULL;
    login->auth = auth;
    login->check = check;
    login->started = pf_loop_now(auth->loop);
    login->work.way = check->way;
    login->work.tls = link.tls;
    login->work.has_response = check->has_response;
    login->work.refused = secret.len != whole.len;
    if (check->way != PF_AUTH_BY_SASL)
        take_name(login, check->name);
    snprintf(login->peer, sizeof login->peer, "%s", link.peer);
    snprintf(login->timestamp, sizeof login->timestamp, "%s", check->timestamp ? check->timestamp : "");
    login->work.peer = login->peer;
    login->work.timestamp = login->timestamp;
    if (secret.len)
        memcpy(login->secret, secret.at, secret.len);
    login->secret_len = secret.len;
    login->work.secret = login->work.response = pf_bytes_from(login->secret, secret.len);
    login->unsafe = unsafe(check, &link);
    if (take_talk(login, check, &link)) {
        login->unsafe |= unsafe_mechanism(login, &link);
        return login;
    }
    pf_login_free(login);
    return NULL;
}

void pf_login_free(struct pf_auth_login *login)
{
    pf_auth_talk_free(login->work.talk);
    pf_auth_tables_drop(login->tables);
    pf_wipe(login->secret, login->secret_len);
    pf_wipe(&login->work, sizeof login->work);
    free(login);
}

void pf_login_deliver(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;
    struct pf_auth_check *check = login->check;

    check->err = login->work.err;
    check->user = login->work.user;
    if (check->err.code != PF_OK)
        memcpy(check->user.name, login->work.tried, sizeof check->user.name);
    check->more = login->step == PF_STEP_CHALLENGE;
    check->spent = login->work.spent;
    if (check->more) {
        check->challenge = login->work.challenge;
        check->talk = login->work.talk;
        login->work.talk = NULL;
    }
    check->state = NULL;
    pf_login_free(login);
    auth->delivering++;
    check->done(check);
    auth->delivering--;
}

static bool is_refusal(enum pf_code code)
{
    return code == PF_AUTH || code == PF_NEED_TLS;
}

struct pf_bytes pf_login_counted(struct pf_auth_login *login)
{
    const char *name = login->work.tried[0] ? login->work.tried : login->name;

    pf_names_counted(login->auth->conf, pf_bytes_of(name), login->counted);
    return pf_bytes_of(login->counted);
}

/* A token may come so often and no more; the login that comes too early does not count. */
static bool token_is_due(struct pf_auth_login *login)
{
    const struct pf_auth_work *work = &login->work;
    char key[PF_AUTH_TOKEN_ID_MAX + 2];

    snprintf(key, sizeof key, "\n%s", work->user.token); /* no user has such a name */
    if (pf_auth_login_due(&login->auth->door, key, work->every, pf_loop_now(login->auth->loop)))
        return true;
    pf_fail(&login->work.err, PF_LOGIN_DELAY, 0, "auth", "the token %s was used less than %u seconds ago",
            work->user.token, work->every);
    return false;
}

static void answer(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;
    const struct pf_auth_talk *talk = login->work.talk;
    enum pf_code code = login->step == PF_STEP_CHALLENGE ? PF_AGAIN : login->work.err.code;

    if (code == PF_OK && !token_is_due(login))
        code = login->work.err.code;
    if (code == PF_OK)
        pf_throttle_succeeded(auth->throttle, pf_login_counted(login), login->peer, pf_loop_now(auth->loop));
    if (code == PF_OK && auth->record)
        pf_record_note(auth->record, login->work.user.name, login->peer, login->unsafe, (int64_t)time(NULL));
    if (login->step == PF_STEP_CHALLENGE && login->work.refused_early) {
        pf_auth_delay(login); /* else who breaks off here could try without end */
    } else if (login->blocked) {
        pf_auth_delay(login); /* it counts, too */
    } else if (!is_refusal(code) || (talk && pf_auth_talk_refused(talk))) {
        pf_login_deliver(login);
    } else if (!login->work.stale) {
        pf_auth_delay(login);
    } else if (!login->parked && pf_auth_work_again(&login->work)) {
        pf_auth_park(login);
    } else {
        pf_fail(&login->work.err, PF_TEMP, 0, "auth", "the password file is being changed");
        pf_login_deliver(login);
    }
}

static void later(struct pf_later *turn)
{
    struct pf_auth_login *login =
        (struct pf_auth_login *)(void *)((char *)turn - offsetof(struct pf_auth_login, later));

    if (login->check)
        answer(login);
    else
        pf_login_free(login);
}

static void answer_later(struct pf_auth_login *login)
{
    login->state = PF_LOGIN_LATER;
    login->later = (struct pf_later){.run = later};
    pf_loop_later(login->auth->loop, &login->later);
}

static void too_busy(struct pf_auth_login *login, const char *why)
{
    pf_fail(&login->work.err, PF_BUSY, 0, "auth", "%s", why);
    login->step = PF_STEP_DONE;
    answer_later(login);
}

static struct pf_auth_login *login_of(struct pf_job *job)
{
    return (struct pf_auth_login *)(void *)((char *)job - offsetof(struct pf_auth_login, job));
}

/* Hashing: threads and memory are bounded. */

static void hash(struct pf_job *job)
{
    pf_auth_work_hash(&login_of(job)->work);
}

static void hash_waiting(struct pf_auth_here *auth);

static void remember(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;
    const struct pf_auth_work *work = &login->work;

    if (auth->cache && work->cache_time > 0 && work->err.code == PF_OK)
        pf_cache_put(auth->cache,
                     pf_cache_key(auth->cache, pf_bytes_of(work->user.name), pf_bytes_of(work->stored), work->secret),
                     pf_loop_now(auth->loop));
}

static void hashed(struct pf_job *job)
{
    struct pf_auth_login *login = login_of(job);
    struct pf_auth_here *auth = login->auth;

    pf_auth_bench_through(login->bench);
    auth->hash_memory -= login->memory;
    auth->hashes--;
    login->step = PF_STEP_DONE;
    if (login->check) {
        remember(login);
        answer(login);
    } else {
        pf_login_free(login);
    }
    hash_waiting(auth);
}

/* One that alone takes more than there may be runs alone. */
static bool has_memory(const struct pf_auth_here *auth, size_t memory)
{
    size_t sum;

    return !auth->conf || auth->hashes == 0 ||
           (!__builtin_add_overflow(auth->hash_memory, memory, &sum) && sum <= auth->conf->hash_memory);
}

static void start_hash(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;

    login->job = (struct pf_job){.work = hash, .done = hashed};
    login->bench = pf_auth_benches_submit(&auth->benches, &login->job);
    if (!login->bench) {
        too_busy(login, "too many passwords wait to be checked");
        return;
    }
    login->state = PF_LOGIN_WORKING;
    auth->hash_memory += login->memory;
    auth->hashes++;
}

static void hash_waiting(struct pf_auth_here *auth)
{
    struct pf_auth_login *login;

    while ((login = TAILQ_FIRST(&auth->waiting)) && has_memory(auth, login->memory)) {
        TAILQ_REMOVE(&auth->waiting, login, link);
        start_hash(login);
    }
}

static void to_hash(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;

    login->memory = pf_password_memory(login->work.stored);
    if (TAILQ_EMPTY(&auth->waiting) && has_memory(auth, login->memory)) {
        start_hash(login);
        return;
    }
    login->state = PF_LOGIN_WAITING;
    TAILQ_INSERT_TAIL(&auth->waiting, login, link);
}

static bool known(const struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;
    const struct pf_auth_work *work = &login->work;

    if (!auth->cache || work->barred || work->cache_time <= 0)
        return false;
    return pf_cache_has(auth->cache,
                        pf_cache_key(auth->cache, pf_bytes_of(work->found.entry.user.name), pf_bytes_of(work->stored),
                                     work->secret),
                        (pf_time)work->cache_time * 1000, pf_loop_now(auth->loop));
}

/* Beginning */

static void begin(struct pf_job *job)
{
    struct pf_auth_login *login = login_of(job);

    login->step = pf_auth_work_begin(&login->work);
}

/* From an address where too much went wrong nobody gets in who is not known there; what he brings is not
 * looked at. */
static bool blocked(struct pf_auth_login *login)
{
    const struct pf_auth_here *auth = login->auth;
    bool asks = login->step == PF_STEP_HASH || (login->step == PF_STEP_DONE && login->work.err.code == PF_OK);

    return asks && auth->conf &&
           pf_throttle_blocked(auth->throttle, pf_login_counted(login), login->peer, auth->conf->failures_per_address,
                               pf_loop_now(auth->loop));
}

static void begun(struct pf_auth_login *login, void (*then)(struct pf_auth_login *))
{
    if (blocked(login)) {
        pf_fail(&login->work.err, PF_BUSY, 0, "auth", "too many failures from this address: not looked at");
        snprintf(login->work.err.say, sizeof login->work.err.say,
                 "too many failed logins from your address, try again later");
        login->blocked = true;
        login->step = PF_STEP_DONE;
    }
    if (login->step == PF_STEP_HASH && known(login)) {
        pf_auth_work_fits(&login->work);
        login->step = PF_STEP_DONE;
    }
    if (login->step == PF_STEP_HASH)
        to_hash(login);
    else
        then(login);
}

static void through_the_door(struct pf_job *job)
{
    struct pf_auth_login *login = login_of(job);

    pf_auth_bench_through(login->bench);
    if (login->check)
        begun(login, answer);
    else
        pf_login_free(login);
}

static bool is_light(const struct pf_auth_login *login)
{
    return pf_auth_tables_in_memory(login->tables) &&
           (login->work.way != PF_AUTH_BY_SASL || pf_auth_sasl_light(pf_auth_talk_mechanism(login->work.talk)));
}

void pf_login_start(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;

    pf_auth_tables_drop(login->tables);
    login->tables = pf_auth_tables_hold(login->work.way == PF_AUTH_BY_SASL
                                            ? pf_auth_talk_tables(login->work.talk)
                                            : auth->tables);
    login->work.tables = login->tables;
    login->work.judged = auth->judged;
    if (is_light(login)) {
        begin(&login->job);
        begun(login, answer_later);
        return;
    }
    login->job = (struct pf_job){.work = begin, .done = through_the_door};
    login->bench = pf_auth_benches_submit(&auth->doors, &login->job);
    login->state = PF_LOGIN_WORKING;
    if (!login->bench)
        too_busy(login, "too many logins wait for databases and mechanisms");
}
