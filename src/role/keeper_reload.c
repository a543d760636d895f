#include "role/keeper_parts.h"

#include "base/text.h"
#include "role/say.h"
#include "role/setup.h"
#include "sys/explain.h"
#include "sys/log_sink.h"
#include "sys/notify.h"
#include "sys/succeed.h"

#include <stdio.h>

/* The desk that asked; where nobody did, the one in force, which counts. NULL: there is none. */
static struct pf_keeper_child *desk_of(struct pf_keeper *k)
{
    for (struct pf_crew_generation *g = k->asker ? k->generations : k->current; g; g = k->asker ? g->next : NULL)
        for (struct pf_keeper_child *c = g->children; c; c = c->next)
            if (c->role == PF_CREW_DESK && (!k->asker || c->number == k->asker))
                return c;
    return NULL;
}

static void tell(struct pf_keeper *k, const char *line)
{
    struct pf_keeper_child *desk = desk_of(k);
    struct pf_crew crew = {.kind = PF_CREW_TOLD};

    if (!desk)
        return;
    pf_text_safe(crew.text, sizeof crew.text, pf_bytes_of(line));
    pf_keeper_send(desk, &crew, -1);
}

static void mistake(void *self, const struct pf_conf_mistake *what)
{
    struct pf_keeper *k = self;
    char line[PF_CREW_LINE_MAX + 1];

    pf_say_reload_mistake(k->log, what);
    snprintf(line, sizeof line, "%s:%u:%u: %s%s%s", what->file, what->line, what->column, what->text,
             what->hint[0] ? "; " : "", what->hint);
    tell(k, line);
}

static void failed(struct pf_keeper *k, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX], line[PF_EXPLAIN_MAX + 16];

    pf_keeper_trouble(k, PF_EVENT_reload_failed, err);
    snprintf(line, sizeof line, "reload: %s", pf_explain(err, text, sizeof text));
    tell(k, line);
}

static void done(struct pf_keeper *k, bool good)
{
    struct pf_keeper_child *desk = desk_of(k);

    pf_notify(PF_NOTIFY_READY); /* with the old settings, when the new ones are bad */
    if (desk)
        pf_keeper_send(desk, &(struct pf_crew){.kind = PF_CREW_RELOADED, .number = good}, -1);
    k->asker = 0;
}

void pf_keeper_reload_failed(struct pf_keeper *k, const struct pf_err *err)
{
    failed(k, err);
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
    k->asker = k->next_asker;
    k->next_asker = 0;
    pf_notify(PF_NOTIFY_RELOADING);
    if (begin(k, &err) == PF_OK)
        return;
    if (err.code != PF_OK) /* else all mistakes were told */
        failed(k, &err);
    done(k, false);
}

void pf_keeper_reload_for(struct pf_keeper_child *desk)
{
    struct pf_keeper *k = desk->keeper;

    k->next_asker = desk->number;
    if (!k->stopping && !k->succeeded) {
        pf_keeper_reload(k, 0);
        return;
    }
    k->asker = desk->number;
    tell(k, "reload: this process is on its way out");
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

    k->successor = NULL;
    if (pid == 0) {
        upgrade_failed(k, k->stopping ? "given up: this one was told to end"
                                      : "the new program ended, or hung and was killed, before it could serve; this "
                                        "one goes on");
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
    if (k->stopping || !k->listeners)
        return;
    if (k->successor) {
        upgrade_failed(k, "one is under way already");
        return;
    }
    if (!k->program[0]) {
        upgrade_failed(k, "where this program lies is not known");
        return;
    }
    if (!k->pool && !(k->pool = pf_pool_new(k->loop, "pf-successor", 1, 1, &err))) {
        upgrade_failed(k, pf_explain(&err, text, sizeof text));
        return;
    }
    order.count = pf_listeners_sockets(k->listeners, &order.sockets, &order.places);
    k->successor = pf_successor_start(k->pool, &order, &asker, &err);
    if (!k->successor)
        upgrade_failed(k, pf_explain(&err, text, sizeof text));
}
