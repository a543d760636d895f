#include "auth/auth_private.h"

#include "base/text.h"

/* Waiting: for a look at the files, and for the time of an answer. */

static bool some_parked(const struct pf_auth_here *auth)
{
    const struct pf_auth_login *login;

    TAILQ_FOREACH(login, &auth->held, link)
    if (login->parked)
        return true;
    return false;
}

static void set_timer(struct pf_auth_here *auth)
{
    const struct pf_auth_login *first = TAILQ_FIRST(&auth->delayed);
    pf_time at = first ? first->due : PF_NEVER;

    if (!auth->looking && some_parked(auth) && auth->look_again < at)
        at = auth->look_again;
    pf_timer_set(auth->timer, at);
}

static void start_look(struct pf_auth_here *auth);

void pf_auth_timer(struct pf_timer *timer, void *self)
{
    struct pf_auth_here *auth = self;
    pf_time now = pf_loop_now(auth->loop);
    struct pf_auth_login *login;

    (void)timer;
    while ((login = TAILQ_FIRST(&auth->delayed)) && login->due <= now) {
        TAILQ_REMOVE(&auth->delayed, login, link);
        pf_login_deliver(login);
    }
    if (!auth->looking && some_parked(auth) && auth->look_again <= now)
        start_look(auth);
    set_timer(auth);
}

/* A failed answer comes at a time that counts from when the question came, so that the time of the
 * hash is not to be seen in it. */
void pf_auth_delay(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;
    struct pf_auth_login *before;

    login->due = login->started + pf_throttle_failed(auth->throttle, pf_login_counted(login), login->peer,
                                                     &auth->delays, pf_loop_now(auth->loop));
    login->state = PF_LOGIN_DELAYED;
    pf_wipe(login->secret, login->secret_len);
    TAILQ_FOREACH_REVERSE(before, &auth->delayed, pf_auth_logins, link)
    if (before->due <= login->due)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&auth->delayed, before, login, link);
    else
        TAILQ_INSERT_HEAD(&auth->delayed, login, link);
    set_timer(auth);
}

void pf_auth_park(struct pf_auth_login *login)
{
    login->parked = true;
    login->state = PF_LOGIN_HELD;
    TAILQ_INSERT_TAIL(&login->auth->held, login, link);
    if (!login->auth->looking)
        start_look(login->auth);
}

/* Looks */

/* Those that only waited for a look go on; those that failed meanwhile wait until it showed a file
 * that nobody is writing. */
static void release(struct pf_auth_here *auth, bool all)
{
    struct pf_auth_login *login, *next;

    for (login = TAILQ_FIRST(&auth->held); login; login = next) {
        next = TAILQ_NEXT(login, link);
        if (login->parked && !all)
            continue;
        TAILQ_REMOVE(&auth->held, login, link);
        pf_login_start(login);
    }
}

/* A look that began before a reload has nothing to say any more. */
static void take_look(struct pf_auth_here *auth)
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
    struct pf_auth_here *auth = (struct pf_auth_here *)(void *)((char *)look - offsetof(struct pf_auth_here, look));
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
static void start_look(struct pf_auth_here *auth)
{
    pf_time now = pf_loop_now(auth->loop);

    auth->look = (struct pf_auth_look){
        .job = {.work = pf_auth_look_work, .done = looked},
        .tables = pf_auth_tables_hold(auth->tables),
        .judged = auth->judged,
        .flux = auth->flux_since ? now - auth->flux_since : 0,
    };
    auth->look_bench = pf_auth_benches_submit(&auth->doors, &auth->look.job);
    auth->looking = auth->look_bench != NULL;
    if (auth->looking)
        return;
    pf_auth_tables_drop(auth->look.tables);
    release(auth, true);
}

void pf_auth_hold(struct pf_auth_login *login)
{
    struct pf_auth_here *auth = login->auth;

    if (!auth->looking && pf_loop_now(auth->loop) - auth->looked < PF_LOOK_EVERY) {
        pf_login_start(login);
        return;
    }
    login->state = PF_LOGIN_HELD;
    TAILQ_INSERT_TAIL(&auth->held, login, link);
    if (!auth->looking)
        start_look(auth);
}

unsigned pf_auth_here_waiting(const struct pf_auth_here *auth)
{
    unsigned count = pf_auth_benches_waiting(&auth->benches);
    const struct pf_auth_login *login;

    TAILQ_FOREACH (login, &auth->waiting, link)
        count++;
    return count;
}
