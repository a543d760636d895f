#include "role/listeners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Enough for a burst between two turns; the kernel caps it at net.core.somaxconn. */
enum { BACKLOG = 1024 };

struct port {
    struct pf_listeners_to to;
    enum pf_conf_protocol protocol;
    size_t index; /* in the settings' list */
    size_t claimed; /* by which line of settings that are being taken on, from one; 0: none */
    char address[128];
    unsigned wanted; /* port in the settings, 0 for any */
    enum pf_conf_tls tls;
    struct pf_listen *listen;
};

struct pf_listeners {
    size_t count;
    int sockets[PF_CONF_LISTENS_MOST];
    const char *places[PF_CONF_LISTENS_MOST];
    struct port *ports[];
};

static void arrive(void *self, int fd)
{
    struct port *port = self;

    switch (port->protocol) {
    case PF_CONF_POP3:
        pf_hall_guest(port->to.hall, fd, port->index);
        break;
    case PF_CONF_LMTP:
    case PF_CONF_SMTP:
        pf_dock_carrier(port->to.dock, fd, port->index);
        break;
    case PF_CONF_CONTROL:
        port->to.caller(port->to.ctl, fd, PF_CTL_DOOR_CONTROL);
        break;
    case PF_CONF_METRICS:
        port->to.caller(port->to.ctl, fd, PF_CTL_DOOR_METRICS);
        break;
    }
}

/* For a listener that other processes have, too. */
static bool full(void *self)
{
    const struct port *port = self;

    if (port->protocol == PF_CONF_POP3)
        return port->to.hall && pf_hall_full(port->to.hall, port->index);
    if (port->protocol == PF_CONF_LMTP || port->protocol == PF_CONF_SMTP)
        return port->to.dock && pf_dock_full(port->to.dock);
    return false;
}

static void port_free(struct port *port)
{
    if (!port)
        return;
    pf_listen_free(port->listen);
    free(port);
}

static struct port *port_new(const struct pf_conf_listen *wanted, struct pf_err *err)
{
    struct port *port = calloc(1, sizeof *port);

    if (!port) {
        pf_fail(err, PF_NO_MEMORY, 0, "listen", "no memory");
        return NULL;
    }
    snprintf(port->address, sizeof port->address, "%s", wanted->address);
    port->wanted = wanted->port;
    port->tls = wanted->tls;
    port->protocol = wanted->protocol;
    return port;
}

static struct port *port_open(struct pf_loop *loop, const struct pf_conf_listen *wanted, struct pf_handed *handed,
                              struct pf_err *err)
{
    static const unsigned modes[] = {0600, 0660, 0666}; /* in the order of enum pf_conf_mode */
    const struct pf_listen_place place = {wanted->address, wanted->port, BACKLOG, modes[wanted->mode], handed};
    struct port *port = port_new(wanted, err);

    if (port && (port->listen = pf_listen_open(loop, &place, arrive, port, err)))
        return port;
    free(port);
    return NULL;
}

/* A fixed port can be bound once only, so what is spoken there may change with it; of those that took
 * a free one, each stays what it was. */
static bool fits(const struct port *port, const struct pf_conf_listen *wanted)
{
    return port->wanted == wanted->port && strcmp(port->address, wanted->address) == 0 &&
           (wanted->port || (port->tls == wanted->tls && port->protocol == wanted->protocol));
}

/* Each old port goes to one line of the new settings: `number` of it, from one. */
static bool claim(struct pf_listeners *old, const struct pf_conf_listen *wanted, size_t number)
{
    for (size_t i = 0; old && i < old->count; i++)
        if (old->ports[i]->claimed == 0 && fits(old->ports[i], wanted)) {
            old->ports[i]->claimed = number;
            return true;
        }
    return false;
}

static struct port *take(struct pf_listeners *old, size_t number)
{
    for (size_t i = 0; i < old->count; i++) {
        struct port *port = old->ports[i];

        if (port && port->claimed == number) {
            old->ports[i] = NULL;
            return port;
        }
    }
    return NULL;
}

/* A port that the old generation had stays in its list until all are open. */
static bool open_new(struct pf_listeners *new, struct pf_loop *loop, const struct pf_conf *conf,
                     struct pf_listeners *old, struct pf_handed *handed, struct pf_err *err)
{
    for (size_t i = 0; old && i < old->count; i++)
        old->ports[i]->claimed = 0;
    for (size_t i = 0; i < new->count; i++) {
        if (claim(old, &conf->listens[i], i + 1))
            continue;
        new->ports[i] = port_open(loop, &conf->listens[i], handed, err);
        if (!new->ports[i])
            return false;
    }
    return true;
}

static struct pf_listeners *make(struct pf_loop *loop, const struct pf_conf *conf, struct pf_listeners *old,
                                 struct pf_handed *handed, struct pf_err *err)
{
    struct pf_listeners *new = calloc(1, sizeof *new + conf->listen_count * sizeof new->ports[0]);

    if (!new) {
        pf_fail(err, PF_NO_MEMORY, 0, "listen", "no memory");
        return NULL;
    }
    new->count = conf->listen_count;
    if (open_new(new, loop, conf, old, handed, err))
        return new;
    pf_listeners_free(new);
    return NULL;
}

struct pf_listeners *pf_listeners_prepare(struct pf_loop *loop, const struct pf_conf *conf,
                                          struct pf_listeners *old, struct pf_err *err)
{
    return make(loop, conf, old, NULL, err);
}

struct pf_listeners *pf_listeners_first(struct pf_loop *loop, const struct pf_conf *conf, struct pf_handed *handed,
                                        struct pf_err *err)
{
    return make(loop, conf, NULL, handed, err);
}

void pf_listeners_pause(struct pf_listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->ports[i])
            pf_listen_pause(l->ports[i]->listen, true);
}

struct pf_listeners *pf_listeners_adopt(struct pf_loop *loop, const struct pf_conf *conf, int sockets[],
                                        struct pf_err *err)
{
    struct pf_listeners *new = calloc(1, sizeof *new + conf->listen_count * sizeof new->ports[0]);

    if (!new) {
        pf_fail(err, PF_NO_MEMORY, 0, "listen", "no memory");
        return NULL;
    }
    for (; new->count < conf->listen_count; new->count++) {
        struct port *port;

        if (sockets[new->count] < 0)
            continue;
        port = port_new(&conf->listens[new->count], err);
        new->ports[new->count] = port;
        if (port) {
            port->listen = pf_listen_adopt(loop, sockets[new->count], arrive, port, err);
            sockets[new->count] = -1;
        }
        if (!port || !port->listen) {
            free(port);
            pf_listeners_free(new);
            return NULL;
        }
        pf_listen_yields(port->listen, full);
    }
    return new;
}

size_t pf_listeners_sockets(struct pf_listeners *l, const int **out_sockets, const char *const **out_places)
{
    for (size_t i = 0; i < l->count; i++) {
        l->sockets[i] = pf_listen_fd(l->ports[i]->listen);
        l->places[i] = l->ports[i]->address[0] == '/' ? l->ports[i]->address : "";
    }
    *out_sockets = l->sockets;
    *out_places = l->places;
    return l->count;
}

void pf_listeners_leave(struct pf_listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        pf_listen_leave(l->ports[i]->listen);
}

void pf_listeners_commit(struct pf_listeners *new, const struct pf_listeners_to *to, const struct pf_conf *conf,
                         struct pf_listeners *old)
{
    for (size_t i = 0; i < new->count; i++) {
        if (!new->ports[i] && old)
            new->ports[i] = take(old, i + 1);
        if (!new->ports[i])
            continue;
        new->ports[i]->to = *to;
        new->ports[i]->index = i;
        new->ports[i]->tls = conf->listens[i].tls;
        new->ports[i]->protocol = conf->listens[i].protocol;
    }
    pf_listeners_free(old);
}

void pf_listeners_free(struct pf_listeners *l)
{
    for (size_t i = 0; l && i < l->count; i++)
        port_free(l->ports[i]);
    free(l);
}

static const char *tls_name(enum pf_conf_tls tls)
{
    static const char *const names[] = {"none", "starttls", "implicit"};

    return names[tls];
}

static const char *protocol_name(const struct port *port)
{
    static const char *const names[] = {"pop3", "lmtp", "smtp", "control", "metrics"};

    return port->protocol == PF_CONF_POP3 && port->tls == PF_CONF_TLS_IMPLICIT ? "pop3s" : names[port->protocol];
}

void pf_listeners_log(const struct pf_listeners *l, struct pf_log *log)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct port *port = l->ports[i];
        struct pf_field fields[] = {
            PF_TEXT_FIELD("address", port->address),
            PF_NUMBER_FIELD("port", pf_listen_port(port->listen)),
            PF_TEXT_FIELD("tls", tls_name(port->tls)),
            PF_TEXT_FIELD("protocol", protocol_name(port)),
        };

        pf_log_event(log, PF_EVENT_listen, fields, 4);
    }
}

static bool write_lines(const struct pf_listeners *l, FILE *file)
{
    for (size_t i = 0; i < l->count; i++)
        fprintf(file, "%s %s %u\n", protocol_name(l->ports[i]),
                l->ports[i]->address, pf_listen_port(l->ports[i]->listen));
    return fflush(file) == 0 && !ferror(file);
}

enum pf_code pf_listeners_write(const struct pf_listeners *l, const char *file, struct pf_err *err)
{
    char temporary[4096];
    FILE *stream;
    bool ok;

    snprintf(temporary, sizeof temporary, "%s.tmp", file);
    stream = fopen(temporary, "we");
    if (!stream)
        return pf_fail(err, pf_code_of_errno(errno), errno, "port-file", "cannot write %s", temporary);
    ok = write_lines(l, stream);
    ok = fclose(stream) == 0 && ok;
    if (!ok || rename(temporary, file) != 0) {
        int saved = errno;

        unlink(temporary);
        return pf_fail(err, pf_code_of_errno(saved), saved, "port-file", "cannot write %s", file);
    }
    return PF_OK;
}
