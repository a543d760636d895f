#include "role/single.h"

#include "role/listeners.h"
#include "role/setup.h"
#include "session/serve_lmtp.h"
#include "session/serve_pop3.h"
#include "sys/explain.h"
#include "sys/log_sink.h"
#include "sys/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Descriptors beside guests: listeners, log, loop, and up to 256 connections that linger (sys/conn.h). */
enum { SPARE_DESCRIPTORS = 512 };

/* A guest holds a socket, a lock, two folders and an open message. */
enum { DESCRIPTORS_PER_GUEST = 6 };

/* Stores and logs of earlier settings, which guests may still use; freed at the end. */
struct old {
    struct old *next;
    struct pf_store *store;
    struct pf_log *log;
};

struct single {
    const char *conf_file;
    struct pf_conf *conf;
    struct pf_loop *loop;
    struct pf_pool *disk;
    struct pf_tls_tickets *tickets;
    struct pf_store *store;
    struct pf_auth *auth;
    struct pf_guests *guests;
    struct pf_hall *hall;
    struct pf_lookup *lookup;
    struct pf_dock *dock;
    struct pf_listeners *listeners;
    struct pf_log *log;
    struct pf_signal *hup, *term, *interrupt;
    struct old *old;
    unsigned emptied; /* of hall and dock, since the last signal */
    bool stopping;
};

static int complain(const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfachd: %s\n", pf_explain(err, text, sizeof text));
    return pf_verdict(err->code)->exit_status;
}

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

static void log_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    struct single *s = self;
    char where[600];
    struct pf_field fields[] = {
        PF_TEXT_FIELD("at", where),
        PF_TEXT_FIELD("err", mistake->text),
        PF_TEXT_FIELD("hint", mistake->hint[0] ? mistake->hint : NULL),
    };

    snprintf(where, sizeof where, "%s:%u:%u", mistake->file, mistake->line, mistake->column);
    pf_log_event(s->log, PF_EVENT_reload_failed, fields, 3);
}

static void log_err(struct single *s, enum pf_event event, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];
    struct pf_field field = PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text));

    pf_log_event(s->log, event, &field, 1);
}

static void log_certificates(struct single *s, const struct pf_tls *tls)
{
    char text[500];

    for (size_t i = 0; tls && pf_tls_describe(tls, i, text, sizeof text); i++) {
        struct pf_field field = PF_TEXT_FIELD("text", text);

        pf_log_event(s->log, PF_EVENT_certificate, &field, 1);
    }
}

/* Puts what the settings want in force; on failure everything is as it was. */
static enum pf_code apply(struct single *s, struct pf_conf *conf, struct pf_err *err)
{
    const struct pf_listeners_to to = {s->loop, s->hall, s->dock};
    struct pf_listeners *listeners;
    struct pf_tls *tls = NULL;
    enum pf_code code = pf_setup_tls(conf, s->tickets, &tls, err);

    if (code != PF_OK)
        return code;
    listeners = pf_listeners_open(&to, conf, s->listeners, err);
    if (!listeners) {
        pf_tls_free(tls);
        return err->code;
    }
    s->listeners = listeners;
    code = pf_hall_settings(s->hall, conf, tls, err);
    if (code == PF_OK)
        code = pf_dock_settings(s->dock, conf, tls, err);
    if (code == PF_OK)
        log_certificates(s, tls);
    pf_tls_free(tls);
    pf_guests_limits(s->guests, conf->connections, conf->connections_per_address);
    return code;
}

static void keep_old(struct single *s, struct pf_store *store, struct pf_log *log)
{
    struct old *old = calloc(1, sizeof *old);

    if (!old) /* it stays in memory for the life of the process, which is what a list would do too */
        return;
    *old = (struct old){s->old, store, log};
    s->old = old;
}

/* A new log and store, when the settings ask for others. A failure leaves the old in use. */
static enum pf_code renew_parts(struct single *s, struct pf_conf *conf, struct pf_err *err)
{
    struct pf_log *log = pf_setup_log(conf, err);
    struct pf_store *store = NULL;

    if (!log)
        return err->code;
    if (pf_setup_store_differs(s->conf, conf) || conf->log_debug) {
        store = pf_setup_store(conf, s->loop, s->disk, log, err);
        if (!store) {
            keep_old(s, NULL, log);
            return err->code;
        }
    }
    keep_old(s, store ? s->store : NULL, s->log);
    s->log = log;
    if (store)
        s->store = store;
    pf_hall_change(s->hall, s->log, s->store);
    pf_dock_change(s->dock, s->log, s->store);
    return PF_OK;
}

static enum pf_code reload_users(struct single *s, const struct pf_conf *conf, struct pf_err *err)
{
    struct pf_auth_settings auth;
    struct pf_lookup_settings lookup;
    enum pf_code code;

    pf_setup_auth(conf, &auth);
    pf_setup_lookup(conf, &lookup);
    code = pf_auth_reload(s->auth, &auth, err);
    return code == PF_OK ? pf_lookup_reload(s->lookup, &lookup, err) : code;
}

static enum pf_code reload_with(struct single *s, struct pf_conf *conf, struct pf_err *err)
{
    enum pf_code code = reload_users(s, conf, err);

    if (code == PF_OK)
        code = apply(s, conf, err);
    if (code != PF_OK) { /* logins and deliveries go on by the old settings too */
        reload_users(s, s->conf, NULL);
        return code;
    }
    return renew_parts(s, conf, err);
}

static void reload(void *self, int number)
{
    struct single *s = self;
    struct pf_conf *conf;
    struct pf_err err;

    (void)number;
    if (s->stopping)
        return;
    conf = pf_conf_read(s->conf_file, log_mistake, s);
    if (!conf)
        return;
    if (reload_with(s, conf, &err) != PF_OK) {
        log_err(s, PF_EVENT_reload_failed, &err);
        pf_conf_free(conf);
        return;
    }
    pf_conf_free(s->conf);
    s->conf = conf;
    pf_log_event(s->log, PF_EVENT_reload, NULL, 0);
    pf_listeners_log(s->listeners, s->log);
}

static void emptied(void *self)
{
    struct single *s = self;

    if (++s->emptied >= 2)
        pf_loop_stop(s->loop);
}

static void stop(void *self, int number)
{
    struct single *s = self;
    pf_time grace = s->stopping ? 0 : s->conf->drain_time;

    (void)number;
    s->stopping = true;
    s->emptied = 0; /* both tell again */
    pf_listeners_free(s->listeners);
    s->listeners = NULL;
    pf_hall_close(s->hall, grace, emptied, s);
    pf_dock_close(s->dock, grace, emptied, s);
}

static enum pf_code signals(struct single *s, struct pf_err *err)
{
    s->hup = pf_signal_new(s->loop, SIGHUP, reload, s, err);
    s->term = s->hup ? pf_signal_new(s->loop, SIGTERM, stop, s, err) : NULL;
    s->interrupt = s->term ? pf_signal_new(s->loop, SIGINT, stop, s, err) : NULL;
    return s->interrupt ? PF_OK : err->code;
}

/* The parts that live as long as the process. */
static enum pf_code build(struct single *s, struct pf_err *err)
{
    struct pf_conf *conf = s->conf;
    struct pf_auth_settings auth;
    struct pf_lookup_settings lookup;
    struct pf_hall_parts parts;
    struct pf_dock_parts dock;

    pf_setup_auth(conf, &auth);
    pf_setup_lookup(conf, &lookup);
    pf_fail(err, PF_NO_MEMORY, 0, "start", "no memory");
    if (!(s->log = pf_setup_log(conf, err)) || !(s->loop = pf_loop_new(err)) ||
        !(s->disk = pf_pool_new(s->loop, "pf-disk", conf->disk_threads, conf->disk_queue, err)) ||
        !(s->store = pf_setup_store(conf, s->loop, s->disk, s->log, err)) ||
        !(s->guests = pf_guests_new(conf->connections, conf->connections_per_address)) ||
        !(s->tickets = pf_tls_tickets_new((unsigned)conf->ticket_rotate, err)))
        return err->code;
    parts = (struct pf_hall_parts){s->loop, s->log, NULL, s->store, s->guests};
    s->auth = parts.auth = pf_auth_new(s->loop, &auth, err);
    if (!s->auth || !(s->hall = pf_hall_new(&parts, err)) ||
        !(s->lookup = pf_lookup_new(s->loop, &lookup, err)))
        return err->code;
    dock = (struct pf_dock_parts){s->loop, s->log, s->lookup, s->store};
    if (!(s->dock = pf_dock_new(&dock, err)))
        return err->code;
    return signals(s, err);
}

static enum pf_code announce(struct single *s, struct pf_err *err)
{
    struct pf_field fields[] = {
        PF_TEXT_FIELD("version", PF_VERSION),
        PF_NUMBER_FIELD("pid", (uint64_t)getpid()),
        PF_NUMBER_FIELD("listeners", s->conf->listen_count),
    };
    enum pf_code code = PF_OK;

    pf_listeners_log(s->listeners, s->log);
    if (s->conf->port_file)
        code = pf_listeners_write(s->listeners, s->conf->port_file, err);
    if (code == PF_OK)
        pf_log_event(s->log, PF_EVENT_start, fields, 3);
    return code;
}

static enum pf_code write_pid(const struct single *s, struct pf_err *err)
{
    FILE *file;

    if (!s->conf->pid_file)
        return PF_OK;
    file = fopen(s->conf->pid_file, "we");
    if (!file || fprintf(file, "%ld\n", (long)getpid()) < 0 || fclose(file) != 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, "pid-file", "cannot write %s",
                       s->conf->pid_file);
    return PF_OK;
}

/* Ports and files that need root come first, then root is given up. */
static enum pf_code start(struct single *s, struct pf_err *err)
{
    enum pf_code code;

    if (s->conf->listen_count == 0)
        return pf_fail(err, PF_CONFIG, 0, "start", "%s has no `listen`: nobody could connect", s->conf_file);
    pf_proc_descriptors((size_t)s->conf->connections * DESCRIPTORS_PER_GUEST + SPARE_DESCRIPTORS);
    code = build(s, err);
    if (code == PF_OK)
        code = apply(s, s->conf, err);
    if (code == PF_OK)
        code = write_pid(s, err);
    if (code == PF_OK && s->conf->run_as)
        code = pf_proc_become(s->conf->run_as, err);
    if (code == PF_OK)
        code = announce(s, err);
    return code;
}

/* We are on the way out: a second SIGTERM must not turn a clean end into a death by signal in the moment
 * when nobody handles it any more. */
static void hear_no_more(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static void take_down(struct single *s)
{
    hear_no_more();
    pf_listeners_free(s->listeners);
    pf_signal_free(s->hup);
    pf_signal_free(s->term);
    pf_signal_free(s->interrupt);
    pf_hall_free(s->hall);
    pf_dock_free(s->dock);
    pf_lookup_free(s->lookup);
    if (s->auth)
        pf_auth_free(s->auth);
    pf_store_free(s->store);
    for (struct old *old = s->old, *next; old; old = next) {
        next = old->next;
        pf_store_free(old->store);
    }
    if (s->disk)
        pf_pool_free(s->disk);
    if (s->guests)
        pf_guests_free(s->guests);
    if (s->tickets)
        pf_tls_tickets_free(s->tickets);
    if (s->loop) {
        while (pf_loop_turn(s->loop, true)) /* handles that close take a turn */
            ;
        pf_loop_free(s->loop);
    }
    for (struct old *old = s->old, *next; old; old = next) {
        next = old->next;
        if (old->log)
            pf_log_free(old->log);
        free(old);
    }
    if (s->log)
        pf_log_free(s->log);
    pf_conf_free(s->conf);
}

static void say_end(struct single *s)
{
    struct pf_field field = PF_NUMBER_FIELD("sessions", pf_hall_served(s->hall));

    pf_log_event(s->log, PF_EVENT_stop, &field, 1);
    if (s->conf->pid_file)
        unlink(s->conf->pid_file);
}

int pf_single_run(const char *conf_file)
{
    struct single s = {.conf_file = conf_file};
    struct pf_err err = {0};
    int status = 0;

    pf_proc_harden();
    s.conf = pf_conf_read(conf_file, print_mistake, NULL);
    if (!s.conf)
        return pf_verdict(PF_CONFIG)->exit_status;
    if (start(&s, &err) == PF_OK) {
        pf_loop_run(s.loop);
        say_end(&s);
    } else {
        status = complain(&err);
    }
    take_down(&s);
    return status;
}
