#include "role/single.h"

#include "auth/auth_settings.h"
#include "role/say.h"
#include "role/setup.h"
#include "role/single_parts.h"
#include "session/ctl_local.h"
#include "store/counted.h"
#include "sys/log_sink.h"
#include "sys/notify.h"
#include "sys/proc.h"
#include "sys/succeed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Descriptors beside guests: listeners, log, loop, and up to 256 connections that linger (sys/conn.h). */
enum { SPARE_DESCRIPTORS = 512 };

/* A guest holds a socket, a lock, two folders and an open message. */
enum { DESCRIPTORS_PER_GUEST = 6 };

static void emptied(void *self)
{
    struct pf_single *s = self;

    if (++s->emptied >= 2)
        pf_loop_stop(s->loop);
}

static void stop(void *self, int number)
{
    struct pf_single *s = self;
    pf_time grace = s->stopping ? 0 : s->conf->drain_time;

    (void)number;
    s->stopping = true;
    pf_successor_give_up(s->successor);
    pf_notify(PF_NOTIFY_STOPPING);
    s->emptied = 0; /* both tell again */
    pf_listeners_free(s->listeners);
    s->listeners = NULL;
    pf_hall_close(s->hall, grace, emptied, s);
    pf_dock_close(s->dock, grace, emptied, s);
}

static enum pf_code signals(struct pf_single *s, struct pf_err *err)
{
    s->hup = pf_signal_new(s->loop, SIGHUP, pf_single_reload, s, err);
    s->term = s->hup ? pf_signal_new(s->loop, SIGTERM, stop, s, err) : NULL;
    s->interrupt = s->term ? pf_signal_new(s->loop, SIGINT, stop, s, err) : NULL;
    s->usr2 = s->interrupt ? pf_signal_new(s->loop, SIGUSR2, pf_single_upgrade, s, err) : NULL;
    return s->usr2 ? PF_OK : err->code;
}

/* Figures, and the doors for who wants to see them. */
static enum pf_code build_ctl(struct pf_single *s, struct pf_err *err)
{
    struct pf_ctl_local_parts local = {.loop = s->loop, .hall = s->hall, .dock = s->dock, .disk = s->disk,
                                       .auth = s->auth, .reload = pf_single_reload_for, .self = s};
    struct pf_ctl_parts parts = {.loop = s->loop, .log = s->log};

    local.stats = s->stats;
    s->source = parts.source = pf_ctl_local_new(&local, err);
    s->ctl = s->source ? pf_ctl_new(&parts, err) : NULL;
    if (!s->ctl)
        return PF_NO_MEMORY;
    pf_stats_gauge(s->stats, PF_STAT_start_time_seconds, (uint64_t)time(NULL));
    pf_hall_stats(s->hall, s->stats);
    pf_dock_stats(s->dock, s->stats);
    pf_single_journal(s);
    return PF_OK;
}

/* The parts that live as long as the process. */
static enum pf_code build(struct pf_single *s, struct pf_err *err)
{
    struct pf_conf *conf = s->conf;
    struct pf_auth_settings auth;
    struct pf_lookup_settings lookup;
    struct pf_hall_parts parts;
    struct pf_dock_parts dock;

    pf_auth_settings_of(conf, &auth);
    pf_fail(err, PF_NO_MEMORY, 0, "start", "no memory");
    if (!(s->log = pf_setup_log(conf, err)) || !(s->loop = pf_loop_new(err)) ||
        !(s->disk = pf_pool_new(s->loop, "pf-disk", conf->disk_threads, conf->disk_queue, err)) ||
        !(s->stats = pf_stats_new(err)) ||
        !(s->store = pf_counted_new(pf_setup_store(conf, s->loop, s->disk, s->log, err), s->stats, err)) ||
        !(s->journal = pf_setup_journal(conf, s->loop, s->disk, &s->log, err)) ||
        !(s->guests = pf_guests_new(conf->connections, conf->connections_per_address)) ||
        !(s->tickets = pf_tls_tickets_new((unsigned)conf->ticket_rotate, err)))
        return err->code;
    auth.pool = s->disk;
    parts = (struct pf_hall_parts){s->loop, s->log, NULL, s->store, s->guests};
    s->auth = parts.auth = pf_auth_new(s->loop, &auth, err);
    if (!s->auth || !(s->hall = pf_hall_new(&parts, err)) ||
        !(s->lookup = pf_lookup_new(s->loop, pf_setup_lookup(conf, &lookup), err)))
        return err->code;
    dock = (struct pf_dock_parts){s->loop, s->log, s->lookup, s->store};
    if (!(s->dock = pf_dock_new(&dock, err)) || build_ctl(s, err) != PF_OK)
        return err->code;
    return signals(s, err);
}

/* Ports and files that need root come first, then root is given up. */
static enum pf_code start(struct pf_single *s, struct pf_err *err)
{
    enum pf_code code;

    if (s->conf->listen_count == 0)
        return pf_fail(err, PF_CONFIG, 0, "start", "%s has no `listen`: nobody could connect", s->conf_file);
    pf_proc_descriptors((size_t)s->conf->connections * DESCRIPTORS_PER_GUEST + SPARE_DESCRIPTORS);
    s->handed = pf_handed_new(err);
    code = s->handed ? build(s, err) : err->code;
    if (code == PF_OK)
        code = pf_single_apply(s, err);
    pf_handed_free(s->handed); /* what the settings do not name is closed */
    s->handed = NULL;
    if (code == PF_OK)
        code = pf_say_pid(s->conf, err);
    if (code == PF_OK && s->conf->run_as)
        code = pf_proc_become(s->conf->run_as, err);
    if (code == PF_OK)
        code = pf_say_start(s->conf, s->listeners, s->log, err);
    if (code != PF_OK)
        return code;
    pf_setup_journal_begin(pf_setup_journal_sink(s->journal, s->conf));
    s->watchdog = pf_watchdog_new(s->loop);
    pf_notify(PF_NOTIFY_READY);
    pf_successor_ready();
    return PF_OK;
}

/* We are on the way out: a second SIGTERM must not turn a clean end into a death by signal in the moment
 * when nobody handles it any more. */
static void hear_no_more(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static void take_down(struct pf_single *s)
{
    hear_no_more();
    pf_listeners_free(s->listeners);
    pf_signal_free(s->hup);
    pf_signal_free(s->term);
    pf_signal_free(s->interrupt);
    pf_signal_free(s->usr2);
    pf_timer_free(s->leave);
    pf_watchdog_free(s->watchdog);
    pf_ctl_free(s->ctl);
    pf_ctl_source_free(s->source);
    pf_hall_free(s->hall);
    pf_dock_free(s->dock);
    pf_lookup_free(s->lookup);
    if (s->auth)
        pf_auth_free(s->auth);
    pf_timer_free(s->sweep);
    pf_single_sweep(s, true);
    pf_store_free(s->store);
    pf_tls_free(s->tls);
    pf_journal_file_free(s->journal);
    if (s->disk)
        pf_pool_free(s->disk);
    if (s->guests)
        pf_guests_free(s->guests);
    pf_stats_free(s->stats);
    if (s->tickets)
        pf_tls_tickets_free(s->tickets);
    if (s->loop) {
        while (pf_loop_turn(s->loop, true)) /* handles that close take a turn */
            ;
        pf_loop_free(s->loop);
    }
    if (s->log)
        pf_log_free(s->log);
    pf_conf_free(s->conf);
}

static void say_end(struct pf_single *s)
{
    struct pf_field field = PF_NUMBER_FIELD("sessions", pf_hall_served(s->hall));

    pf_log_event(s->log, PF_EVENT_stop, &field, 1);
    if (s->conf->pid_file && !s->succeeded)
        unlink(s->conf->pid_file);
}

int pf_single_run(const char *conf_file)
{
    struct pf_single s = {.conf_file = conf_file};
    struct pf_err err = {0};
    int status = 0;

    if (!pf_successor_program(s.program, sizeof s.program))
        s.program[0] = 0;
    snprintf(s.conf_copy, sizeof s.conf_copy, "%s", conf_file);
    pf_proc_harden();
    s.conf = pf_conf_read(conf_file, pf_say_mistake, NULL);
    if (!s.conf)
        return pf_verdict(PF_CONFIG)->exit_status;
    if (start(&s, &err) == PF_OK) {
        pf_loop_run(s.loop);
        say_end(&s);
    } else {
        status = pf_say_failure(&err);
    }
    take_down(&s);
    return status;
}
