#include "auth/auth_tables.h"

#include "auth/auth_file.h"

#include <stdlib.h>
#include <time.h>

enum {
    READS = 3, /* a file that changes while it is read is read again so often */
    NANO = 1000000000
};

static const struct pf_auth_source *const rows[PF_AUTH_SOURCES] = {&pf_auth_file_source};

/* Nobody's password: for a file without any user. */
static const char nobody[] = "$y$j9T$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/";

struct pf_auth_tables {
    unsigned holds;
    struct pf_auth_settings settings;
    char *password_file;
    void *sources[PF_AUTH_SOURCES];
    struct pf_auth_stamps stamps;
    const char *stand_in;
    bool some_need_tls;
    size_t count;
};

static bool open_row(struct pf_auth_tables *tables, size_t i, struct pf_err *err)
{
    struct pf_err why = {.code = PF_AGAIN};

    tables->stamps.of[i].there = 1; /* what has no file never goes missing */
    if (!rows[i]->configured(&tables->settings))
        return true;
    for (int n = 0; n < READS && !tables->sources[i] && why.code == PF_AGAIN; n++)
        tables->sources[i] = rows[i]->open(&tables->settings, &tables->stamps.of[i], &why);
    if (!tables->sources[i]) {
        if (err)
            *err = why;
        return false;
    }
    tables->some_need_tls |= rows[i]->some_need_tls(tables->sources[i]);
    tables->count += rows[i]->count(tables->sources[i]);
    if (!tables->stand_in)
        tables->stand_in = rows[i]->common(tables->sources[i]);
    return true;
}

static bool open_rows(struct pf_auth_tables *tables, struct pf_err *err)
{
    bool some = false;

    for (size_t i = 0; i < PF_AUTH_SOURCES; i++) {
        if (!open_row(tables, i, err))
            return false;
        some |= tables->sources[i] != NULL;
    }
    if (!some)
        pf_fail(err, PF_CONFIG, 0, "auth", "no source of users is set (password_file)");
    if (!tables->stand_in)
        tables->stand_in = nobody;
    return some;
}

struct pf_auth_tables *pf_auth_tables_open(const struct pf_auth_settings *settings, struct pf_err *err)
{
    struct pf_auth_tables *tables = calloc(1, sizeof *tables);

    if (!tables) {
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for the users");
        return NULL;
    }
    tables->holds = 1;
    tables->settings = *settings;
    if (settings->password_file) {
        tables->password_file = strdup(settings->password_file);
        tables->settings.password_file = tables->password_file;
    }
    if (settings->password_file && !tables->password_file)
        pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for the users");
    else if (open_rows(tables, err))
        return tables;
    pf_auth_tables_drop(tables);
    return NULL;
}

struct pf_auth_tables *pf_auth_tables_hold(struct pf_auth_tables *tables)
{
    tables->holds++;
    return tables;
}

void pf_auth_tables_drop(struct pf_auth_tables *tables)
{
    if (!tables || --tables->holds)
        return;
    for (size_t i = 0; i < PF_AUTH_SOURCES; i++)
        if (tables->sources[i])
            rows[i]->close(tables->sources[i]);
    free(tables->password_file);
    free(tables);
}

const struct pf_auth_settings *pf_auth_tables_settings(const struct pf_auth_tables *tables)
{
    return &tables->settings;
}

enum pf_code pf_auth_tables_find(const struct pf_auth_tables *tables, struct pf_bytes name,
                                 struct pf_auth_entry *out, struct pf_err *err)
{
    enum pf_code code = PF_NO_USER;

    for (size_t i = 0; i < PF_AUTH_SOURCES && code == PF_NO_USER; i++)
        if (tables->sources[i])
            code = rows[i]->find(tables->sources[i], name, out, err);
    return code;
}

const char *pf_auth_tables_stand_in(const struct pf_auth_tables *tables)
{
    return tables->stand_in;
}

bool pf_auth_tables_some_need_tls(const struct pf_auth_tables *tables)
{
    return tables->some_need_tls;
}

size_t pf_auth_tables_count(const struct pf_auth_tables *tables)
{
    return tables->count;
}

const struct pf_auth_stamps *pf_auth_tables_stamps(const struct pf_auth_tables *tables)
{
    return &tables->stamps;
}

void pf_auth_tables_stamps_now(const struct pf_auth_settings *settings, struct pf_auth_stamps *out)
{
    *out = (struct pf_auth_stamps){0};
    for (size_t i = 0; i < PF_AUTH_SOURCES; i++) {
        out->of[i].there = 1;
        if (rows[i]->stamp && rows[i]->configured(settings))
            rows[i]->stamp(settings, &out->of[i]);
    }
}

bool pf_auth_stamps_equal(const struct pf_auth_stamps *a, const struct pf_auth_stamps *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A change in the future is some other machine's clock: that is no reason to wait. */
static bool quiet(const struct pf_auth_stamp *stamp)
{
    struct timespec now;
    int64_t seconds, nano;

    clock_gettime(CLOCK_REALTIME, &now);
    seconds = now.tv_sec - stamp->changed;
    nano = now.tv_nsec - stamp->changed_nano;
    if (nano < 0) {
        seconds--;
        nano += NANO;
    }
    return seconds != 0; /* below zero is the future */
}

bool pf_auth_stamps_quiet(const struct pf_auth_stamps *stamps)
{
    for (size_t i = 0; i < PF_AUTH_SOURCES; i++)
        if (!stamps->of[i].there || !quiet(&stamps->of[i]))
            return false;
    return true;
}
