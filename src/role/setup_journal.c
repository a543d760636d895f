#include "role/setup_journal.h"

#include "session/journal_now.h"
#include "sys/explain.h"

#include <unistd.h>

static void trouble(void *self, const struct pf_err *err)
{
    struct pf_log *const *log = self;
    char text[PF_EXPLAIN_MAX];
    const struct pf_field fields[] = {PF_TEXT_FIELD("what", "journal"),
                                      PF_TEXT_FIELD("code", pf_verdict(err->code)->name),
                                      PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text))};

    pf_log_event(*log, PF_EVENT_trouble, fields, sizeof fields / sizeof fields[0]);
}

static struct pf_journal_file_settings settings(const struct pf_conf *conf, struct pf_log **log)
{
    return (struct pf_journal_file_settings){.folder = conf->journal_folder, .keep_days = conf->journal_keep,
                                             .memory = conf->journal_memory, .process = (uint64_t)getpid(),
                                             .trouble = trouble, .self = log};
}

struct pf_journal_file *pf_setup_journal(const struct pf_conf *conf, struct pf_loop *loop, struct pf_pool *pool,
                                         struct pf_log **log, struct pf_err *err)
{
    const struct pf_journal_file_settings s = settings(conf, log);

    return pf_journal_file_new(loop, pool, &s, err);
}

void pf_setup_journal_change(struct pf_journal_file *file, const struct pf_conf *conf, struct pf_log **log)
{
    const struct pf_journal_file_settings s = settings(conf, log);

    pf_journal_file_settings(file, &s);
}

struct pf_journal_sink *pf_setup_journal_sink(struct pf_journal_file *file, const struct pf_conf *conf)
{
    return conf->journal_folder ? pf_journal_file_sink(file) : NULL;
}

void pf_setup_journal_begin(struct pf_journal_sink *sink)
{
    struct pf_journal_record r = {.event = PF_JOURNAL_start, .at = pf_journal_now()};

    pf_journal_put(sink, &r);
}
