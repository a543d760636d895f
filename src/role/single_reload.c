#include "role/single_parts.h"

#include "auth/auth_settings.h"
#include "auth/lookup.h"
#include "role/say.h"
#include "role/setup.h"
#include "store/counted.h"
#include "sys/explain.h"
#include "sys/notify.h"
#include "sys/log_sink.h"

#include <stdio.h>
#include <stdlib.h>

/* How often it is looked whether old settings have nobody any more, while there are any. */
enum { SWEEP_EVERY = 1000 };

/* What a reload makes before anything is changed. */
struct fresh {
    struct pf_conf *conf;
    struct pf_tls *tls;
    struct pf_listeners *listeners;
    struct pf_generation *hall;
    struct pf_lookup_generation *lookup;
    struct pf_log *log;     /* NULL: the old one does */
    struct pf_store *store; /* NULL: the old one does */
    struct pf_single_old *old;
};

static void tell(struct pf_single *s, const char *where, const char *text, const char *hint)
{
    char line[1024];

    if (!s->tell)
        return;
    snprintf(line, sizeof line, "%s: %s%s%s", where, text, hint[0] ? "; " : "", hint);
    s->tell(s->tell_to, line);
}

static void log_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    struct pf_single *s = self;
    char where[600];

    pf_say_reload_mistake(s->log, mistake);
    snprintf(where, sizeof where, "%s:%u:%u", mistake->file, mistake->line, mistake->column);
    tell(s, where, mistake->text, mistake->hint);
}

static void log_err(struct pf_single *s, enum pf_event event, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    pf_say_event(s->log, event, err);
    tell(s, "reload", pf_explain(err, text, sizeof text), "");
}

static void forget(struct fresh *f)
{
    pf_listeners_free(f->listeners);
    pf_generation_free(f->hall);
    pf_lookup_forget(f->lookup);
    pf_tls_free(f->tls);
    pf_store_free(f->store);
    if (f->log)
        pf_log_free(f->log);
    free(f->old);
}

/* Certificates, ports, and what guests read: of a start and of a reload. */
static enum pf_code prepare(struct pf_single *s, struct fresh *f, struct pf_err *err)
{
    enum pf_code code = pf_setup_tls(f->conf, s->tickets, &f->tls, err);

    if (code != PF_OK)
        return code;
    f->listeners = s->handed ? pf_listeners_first(s->loop, f->conf, s->handed, err)
                             : pf_listeners_prepare(s->loop, f->conf, s->listeners, err);
    f->hall = f->listeners ? pf_generation_new(f->conf, f->tls, err) : NULL;
    return f->hall ? PF_OK : err->code;
}

static void commit(struct pf_single *s, struct fresh *f)
{
    const struct pf_listeners_to to = {s->hall, s->dock, s->ctl, pf_ctl_caller};

    pf_listeners_commit(f->listeners, &to, f->conf, s->listeners);
    s->listeners = f->listeners;
    pf_hall_take(s->hall, f->hall);
    pf_tls_free(s->tls);
    s->tls = f->tls;
    pf_guests_limits(s->guests, f->conf->connections, f->conf->connections_per_address);
}

enum pf_code pf_single_apply(struct pf_single *s, struct pf_err *err)
{
    struct fresh f = {.conf = s->conf};
    enum pf_code code = prepare(s, &f, err);

    if (code == PF_OK)
        code = pf_dock_settings(s->dock, f.conf, f.tls, err);
    if (code != PF_OK) {
        forget(&f);
        return code;
    }
    commit(s, &f);
    pf_say_certificates(s->log, s->tls);
    return PF_OK;
}

/* A new log and store, when the settings ask for others; a store that is traced speaks to its log. */
static enum pf_code prepare_parts(struct pf_single *s, struct fresh *f, struct pf_err *err)
{
    struct pf_lookup_settings lookup;
    bool other_log = pf_setup_log_differs(s->conf, f->conf);

    f->old = calloc(1, sizeof *f->old);
    if (!f->old)
        return pf_fail(err, PF_NO_MEMORY, 0, "reload", "no memory");
    if (other_log && !(f->log = pf_setup_log(f->conf, err)))
        return err->code;
    if (pf_setup_store_differs(s->conf, f->conf) || (other_log && f->conf->log_debug)) {
        f->store = pf_setup_store(f->conf, s->loop, s->disk, f->log ? f->log : s->log, err);
        f->store = pf_counted_new(f->store, s->stats, err);
        if (!f->store)
            return err->code;
    }
    f->lookup = pf_lookup_prepare(pf_setup_lookup(f->conf, &lookup), err);
    return f->lookup ? PF_OK : err->code;
}

/* The last that may fail. The dock is back where it was when auth did not follow; only a second lack of
 * memory right behind the first could keep it from that, and then auth has changed nothing either. */
static enum pf_code change_both(struct pf_single *s, struct fresh *f, struct pf_err *err)
{
    struct pf_auth_settings auth;
    enum pf_code code = pf_dock_settings(s->dock, f->conf, f->tls, err);

    if (code != PF_OK)
        return code;
    pf_auth_settings_of(f->conf, &auth);
    auth.pool = s->disk;
    code = pf_auth_reload(s->auth, &auth, err);
    if (code != PF_OK)
        pf_dock_settings(s->dock, s->conf, s->tls, NULL);
    return code;
}

static void keep_old(struct pf_single *s, struct fresh *f)
{
    struct pf_single_old **end = &s->old;

    while (*end)
        end = &(*end)->next;
    *f->old = (struct pf_single_old){NULL, s->conf, f->store ? s->store : NULL, f->log ? s->log : NULL};
    *end = f->old;
}

void pf_single_journal(struct pf_single *s)
{
    struct pf_journal_sink *sink = pf_setup_journal_sink(s->journal, s->conf);

    pf_hall_journal(s->hall, sink);
    pf_dock_journal(s->dock, sink);
}

static void take_on(struct pf_single *s, struct fresh *f)
{
    bool had_journal = s->conf->journal_folder;

    keep_old(s, f);
    commit(s, f);
    pf_lookup_take(s->lookup, f->lookup);
    s->conf = f->conf;
    if (f->log)
        s->log = f->log;
    if (f->store)
        s->store = f->store;
    pf_hall_change(s->hall, s->log, s->store);
    pf_dock_change(s->dock, s->log, s->store);
    pf_setup_journal_change(s->journal, s->conf, &s->log);
    pf_single_journal(s);
    if (!had_journal)
        pf_setup_journal_begin(pf_setup_journal_sink(s->journal, s->conf));
    pf_ctl_change(s->ctl, s->log);
}

static enum pf_code reload_with(struct pf_single *s, struct pf_conf *conf, struct pf_err *err)
{
    struct fresh f = {.conf = conf};
    enum pf_code code = prepare_parts(s, &f, err);

    if (code == PF_OK)
        code = prepare(s, &f, err);
    if (code == PF_OK)
        code = change_both(s, &f, err);
    if (code != PF_OK) {
        forget(&f);
        return code;
    }
    take_on(s, &f);
    return PF_OK;
}

static void sweep_again(struct pf_timer *timer, void *self)
{
    (void)timer;
    pf_single_sweep(self, false);
}

static bool is_last_hold(struct pf_conf *conf)
{
    return __atomic_load_n(&conf->holds, __ATOMIC_ACQUIRE) == 1;
}

void pf_single_sweep(struct pf_single *s, bool all)
{
    struct pf_single_old *old;

    while ((old = s->old) && (all || is_last_hold(old->conf))) {
        s->old = old->next;
        pf_store_free(old->store);
        if (old->log)
            pf_log_free(old->log);
        pf_conf_free(old->conf);
        free(old);
    }
    if (!s->old || all)
        return;
    if (!s->sweep)
        s->sweep = pf_timer_new(s->loop, sweep_again, s);
    if (s->sweep) /* else the next reload looks */
        pf_timer_set(s->sweep, pf_loop_now(s->loop) + SWEEP_EVERY);
}

static bool reload(struct pf_single *s)
{
    struct pf_conf *conf;
    struct pf_err err;

    if (s->stopping || s->succeeded) {
        tell(s, "reload", "this process is on its way out", "");
        return false;
    }
    pf_notify(PF_NOTIFY_RELOADING);
    conf = pf_conf_read(s->conf_file, log_mistake, s);
    if (conf && reload_with(s, conf, &err) != PF_OK) {
        log_err(s, PF_EVENT_reload_failed, &err);
        pf_conf_free(conf);
        conf = NULL;
    }
    pf_notify(PF_NOTIFY_READY); /* with the old settings, when the new ones are bad */
    pf_stats_count(s->stats, PF_STAT_reloads_total, conf ? "good" : "bad", NULL, 1);
    if (!conf)
        return false;
    pf_say_certificates(s->log, s->tls);
    if (s->conf->port_file && pf_listeners_write(s->listeners, s->conf->port_file, &err) != PF_OK)
        log_err(s, PF_EVENT_trouble, &err);
    pf_log_event(s->log, PF_EVENT_reload, NULL, 0);
    pf_listeners_log(s->listeners, s->log);
    pf_single_sweep(s, false);
    return true;
}

void pf_single_reload(void *self, int number)
{
    (void)number;
    reload(self);
}

bool pf_single_reload_for(void *self, void (*tell_line)(void *to, const char *line), void *to)
{
    struct pf_single *s = self;
    bool good;

    s->tell = tell_line;
    s->tell_to = to;
    good = reload(s);
    s->tell = NULL;
    return good;
}
