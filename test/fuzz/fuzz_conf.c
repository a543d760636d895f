/* The settings reader on any text: mistakes are in order, bounded and fit for a terminal; what is
 * good reads back the same from what is shown of it. */
#include "unit/conf/same_conf.h"

#include "conf/mistake.h"
#include "conf/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    struct pf_bytes text;
    unsigned count, line, column;
};

static void must(bool good)
{
    if (!good)
        abort();
}

static void must_be_printable(const char *text, size_t max)
{
    struct pf_bytes rest = pf_bytes_of(text);

    must(rest.len < max);
    while (rest.len) {
        must(pf_conf_utf8(rest) && !pf_conf_is_control(rest));
        rest = pf_bytes_skip(rest, pf_conf_utf8(rest));
    }
}

static void hear(void *self, const struct pf_conf_mistake *m)
{
    struct heard *heard = self;

    must(++heard->count <= PF_CONF_MISTAKES);
    must(m->line > heard->line || (m->line == heard->line && m->column >= heard->column));
    must(m->line >= 1 && m->column >= 1 && strcmp(m->file, "fuzz") == 0 && m->text[0]);
    heard->line = m->line;
    heard->column = m->column;
    must_be_printable(m->text, PF_CONF_MISTAKE_TEXT);
    must_be_printable(m->hint, PF_CONF_MISTAKE_TEXT);
    must_be_printable(m->source, PF_CONF_MISTAKE_SOURCE);
}

static void check_round(const struct pf_conf *first, bool all)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    struct heard heard = {0};
    struct pf_conf *second;

    must(to);
    pf_conf_show(first, to, all);
    must(fclose(to) == 0);
    second = pf_conf_parse("fuzz", pf_bytes_from(text, len), hear, &heard);
    must(second && same_conf(first, second));
    pf_conf_free(second);
    free(text);
}

static void check_rules(const struct pf_conf *c)
{
    char path[256];

    must(c->idle_time >= 600000 && c->line_max >= 255);
    must(c->expire_days < 0 || (c->expire_min >= 0 && c->expire_min <= c->expire_days));
    must(c->login_delay <= c->login_delay_max && c->failure_delay <= c->failure_delay_max);
    for (size_t i = 0; i < c->listen_count; i++)
        must(c->listens[i].tls == PF_CONF_TLS_NONE || c->pair_count);
    for (size_t i = 0; i < c->pair_count; i++)
        must(c->pairs[i].certificate[0] == '/' && c->pairs[i].key[0] == '/');
    must(!pf_conf_maildrop(c, "../a@b", path, sizeof path));
    if (pf_conf_maildrop(c, "a@b", path, sizeof path))
        must(path[0] == '/' && strlen(path) < sizeof path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard heard = {0};
    struct pf_conf *conf = pf_conf_parse("fuzz", pf_bytes_from(data, size), hear, &heard);

    must(!conf == (heard.count > 0));
    if (!conf)
        return 0;
    check_rules(conf);
    check_round(conf, true);
    check_round(conf, false);
    pf_conf_free(conf);
    return 0;
}
