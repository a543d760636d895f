#include "role/keeper_parts.h"

#include "role/say.h"
#include "role/setup.h"
#include "sys/explain.h"
#include "sys/log_sink.h"
#include "sys/notify.h"
#include "sys/succeed.h"

#include <stdio.h>

static void mistake(void *self, const struct pf_conf_mistake *what)
{
    struct pf_keeper *k = self;

    pf_say_reload_mistake(k->log, what);
}

static void done(struct pf_keeper *k, bool good)
{
    void (*told)(void *, bool) = k->told;

    pf_notify(PF_NOTIFY_READY); /* with the old settings, when the new ones are bad */
    k->told = NULL;
    if (told)
        told(k->told_to, good);
}

void pf_keeper_reload_failed(struct pf_keeper *k, const struct pf_err *err)
{
    pf_keeper_trouble(k, PF_EVENT_reload_failed, err);
    done(k, false);
    if (k->again && !k->stopping)
        pf_keeper_reload(k, 0);
}

/* The log that was asked for; the old one, where that cannot be had: its children have what they could get. */
static void change_log(struct pf_keeper *k, const struct pf_conf *from, const struct pf_conf *to)
{
    struct pf_log *log;
    struct pf_err err;

    if (!pf_setup_log_differs(from, to))
        return;
    log = pf_setup_log(to, &err);
    if (!log) {
        pf_keeper_trouble(k, PF_EVENT_trouble, &err);
        return;
    }
    pf_log_free(k->log);
    k->log = log;
}

void pf_keeper_reloaded(struct pf_keeper *k, struct pf_crew_generation *old)
{
    const struct pf_conf *conf = k->current->conf;
    struct pf_err err;

    change_log(k, old->conf, conf);
    pf_keeper_dismiss(old, -1);
    if (conf->port_file && pf_listeners_write(k->listeners, conf->port_file, &err) != PF_OK)
        pf_keeper_trouble(k, PF_EVENT_trouble, &err);
    pf_log_event(k->log, PF_EVENT_reload, NULL, 0);
    pf_listeners_log(k->listeners, k->log);
    done(k, true);
}

static enum pf_code begin(struct pf_keeper *k, struct pf_err *err)
{
    struct pf_conf *conf = pf_conf_read(k->conf_file, mistake, k);
    struct pf_listeners *listeners;

    if (!conf)
        return PF_CONFIG;
    if (conf->listen_count == 0) {
        pf_conf_free(conf);
        return pf_fail(err, PF_CONFIG, 0, "reload", "%s has no `listen`: nobody could connect", k->conf_file);
    }
    listeners = pf_listeners_prepare(k->loop, conf, k->listeners, err);
    if (!listeners) {
        pf_conf_free(conf);
        return err->code;
    }
    pf_listeners_pause(listeners);
    return pf_keeper_form(k, conf, listeners, err);
}

void pf_keeper_reload(void *self, int number)
{
    struct pf_keeper *k = self;
    struct pf_err err = {0};

    (void)number;
    if (k->stopping || k->succeeded)
        return;
    k->again = k->coming != NULL; /* one at a time, and the last word counts */
    if (k->again)
        return;
    pf_notify(PF_NOTIFY_RELOADING);
    if (begin(k, &err) == PF_OK)
        return;
    if (err.code != PF_OK) /* else all mistakes were told */
        pf_keeper_trouble(k, PF_EVENT_reload_failed, &err);
    done(k, false);
}

static void upgrade_failed(struct pf_keeper *k, const char *why)
{
    struct pf_field field = PF_TEXT_FIELD("err", why);

    pf_log_event(k->log, PF_EVENT_upgrade_failed, &field, 1);
}

static void heard(void *self, long pid)
{
    struct pf_keeper *k = self;
    struct pf_field field = PF_NUMBER_FIELD("pid", (uint64_t)pid);

    k->upgrading = false;
    if (pid == 0) {
        upgrade_failed(k, "the new program ended before it could serve; this one goes on");
        return;
    }
    pf_notify_main_pid(pid);
    pf_log_event(k->log, PF_EVENT_upgrade, &field, 1);
    k->succeeded = true;
    if (k->stopping) /* and that was asked of the one who is gone now */
        return;
    pf_listeners_leave(k->listeners);
    pf_keeper_leave(k, -1);
}

void pf_keeper_upgrade(void *self, int number)
{
    struct pf_keeper *k = self;
    const struct pf_successor_asker asker = {k, heard};
    char file[] = "-f", name[] = "postfachd";
    char *const argv[] = {name, file, k->conf_copy, NULL};
    struct pf_successor_order order = {.program = k->program, .argv = argv};
    char text[PF_EXPLAIN_MAX];
    struct pf_err err;

    (void)number;
    if (k->upgrading || k->stopping || !k->listeners)
        return;
    if (!k->program[0]) {
        upgrade_failed(k, "where this program lies is not known");
        return;
    }
    if (!k->pool && !(k->pool = pf_pool_new(k->loop, "pf-successor", 1, 1, &err))) {
        upgrade_failed(k, pf_explain(&err, text, sizeof text));
        return;
    }
    order.count = pf_listeners_sockets(k->listeners, &order.sockets, &order.places);
    k->upgrading = pf_successor_start(k->pool, &order, &asker, &err) != NULL;
    if (!k->upgrading)
        upgrade_failed(k, pf_explain(&err, text, sizeof text));
}
