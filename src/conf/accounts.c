#include "conf/accounts.h"

#include "base/text.h"
#include "conf/accounts_private.h"
#include "conf/file.h"

#include <errno.h>
#include <stdlib.h>

static struct pf_accounts_reader *reader_new(const char *home)
{
    struct pf_accounts_reader *reader = calloc(1, sizeof *reader);

    if (reader) {
        reader->home = home;
        pf_account_defaults(&reader->defaults);
    }
    return reader;
}

static void reader_free(struct pf_accounts_reader *reader)
{
    pf_conf_memory_free(reader->keep);
    pf_conf_memory_free(reader->scratch);
    pf_wipe(reader, sizeof *reader);
    free(reader);
}

/* The accounts and the reader's memory with them; NULL when there is none left. */
static struct pf_accounts *finish(struct pf_accounts_reader *reader)
{
    struct pf_accounts *accounts = pf_conf_memory_take(&reader->keep, sizeof *accounts);
    struct pf_account *list = pf_conf_memory_take(&reader->keep, reader->count * sizeof *list + 1);

    if (!accounts || !list)
        return NULL;
    memcpy(list, reader->list, reader->count * sizeof *list);
    *accounts = (struct pf_accounts){list, reader->count, reader->keep};
    reader->keep = NULL;
    return accounts;
}

static struct pf_accounts *read_source(struct pf_accounts_reader *reader, struct pf_conf_source *source,
                                       const struct pf_conf_listener *to)
{
    struct pf_accounts *accounts = NULL;

    pf_accounts_source(reader, source);
    if (reader->mistakes.count == 0) {
        accounts = finish(reader);
        if (!accounts)
            pf_conf_no_memory(&reader->mistakes, &(struct pf_conf_place){.source = source, .line = 1});
    }
    pf_conf_tell(&reader->mistakes, to);
    reader_free(reader);
    return accounts;
}

static struct pf_accounts *tell_one(const char *file, const char *text, const struct pf_conf_listener *to)
{
    to->report(to->self, &(struct pf_conf_mistake){file, 1, 1, text, "", ""});
    return NULL;
}

struct pf_accounts *pf_accounts_parse(const char *name, struct pf_bytes text, const char *home,
                                      void (*report)(void *, const struct pf_conf_mistake *), void *self)
{
    struct pf_conf_source source = {.name = name, .text = text.len ? text : PF_LIT("")};
    struct pf_accounts_reader *reader = reader_new(home);
    struct pf_conf_listener to = {report, self};

    return reader ? read_source(reader, &source, &to) : tell_one(name, "out of memory", &to);
}

struct pf_accounts *pf_accounts_read(const char *file, const char *home,
                                     void (*report)(void *, const struct pf_conf_mistake *), void *self)
{
    struct pf_conf_source source = {.name = file};
    struct pf_accounts_reader *reader = reader_new(home);
    struct pf_conf_listener to = {report, self};
    char text[128];
    const char *why = "";
    int sys = reader ? pf_conf_file_read(file, &source, &reader->scratch, &why) : ENOMEM;

    if (sys == 0) {
        reader->include = true;
        reader->files = 1;
        return read_source(reader, &source, &to);
    }
    if (reader)
        reader_free(reader);
    snprintf(text, sizeof text, sys == ENOMEM ? "out of memory" : "cannot read the file: %s", why);
    return tell_one(file, text, &to);
}

const struct pf_account *pf_accounts_find(const struct pf_accounts *accounts, const char *name)
{
    for (size_t i = 0; i < accounts->count; i++)
        if (strcmp(accounts->list[i].name, name) == 0)
            return &accounts->list[i];
    return NULL;
}

void pf_accounts_free(struct pf_accounts *accounts)
{
    if (accounts)
        pf_conf_memory_free(accounts->memory);
}
