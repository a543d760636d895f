#include "conf/conf.h"

#include "base/text.h"
#include "conf/domains.h"
#include "conf/file.h"
#include "conf/host.h"
#include "conf/reader.h"
#include "conf/value.h"

#include <errno.h>
#include <stdlib.h>

static struct pf_conf_reader *reader_new(void)
{
    struct pf_conf_reader *reader = calloc(1, sizeof *reader);

    for (size_t i = 0; reader && i < PF_CONF_ROWS; i++)
        pf_conf_default(&pf_conf_rows[i], &reader->draft);
    return reader;
}

static void reader_free(struct pf_conf_reader *reader)
{
    pf_conf_memory_free(reader->keep);
    pf_conf_memory_free(reader->scratch);
    pf_wipe(reader, sizeof *reader); /* its table of texts */
    free(reader);
}

static void tell_one(const char *file, const char *text, const char *hint, const struct pf_conf_listener *to)
{
    to->report(to->self, &(struct pf_conf_mistake){file, 1, 1, text, hint, ""});
}

/* A copy of things in the generation's memory; false when there is none. */
static bool keep(struct pf_conf_reader *reader, const void *from, size_t size, void **out_copy)
{
    *out_copy = pf_conf_memory_take(&reader->keep, size ? size : 1);
    if (*out_copy && size)
        memcpy(*out_copy, from, size);
    return *out_copy;
}

/* The generation, and the reader's memory with it; NULL when there is none left. */
static struct pf_conf *finish(struct pf_conf_reader *reader)
{
    struct pf_conf *draft = &reader->draft.conf;
    void *conf, *listens, *pairs, *userdbs, *domains;
    char machine[PF_CONF_HOST_TEXT];

    if (!draft->hostname) {
        pf_conf_machine(machine);
        draft->hostname = pf_conf_memory_text(&reader->keep, pf_bytes_of(machine));
    }
    if (!draft->password_file && reader->userdb_count == 0)
        draft->password_file = PF_CONF_PASSWORD_FILE;
    pf_conf_profiles_inherit(reader);
    if (!draft->hostname ||
        !keep(reader, reader->listens, reader->listen_count * sizeof reader->listens[0], &listens) ||
        !keep(reader, reader->pairs, reader->pair_count * sizeof reader->pairs[0], &pairs) ||
        !keep(reader, reader->userdbs, reader->userdb_count * sizeof reader->userdbs[0], &userdbs) ||
        !keep(reader, reader->domains, reader->domain_count * sizeof reader->domains[0], &domains) ||
        !keep(reader, draft, sizeof *draft, &conf))
        return NULL;
    draft = conf;
    if (reader->domain_count)
        qsort(domains, reader->domain_count, sizeof(struct pf_conf_domain), pf_conf_domains_order);
    draft->listens = listens;
    draft->listen_count = reader->listen_count;
    draft->pairs = pairs;
    draft->pair_count = reader->pair_count;
    draft->userdbs = userdbs;
    draft->userdb_count = reader->userdb_count;
    draft->domain_blocks = domains;
    draft->domain_count = reader->domain_count;
    draft->holds = 1;
    draft->memory = reader->keep;
    reader->keep = NULL;
    return draft;
}

static struct pf_conf *read_source(struct pf_conf_reader *reader, struct pf_conf_source *source,
                                   const struct pf_conf_listener *to)
{
    struct pf_conf *conf = NULL;

    pf_conf_reader_read(reader, source);
    pf_conf_reader_check(reader);
    if (reader->mistakes.count == 0) {
        conf = finish(reader);
        if (!conf)
            pf_conf_no_memory(&reader->mistakes, &(struct pf_conf_place){.source = source, .line = 1});
    }
    pf_conf_tell(&reader->mistakes, to);
    reader_free(reader);
    return conf;
}

static const char no_memory[] = "out of memory",
                  no_memory_hint[] = "nothing is wrong with the file here";

struct pf_conf *pf_conf_parse(const char *name, struct pf_bytes text,
                              void (*report)(void *, const struct pf_conf_mistake *), void *self)
{
    struct pf_conf_source source = {.name = name, .text = text.len ? text : PF_LIT("")};
    struct pf_conf_reader *reader = reader_new();
    struct pf_conf_listener to = {report, self};

    if (!reader) {
        tell_one(name, no_memory, no_memory_hint, &to);
        return NULL;
    }
    return read_source(reader, &source, &to);
}

struct pf_conf *pf_conf_read(const char *file, void (*report)(void *, const struct pf_conf_mistake *),
                             void *self)
{
    struct pf_conf_source source = {.name = file};
    struct pf_conf_reader *reader = reader_new();
    struct pf_conf_listener to = {report, self};
    char text[128];
    const char *why;
    int sys;

    sys = reader ? pf_conf_file_read(file, &source, &reader->scratch, &why) : ENOMEM;
    if (sys == 0) {
        reader->include = true;
        reader->files = 1;
        return read_source(reader, &source, &to);
    }
    if (reader)
        reader_free(reader);
    if (sys == ENOMEM) {
        tell_one(file, no_memory, no_memory_hint, &to);
        return NULL;
    }
    snprintf(text, sizeof text, "cannot read the file: %s", why);
    tell_one(file, text, "", &to);
    return NULL;
}

struct pf_conf *pf_conf_hold(struct pf_conf *conf)
{
    __atomic_add_fetch(&conf->holds, 1, __ATOMIC_RELAXED);
    return conf;
}

void pf_conf_free(struct pf_conf *conf)
{
    if (conf && __atomic_sub_fetch(&conf->holds, 1, __ATOMIC_ACQ_REL) == 0)
        pf_conf_memory_free(conf->memory);
}
