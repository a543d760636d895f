#include "role/setup.h"

#include "sys/log_sink.h"

#include <string.h>

struct pf_log *pf_setup_log(const struct pf_conf *conf, struct pf_err *err)
{
    enum pf_level from = conf->log_debug ? PF_LOG_DEBUG : PF_LOG_INFO;
    struct pf_log *log = NULL;

    switch (conf->log_to) {
    case PF_CONF_LOG_STDERR:
        log = pf_log_stderr(from);
        if (!log)
            pf_fail(err, PF_NO_MEMORY, 0, "log", "no memory");
        break;
    case PF_CONF_LOG_SYSLOG:
        log = pf_log_syslog(from, conf->log_facility, err);
        break;
    case PF_CONF_LOG_JOURNALD:
        log = pf_log_journald(from, err);
        break;
    }
    return log;
}

bool pf_setup_log_differs(const struct pf_conf *a, const struct pf_conf *b)
{
    return a->log_to != b->log_to || a->log_debug != b->log_debug || strcmp(a->log_facility, b->log_facility) != 0;
}
