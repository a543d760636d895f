#include "role/keeper.h"

#include "base/text.h"
#include "role/hire.h"
#include "role/keeper_parts.h"
#include "role/say.h"
#include "role/setup.h"
#include "sys/log_sink.h"
#include "sys/notify.h"
#include "sys/proc.h"
#include "sys/succeed.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    AFTER_GRACE = 15 * 1000, /* ms for children to end behind their grace, before they are killed */
    AT_ONCE = 5 * 1000       /* the same when they were told twice */
};

void pf_keeper_trouble(struct pf_keeper *k, enum pf_event event, const struct pf_err *err)
{
    pf_say_event(k->log, event, err);
}

static void out_of_patience(struct pf_timer *timer, void *self)
{
    (void)timer;
    pf_keeper_kill_all(self);
}

/* The end, when nobody is left. */
void pf_keeper_gone(struct pf_keeper *k)
{
    if (!k->generations && (k->stopping || k->succeeded))
        pf_loop_stop(k->loop);
}

void pf_keeper_leave(struct pf_keeper *k, pf_time grace)
{
    k->coming = k->current = NULL;
    pf_listeners_free(k->listeners);
    k->listeners = NULL;
    for (struct pf_crew_generation *g = k->generations; g; g = g->next)
        pf_keeper_dismiss(g, grace);
    pf_keeper_gone(k);
}

static void stop(void *self, int number)
{
    struct pf_keeper *k = self;
    pf_time grace = !k->stopping && k->generations ? k->generations->conf->drain_time : 0;

    (void)number;
    pf_timer_set(k->patience, pf_loop_now(k->loop) + grace + (k->stopping ? AT_ONCE : AFTER_GRACE));
    k->stopping = true;
    pf_successor_give_up(k->successor);
    pf_notify(PF_NOTIFY_STOPPING);
    pf_keeper_leave(k, grace);
}

static enum pf_code signals(struct pf_keeper *k, struct pf_err *err)
{
    static const struct {
        int number;
        void (*fire)(void *self, int number);
    } rows[] = {{SIGHUP, pf_keeper_reload}, {SIGTERM, stop}, {SIGINT, stop}, {SIGUSR2, pf_keeper_upgrade},
                {SIGCHLD, pf_keeper_reap}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!(k->signals[i] = pf_signal_new(k->loop, rows[i].number, rows[i].fire, k, err)))
            return err->code;
    return PF_OK;
}

static enum pf_code find_programs(struct pf_keeper *k, struct pf_err *err)
{
    if (!pf_successor_program(k->program, sizeof k->program))
        k->program[0] = 0;
    for (unsigned i = PF_CREW_KEEPER + 1; i < PF_CREW_ROLES; i++) {
        char name[32];

        snprintf(name, sizeof name, "postfach-%s", pf_crew_role_name((enum pf_crew_role)i));
        if (!pf_hire_find(k->program, name, k->programs[i], sizeof k->programs[i]))
            return pf_fail(err, PF_CONFIG, 0, "keeper", "%s is neither beside %s nor in %s", name, k->program,
                           PF_LIBEXECDIR);
    }
    return PF_OK;
}

static enum pf_code build(struct pf_keeper *k, const struct pf_conf *conf, struct pf_err *err)
{
    if (!(k->log = pf_setup_log(conf, err)) || !(k->loop = pf_loop_new(err)))
        return err->code;
    k->patience = pf_timer_new(k->loop, out_of_patience, k);
    if (!k->patience)
        return pf_fail(err, PF_NO_MEMORY, 0, "keeper", "no memory");
    if (pf_seal_key(k->ticket_key, err) != PF_OK || pf_seal_key(k->seed, err) != PF_OK)
        return err->code;
    return signals(k, err);
}

/* Who is not root is one user, and so are all its children. */
static enum pf_code check_user(const struct pf_conf *conf, struct pf_err *err)
{
    return conf->run_as && geteuid() != 0 ? pf_proc_become(conf->run_as, err) : PF_OK;
}

static enum pf_code start_with(struct pf_keeper *k, struct pf_conf *conf, struct pf_err *err)
{
    struct pf_listeners *listeners;
    enum pf_code code;

    if (conf->listen_count == 0)
        return pf_fail(err, PF_CONFIG, 0, "start", "%s has no `listen`: nobody could connect", k->conf_file);
    code = find_programs(k, err);
    if (code == PF_OK)
        code = check_user(conf, err);
    if (code == PF_OK)
        code = build(k, conf, err);
    if (code != PF_OK)
        return code;
    listeners = pf_listeners_first(k->loop, conf, k->handed, err);
    if (!listeners)
        return err->code;
    pf_listeners_pause(listeners);
    return pf_keeper_form(k, pf_conf_hold(conf), listeners, err);
}

static enum pf_code start(struct pf_keeper *k, struct pf_err *err)
{
    struct pf_conf *conf;
    enum pf_code code;

    k->handed = pf_handed_new(err);
    if (!k->handed)
        return err->code;
    conf = pf_conf_read(k->conf_file, pf_say_mistake, NULL);
    code = conf ? start_with(k, conf, err) : PF_CONFIG;
    if (!conf)
        err->code = PF_OK; /* all was said */
    pf_handed_free(k->handed); /* what the settings do not name is closed */
    k->handed = NULL;
    pf_conf_free(conf);
    return code;
}

static void say_user(struct pf_keeper *k, const struct pf_conf *conf)
{
    bool root = geteuid() == 0, other = conf->gate_user || conf->auth_user;
    struct pf_field field =
        PF_TEXT_FIELD("why", root ? "settings name no gate-user and no auth-user" : "not started by root");

    if (!root || !other)
        pf_log_event(k->log, PF_EVENT_one_user, &field, 1);
}

static void serve(struct pf_keeper *k, const struct pf_conf *conf)
{
    struct pf_err err;

    if (pf_say_pid(conf, &err) != PF_OK || pf_say_start(conf, k->listeners, k->log, &err) != PF_OK) {
        k->fault = err;
        stop(k, SIGTERM);
        return;
    }
    if (conf->pid_file)
        snprintf(k->pid_file, sizeof k->pid_file, "%s", conf->pid_file);
    say_user(k, conf);
    k->watchdog = pf_watchdog_new(k->loop);
    pf_notify(PF_NOTIFY_READY);
    pf_successor_ready();
}

void pf_keeper_formed(struct pf_crew_generation *g)
{
    static const struct pf_listeners_to nobody;
    struct pf_keeper *k = g->keeper;
    struct pf_crew_generation *old = k->current;

    pf_listeners_commit(g->listeners, &nobody, g->conf, k->listeners);
    k->listeners = g->listeners;
    g->listeners = NULL;
    k->current = g;
    k->coming = NULL;
    if (old)
        pf_keeper_reloaded(k, old);
    else
        serve(k, g->conf);
    if (k->again && !k->stopping)
        pf_keeper_reload(k, SIGHUP);
}

void pf_keeper_failed(struct pf_crew_generation *g, const struct pf_err *err)
{
    struct pf_keeper *k = g->keeper;

    if (k->coming != g)
        return;
    k->coming = NULL;
    if (k->current) {
        pf_keeper_reload_failed(k, err);
        return;
    }
    k->fault = *err;
    k->stopping = true;
}

/* We are on the way out: a second SIGTERM must not turn a clean end into a death by signal in the moment
 * when nobody handles it any more. */
static void hear_no_more(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static void say_end(struct pf_keeper *k)
{
    struct pf_field field = PF_NUMBER_FIELD("sessions", k->served);

    pf_log_event(k->log, PF_EVENT_stop, &field, 1);
    if (k->pid_file[0] && !k->succeeded)
        unlink(k->pid_file);
}

static void take_down(struct pf_keeper *k)
{
    hear_no_more();
    for (size_t i = 0; i < sizeof k->signals / sizeof k->signals[0]; i++)
        pf_signal_free(k->signals[i]);
    pf_listeners_free(k->listeners);
    pf_watchdog_free(k->watchdog);
    pf_timer_free(k->patience);
    if (k->pool)
        pf_pool_free(k->pool);
    if (k->loop) {
        while (pf_loop_turn(k->loop, true)) /* handles that close take a turn */
            ;
        pf_loop_free(k->loop);
    }
    if (k->log)
        pf_log_free(k->log);
    pf_wipe(k->ticket_key, sizeof k->ticket_key);
    pf_wipe(k->seed, sizeof k->seed);
}

int pf_keeper_run(const char *conf_file)
{
    static struct pf_keeper k; /* some pages of paths */
    struct pf_err err = {0};
    enum pf_code code;

    pf_hire_cover();
    pf_proc_harden();
    k.conf_file = conf_file;
    snprintf(k.conf_copy, sizeof k.conf_copy, "%s", conf_file);
    code = start(&k, &err);
    if (code == PF_OK) {
        pf_loop_run(k.loop);
        code = k.fault.code;
        err = k.fault;
        if (code == PF_OK)
            say_end(&k);
    }
    if (code != PF_OK && err.code != PF_OK)
        pf_say_failure(&err);
    take_down(&k);
    return pf_verdict(code)->exit_status;
}
