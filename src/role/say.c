#include "role/say.h"

#include "sys/explain.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int pf_say_failure(const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfachd: %s\n", pf_explain(err, text, sizeof text));
    return pf_verdict(err->code)->exit_status;
}

void pf_say_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

void pf_say_reload_mistake(struct pf_log *log, const struct pf_conf_mistake *mistake)
{
    char where[600];
    struct pf_field fields[] = {
        PF_TEXT_FIELD("at", where),
        PF_TEXT_FIELD("err", mistake->text),
        PF_TEXT_FIELD("hint", mistake->hint[0] ? mistake->hint : NULL),
    };

    snprintf(where, sizeof where, "%s:%u:%u", mistake->file, mistake->line, mistake->column);
    pf_log_event(log, PF_EVENT_reload_failed, fields, 3);
}

void pf_say_event(struct pf_log *log, enum pf_event event, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];
    struct pf_field field = PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text));

    pf_log_event(log, event, &field, 1);
}

void pf_say_certificates(struct pf_log *log, const struct pf_tls *tls)
{
    char text[500];

    for (size_t i = 0; tls && pf_tls_describe(tls, i, text, sizeof text); i++) {
        struct pf_field field = PF_TEXT_FIELD("text", text);

        pf_log_event(log, PF_EVENT_certificate, &field, 1);
    }
}

enum pf_code pf_say_start(const struct pf_conf *conf, const struct pf_listeners *listeners, struct pf_log *log,
                          struct pf_err *err)
{
    struct pf_field fields[] = {
        PF_TEXT_FIELD("version", PF_VERSION),
        PF_NUMBER_FIELD("pid", (uint64_t)getpid()),
        PF_NUMBER_FIELD("listeners", conf->listen_count),
    };
    enum pf_code code = PF_OK;

    pf_listeners_log(listeners, log);
    if (conf->port_file)
        code = pf_listeners_write(listeners, conf->port_file, err);
    if (code == PF_OK)
        pf_log_event(log, PF_EVENT_start, fields, 3);
    return code;
}

enum pf_code pf_say_pid(const struct pf_conf *conf, struct pf_err *err)
{
    FILE *file;

    if (!conf->pid_file)
        return PF_OK;
    file = fopen(conf->pid_file, "we");
    if (!file || fprintf(file, "%ld\n", (long)getpid()) < 0 || fclose(file) != 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, "pid-file", "cannot write %s", conf->pid_file);
    return PF_OK;
}
