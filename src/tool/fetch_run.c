#include "tool/fetch.h"

#include "sys/tls.h"
#include "tool/fetch_wait.h"
#include "tool/speech.h"

#include <stdlib.h>

struct pf_fetch_asking {
    struct pf_client_secret secret;
    struct pf_account account; /* as the run's, which may have a newer one before the thread ends */
    struct pf_fetch_file *file;
    struct pf_fetch *fetch;
    struct pf_fetch_run *run; /* NULL: its session has ended */
};

static void give(void *self, struct pf_bytes secret, const struct pf_err *err)
{
    struct pf_fetch_asking *asking = self;
    struct pf_fetch_run *run = asking->run;

    asking->fetch->asking--;
    pf_fetch_file_release(asking->file);
    free(asking);
    if (!run)
        return;
    run->asking = NULL;
    pf_collect_secret(run->collect, secret, err);
}

static void ask(void *self, struct pf_collect *collect, const char *host)
{
    struct pf_fetch_run *run = self;
    struct pf_fetch_asking *asking = calloc(1, sizeof *asking);

    if (!asking) {
        struct pf_err err;

        pf_fail(&err, PF_NO_MEMORY, 0, "fetch", "out of memory");
        pf_collect_secret(collect, (struct pf_bytes){0}, &err);
        return;
    }
    run->asking = asking;
    run->fetch->asking++;
    asking->fetch = run->fetch;
    asking->run = run;
    asking->account = run->account;
    asking->file = pf_fetch_file_hold(run->file);
    asking->secret.give = give;
    asking->secret.self = asking;
    pf_client_secret(&asking->secret, &run->fetch->client, &asking->account, host);
}

static uint64_t known(uint64_t octets)
{
    return octets == PF_OCTETS_UNKNOWN ? 0 : octets;
}

static void note(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    struct pf_fetch_progress *p = &run->progress;

    switch (e->kind) {
    case PF_COLLECT_READY:
        run->phase = PF_FETCH_LISTS;
        break;
    case PF_COLLECT_LISTED:
        run->on_server = e->messages;
        run->fresh = p->messages + e->fresh;
        pf_fetch_progress_listed(p, e->fresh, known(e->fresh_octets));
        run->phase = e->fresh ? PF_FETCH_COMES : PF_FETCH_ENDS;
        break;
    case PF_COLLECT_BEGINS:
        pf_fetch_progress_message(p, known(e->octets));
        break;
    case PF_COLLECT_MOVES:
        pf_fetch_progress_moves(p, e->so_far);
        break;
    case PF_COLLECT_TAKEN:
        p->messages++;
        break;
    case PF_COLLECT_LEFT:
        if (e->err.code != PF_OK && p->messages < p->of_messages)
            p->messages++; /* it came, and was not taken */
        run->would_delete += pf_fetch_would_delete(run, e);
        break;
    case PF_COLLECT_DELETED:
        run->phase = PF_FETCH_ENDS;
        break;
    case PF_COLLECT_NOTICE:
        break;
    }
    if (run->phase == PF_FETCH_COMES && p->messages >= p->of_messages)
        run->phase = PF_FETCH_ENDS;
}

static void tell(void *self, struct pf_collect *collect, const struct pf_collect_event *event)
{
    struct pf_fetch_run *run = self;

    (void)collect;
    note(run, event);
    run->fetch->show->event(run, event);
}

static uint32_t chance(void)
{
    uint32_t number = 0;

    pf_random((unsigned char *)&number, sizeof number, NULL);
    return number;
}

/* What CAPA says; and where it says nothing, a server that sends us away for coming too soon: what was
 * long enough at last is what it wants. From the beginning of one session to the end of the other, so
 * that the two logins are not nearer than it has them. */
static void learn_login_delay(struct pf_fetch_run *run)
{
    if (run->err.code == PF_LOGIN_DELAY)
        run->too_soon = true;
    if (run->login_delay < (pf_time)run->sums.login_delay * 1000)
        run->login_delay = (pf_time)run->sums.login_delay * 1000;
    if (run->err.code != PF_OK)
        return;
    if (run->too_soon && run->logged_in)
        run->login_delay = pf_loop_now(run->fetch->client.loop) - run->logged_in;
    run->too_soon = false;
    run->logged_in = run->began;
}

/* When it is called again; in a command that ends by itself, never. */
static pf_time rest_of(struct pf_fetch_run *run)
{
    pf_time now = pf_loop_now(run->fetch->client.loop);
    struct pf_fetch_story story = {.code = run->err.code,
                                   .failures = run->failures,
                                   .poll = run->account.poll * 1000,
                                   .took = now - run->began,
                                   .login_delay = run->login_delay,
                                   .random = chance()};

    if (!run->fetch->options->daemon || run->fetch->stops)
        return PF_NEVER;
    return pf_fetch_rest(&story);
}

static void ended(struct pf_later *later)
{
    struct pf_fetch_run *run =
        (struct pf_fetch_run *)((char *)later - offsetof(struct pf_fetch_run, ended));
    struct pf_fetch *f = run->fetch;

    if (run->asking)
        run->asking->run = NULL;
    run->asking = NULL;
    pf_collect_free(run->collect);
    run->collect = NULL;
    f->running--;
    run->counted = true;
    run->failures = run->err.code == PF_OK ? 0 : run->failures + 1;
    run->phase = PF_FETCH_RESTS;
    learn_login_delay(run);
    run->rest = rest_of(run);
    f->show->end(run);
    if (pf_fetch_renew(run))
        pf_fetch_rest_until(run,
                            run->rest == PF_NEVER ? PF_NEVER : pf_loop_now(f->client.loop) + run->rest);
    pf_fetch_next(f);
}

static void end_with(struct pf_fetch_run *run, const struct pf_err *err)
{
    run->err = *err;
    run->ended.run = ended;
    pf_loop_later(run->fetch->client.loop, &run->ended);
}

static void gone(void *self, struct pf_collect *collect, const struct pf_err *err)
{
    struct pf_fetch_run *run = self;

    run->sums = *pf_collect_sums(collect);
    end_with(run, err);
}

static bool has_place(const struct pf_account *a)
{
    return a->maildir || a->mbox || a->command || a->lmtp || a->smtp;
}

static enum pf_code begin(struct pf_fetch_run *run, struct pf_err *err)
{
    static const struct pf_collect_calls calls = {ask, tell, gone};
    const struct pf_fetch *f = run->fetch;
    struct pf_collect_settings set = {.loop = f->client.loop,
                                      .pool = f->client.pool,
                                      .account = &run->account,
                                      .mode = f->options->mode,
                                      .remove = !f->options->no_delete};

    if (!run->ledger && pf_fetch_ledger(run, err) != PF_OK)
        return err->code;
    set.ledger = run->ledger;
    /* Of a URL one may ask what there is before one says where it goes. */
    if ((f->options->mode == PF_COLLECT_FETCH || (f->options->mode == PF_COLLECT_DRY && !run->own)) &&
        !has_place(&run->account))
        return pf_fail(
            err, PF_CONFIG, 0, "fetch", "%s",
            run->own ? pf_say("where does mail go? say --maildir DIR, --mbox FILE, --command CMD, "
                              "--lmtp HOST:PORT or --smtp HOST:PORT",
                              "wohin mit der Post? --maildir ORDNER, --mbox DATEI, --command BEFEHL, "
                              "--lmtp RECHNER:PORT oder --smtp RECHNER:PORT angeben")
                     : pf_say("the account does not say where mail goes: set maildir, mbox, command, "
                              "lmtp or smtp",
                              "das Konto sagt nicht, wohin mit der Post: maildir, mbox, command, lmtp "
                              "oder smtp setzen"));
    run->collect = pf_collect_new(&set, &calls, run, err);
    return run->collect ? PF_OK : err->code;
}

void pf_fetch_start(struct pf_fetch_run *run)
{
    struct pf_fetch *f = run->fetch;
    struct pf_err err;

    run->err.code = PF_OK;
    run->told[0] = run->left[0] = 0;
    run->left_more = 0;
    run->phase = PF_FETCH_CALLS;
    run->began = pf_loop_now(f->client.loop);
    run->sums = (struct pf_collect_sums){0};
    run->shown = run->on_server = run->fresh = run->would_delete = 0;
    pf_fetch_progress_begin(&run->progress);
    f->running++;
    f->show->begin(run);
    if (begin(run, &err) != PF_OK)
        end_with(run, &err);
}

static void fired(struct pf_timer *timer, void *self)
{
    struct pf_fetch_run *run = self;

    (void)timer;
    run->due = PF_NEVER;
    run->phase = PF_FETCH_QUEUED;
    pf_fetch_next(run->fetch);
}

void pf_fetch_rest_until(struct pf_fetch_run *run, pf_time due)
{
    run->due = due;
    if (!run->timer && due != PF_NEVER)
        run->timer = pf_timer_new(run->fetch->client.loop, fired, run);
    if (run->timer)
        pf_timer_set(run->timer, due);
}
