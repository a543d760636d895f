#include "tool/fetch.h"

#include "tool/fetch_wait.h"
#include "tool/speech.h"

#include <stdlib.h>

struct pf_fetch_file *pf_fetch_file_hold(struct pf_fetch_file *file)
{
    if (file)
        file->holds++;
    return file;
}

void pf_fetch_file_release(struct pf_fetch_file *file)
{
    if (!file || --file->holds)
        return;
    pf_accounts_free(file->accounts);
    free(file);
}

/* In the place of the newest; false without memory, and the accounts are freed then. */
static bool take_file(struct pf_fetch *f, struct pf_accounts *accounts)
{
    struct pf_fetch_file *file = calloc(1, sizeof *file);

    if (!file) {
        pf_accounts_free(accounts);
        return false;
    }
    *file = (struct pf_fetch_file){accounts, 1};
    pf_fetch_file_release(f->file);
    f->file = file;
    f->client.accounts = accounts;
    return true;
}

static void fill(struct pf_fetch_run *run)
{
    run->account = *run->said;
    pf_fetch_override(run->fetch->options, &run->account);
}

enum pf_code pf_fetch_ledger(struct pf_fetch_run *run, struct pf_err *err)
{
    char path[PATH_MAX], *copy;
    enum pf_code code = pf_collect_ledger_path(&run->account, getenv("XDG_STATE_HOME"),
                                               run->fetch->client.home, path, sizeof path, err);

    if (code)
        return code;
    copy = strdup(path);
    if (!copy)
        return pf_fail(err, PF_NO_MEMORY, 0, "fetch", "out of memory");
    free(run->ledger);
    run->ledger = copy;
    return PF_OK;
}

static struct pf_fetch_run *find(const struct pf_fetch *f, const char *name)
{
    struct pf_fetch_run *run = f->runs;

    while (run && strcmp(run->name, name) != 0)
        run = run->next;
    return run;
}

static void free_run(struct pf_fetch_run *run)
{
    pf_timer_free(run->timer);
    pf_collect_free(run->collect);
    pf_fetch_file_release(run->file);
    pf_fetch_file_release(run->successor_file);
    free(run->ledger);
    free(run->own);
    free(run);
}

static enum pf_code make(struct pf_fetch *f, const struct pf_account *said,
                         struct pf_client_options *own, struct pf_err *err)
{
    struct pf_fetch_run *run = calloc(1, sizeof *run), **end = &f->runs;
    enum pf_code code;

    if (!run) {
        free(own);
        return pf_fail(err, PF_NO_MEMORY, 0, "fetch", "out of memory");
    }
    run->fetch = f;
    run->own = own;
    run->said = said;
    run->file = own ? NULL : pf_fetch_file_hold(f->file);
    run->due = PF_NEVER;
    snprintf(run->name, sizeof run->name, "%s", said->name);
    fill(run);
    code = pf_fetch_ledger(run, err);
    if (code) {
        free_run(run);
        return code;
    }
    while (*end)
        end = &(*end)->next;
    *end = run;
    return PF_OK;
}

/* An account of the file, or a word that is one itself. */
static int make_word(struct pf_fetch *f, const char *word)
{
    struct pf_client_options *own = malloc(sizeof *own);
    const struct pf_account *said;
    struct pf_err err = {.code = PF_NO_MEMORY};

    if (!own)
        return pf_client_complain("fetch", word, &err);
    *own = f->options->client;
    said = pf_client_account(&f->client, own, word);
    if (!said || find(f, said->name)) {
        free(own);
        return said ? 0 : pf_verdict(PF_CONFIG)->exit_status;
    }
    if (said != &own->account) {
        free(own);
        own = NULL;
    }
    return make(f, said, own, &err) == PF_OK ? 0 : pf_client_complain("fetch", word, &err);
}

static int make_enabled(struct pf_fetch *f)
{
    struct pf_err err;

    for (size_t i = 0; f->file && i < f->file->accounts->count; i++) {
        const struct pf_account *a = &f->file->accounts->list[i];

        if (a->enabled && !find(f, a->name) && make(f, a, NULL, &err) != PF_OK)
            return pf_client_complain("fetch", a->name, &err);
    }
    return 0;
}

static int nothing_to_do(const struct pf_fetch *f)
{
    if (f->options->client.touched)
        fputs(pf_say("postfach fetch: those options are for a URL or an address, and none is named\n",
                     "postfach fetch: diese Optionen sind für eine URL oder Adresse, und keine ist "
                     "genannt\n"),
              stderr);
    else if (!f->file && !f->client.file[0])
        fputs(pf_say("postfach fetch: there are no accounts: HOME is not set, so nobody knows where they are; "
                     "say -c FILE\n",
                     "postfach fetch: es gibt keine Konten: HOME ist nicht gesetzt, also weiß niemand, wo sie sind; "
                     "-c DATEI angeben\n"),
              stderr);
    else
        fprintf(stderr,
                f->file ? pf_say("postfach fetch: no account in %s is enabled\n",
                                 "postfach fetch: kein Konto in %s ist eingeschaltet (enabled)\n")
                        : pf_say("postfach fetch: there are no accounts: there is no %s\n"
                                 "    hint: see postfach-accounts(5); or name a URL: "
                                 "postfach fetch --maildir ~/Mail pops://USER@HOST\n",
                                 "postfach fetch: es gibt keine Konten: %s ist nicht da\n"
                                 "    Tipp: siehe postfach-accounts(5); oder eine URL nennen: "
                                 "postfach fetch --maildir ~/Mail pops://NAME@RECHNER\n"),
                f->client.file);
    return pf_verdict(PF_CONFIG)->exit_status;
}

int pf_fetch_runs(struct pf_fetch *f)
{
    const struct pf_fetch_options *o = f->options;
    int status = 0;

    if (f->client.accounts && !take_file(f, f->client.accounts)) {
        f->client.accounts = NULL;
        return pf_verdict(PF_NO_MEMORY)->exit_status;
    }
    if (o->word_count == 0 && o->client.touched)
        return nothing_to_do(f);
    for (size_t i = 0; status == 0 && i < o->word_count; i++)
        status = make_word(f, o->words[i]);
    if (o->word_count == 0)
        status = make_enabled(f);
    return status == 0 && !f->runs ? nothing_to_do(f) : status;
}

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

static bool is_wanted(const struct pf_fetch *f, const struct pf_account *a)
{
    const struct pf_fetch_options *o = f->options;

    for (size_t i = 0; i < o->word_count; i++)
        if (strcmp(o->words[i], a->name) == 0)
            return true;
    return o->word_count == 0 && a->enabled;
}

/* A file that is empty just now is one that somebody writes; a daemon that ends because of it is missed by nobody. */
static bool any_wanted(const struct pf_fetch *f, const struct pf_accounts *accounts)
{
    for (size_t i = 0; i < accounts->count; i++)
        if (is_wanted(f, &accounts->list[i]))
            return true;
    return false;
}

static bool is_idle(const struct pf_fetch_run *run)
{
    return run->phase == PF_FETCH_RESTS || run->phase == PF_FETCH_QUEUED;
}

/* What a newer file means for one that is there. */
static void renew_one(struct pf_fetch *f, struct pf_fetch_run *run)
{
    const struct pf_account *now = pf_accounts_find(f->file->accounts, run->name);

    pf_fetch_file_release(run->successor_file);
    run->successor_file = NULL;
    run->successor = NULL;
    run->leaves = !now || !is_wanted(f, now);
    if (!run->leaves) {
        run->successor = now;
        run->successor_file = pf_fetch_file_hold(f->file);
    }
    if (!is_idle(run) || !pf_fetch_renew(run) || run->phase != PF_FETCH_RESTS)
        return;
    /* What failed may go well with the new settings, and a new `poll` counts from now. */
    if (run->failures)
        run->failures = 0, run->due = 0;
    else if (run->account.poll && run->due > pf_loop_now(f->client.loop) + run->account.poll * 1000)
        run->due = pf_loop_now(f->client.loop) + run->account.poll * 1000;
    pf_fetch_rest_until(run, run->due);
}

static void add_new(struct pf_fetch *f)
{
    struct pf_err err;

    for (size_t i = 0; i < f->file->accounts->count; i++) {
        const struct pf_account *a = &f->file->accounts->list[i];
        struct pf_fetch_run *run;

        if (!is_wanted(f, a) || find(f, a->name))
            continue;
        if (make(f, a, NULL, &err) != PF_OK) {
            pf_client_complain("fetch", a->name, &err);
            continue;
        }
        run = find(f, a->name);
        run->phase = PF_FETCH_QUEUED;
    }
}

void pf_fetch_reload(struct pf_fetch *f)
{
    struct pf_accounts *accounts;

    if (!f->file)
        return;
    accounts = pf_accounts_read(f->client.file, f->client.home, print_mistake, NULL);
    if (accounts && !any_wanted(f, accounts)) {
        nothing_to_do(f);
        pf_accounts_free(accounts);
        accounts = NULL;
    }
    if (!accounts || !take_file(f, accounts)) {
        fputs(pf_say("postfach fetch: the accounts stay as they were\n",
                     "postfach fetch: die Konten bleiben, wie sie waren\n"),
              stderr);
        return;
    }
    for (struct pf_fetch_run *run = f->runs, *next; run; run = next) {
        next = run->next;
        if (run->file)
            renew_one(f, run);
    }
    add_new(f);
    pf_fetch_next(f);
}

bool pf_fetch_renew(struct pf_fetch_run *run)
{
    struct pf_fetch_run **at = &run->fetch->runs;

    if (run->leaves) {
        while (*at != run)
            at = &(*at)->next;
        *at = run->next;
        free_run(run);
        return false;
    }
    if (run->successor) {
        pf_fetch_file_release(run->file);
        run->file = run->successor_file;
        run->said = run->successor;
        run->successor = NULL;
        run->successor_file = NULL;
        fill(run);
        free(run->ledger); /* `state` may be another */
        run->ledger = NULL;
    }
    return true;
}

void pf_fetch_runs_free(struct pf_fetch *f)
{
    while (f->runs) {
        struct pf_fetch_run *next = f->runs->next;

        free_run(f->runs);
        f->runs = next;
    }
    pf_fetch_file_release(f->file);
    f->file = NULL;
    f->client.accounts = NULL;
}

static void no_secret(void *self, struct pf_reach *reach, const char *host)
{
    (void)self, (void)reach, (void)host;
}

static void no_call(void *self, struct pf_reach *reach, struct pf_call *call)
{
    (void)self, (void)reach, (void)call;
}

static void nothing_heard(void *self, struct pf_reach *reach, struct pf_call *call,
                          const struct pf_heard *heard)
{
    (void)self, (void)reach, (void)call, (void)heard;
}

static void nothing_gone(void *self, struct pf_reach *reach, const struct pf_err *err)
{
    (void)self, (void)reach, (void)err;
}

enum pf_code pf_fetch_who(struct pf_fetch_run *run, char who[PF_LEDGER_WHO_MAX + 1], struct pf_err *err)
{
    static const struct pf_reach_calls calls = {no_secret, no_call, nothing_heard, nothing_gone};
    const struct pf_reach_settings set = {
        .loop = run->fetch->client.loop, .pool = run->fetch->client.pool, .account = &run->account};
    /* It calls nobody before the loop turns. */
    struct pf_reach *reach = pf_reach_new(&set, &calls, NULL, err);

    if (!reach)
        return err->code;
    snprintf(who, PF_LEDGER_WHO_MAX + 1, "%s", pf_reach_who(reach));
    pf_reach_free(reach);
    return PF_OK;
}
