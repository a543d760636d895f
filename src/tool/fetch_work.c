#include "tool/fetch.h"

#include "sys/notify.h"
#include "tool/fetch_wait.h"
#include "tool/speech.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int pf_fetch_status_of(enum pf_code code)
{
    if (code == PF_OK)
        return 0;
    if (pf_fetch_is_temporary(code))
        return 75;
    if (code == PF_NO_MECH) /* no mistake of the command line's */
        return pf_verdict(PF_AUTH)->exit_status;
    return code == PF_SYNTAX ? PF_FETCH_PROTOCOL : pf_verdict(code)->exit_status;
}

/* What is temporary wins: whoever started us tries again. */
static void judge(struct pf_fetch *f, int status)
{
    if (status == 75 || (f->worst != 75 && status > f->worst))
        f->worst = status;
}

static bool has_more(const struct pf_fetch *f)
{
    for (const struct pf_fetch_run *run = f->runs; run; run = run->next)
        if (run->phase != PF_FETCH_RESTS || run->due != PF_NEVER)
            return true;
    return false;
}

void pf_fetch_next(struct pf_fetch *f)
{
    for (struct pf_fetch_run *run = f->runs; run && f->running < f->options->jobs && !f->stops;
         run = run->next)
        if (run->phase == PF_FETCH_QUEUED)
            pf_fetch_start(run);
    if (!f->running && (f->stops || !has_more(f)))
        pf_loop_stop(f->client.loop);
}

/* What came whole is delivered; the second time, at once. */
static void stop(struct pf_fetch *f)
{
    if (f->stops++ == 0 && f->options->daemon)
        pf_notify(PF_NOTIFY_STOPPING);
    for (struct pf_fetch_run *run = f->runs; run; run = run->next) {
        if (run->phase == PF_FETCH_QUEUED)
            run->phase = PF_FETCH_RESTS;
        pf_fetch_rest_until(run, PF_NEVER);
        if (run->collect && !run->ended.queued)
            pf_collect_stop(run->collect);
    }
    pf_fetch_next(f);
}

static void heard(void *self, int number)
{
    struct pf_fetch *f = self;

    if (number != SIGHUP || !f->options->daemon) {
        stop(f);
        return;
    }
    pf_notify(PF_NOTIFY_RELOADING);
    pf_fetch_reload(f);
    pf_notify(PF_NOTIFY_READY);
}

static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static bool listen_to_signals(struct pf_fetch *f)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct pf_err err;

    for (size_t i = 0; i < 3; i++) {
        if (numbers[i] == SIGHUP && !f->options->daemon && is_ignored(SIGHUP))
            continue; /* nohup(1) */
        f->signals[i] = pf_signal_new(f->client.loop, numbers[i], heard, f, &err);
        if (!f->signals[i]) {
            judge(f, pf_client_complain("fetch", NULL, &err));
            return false;
        }
    }
    return true;
}

/* Before anything is drawn, and before a server waits for us. */
static bool ask_persons(struct pf_fetch *f)
{
    struct pf_err err;

    for (struct pf_fetch_run *run = f->runs; run && !f->options->quiet; run = run->next)
        pf_client_tell_unchecked(&run->account);
    for (struct pf_fetch_run *run = f->runs; run; run = run->next)
        if (pf_client_ask(&f->client, &run->account, &err) == PF_CANCELLED) {
            judge(f, pf_client_complain("fetch", run->name, &err));
            return false;
        }
    return true;
}

static void run_loop(struct pf_fetch *f)
{
    if (f->options->daemon) {
        f->watchdog = pf_watchdog_new(f->client.loop);
        pf_notify(PF_NOTIFY_READY);
    }
    for (struct pf_fetch_run *run = f->runs; run; run = run->next)
        run->phase = PF_FETCH_QUEUED;
    pf_fetch_next(f);
    pf_loop_run(f->client.loop);
    pf_watchdog_free(f->watchdog);
}

static void judge_all(struct pf_fetch *f)
{
    for (const struct pf_fetch_run *run = f->runs; run; run = run->next) {
        bool cut = f->stops && (!run->counted || run->err.code == PF_CANCELLED);

        judge(f, cut ? 75 : pf_fetch_status_of(run->err.code));
    }
    if (f->options->daemon && f->stops)
        f->worst = 0; /* whoever ends a service wants it ended */
}

/* The work is done, and its exit status shall be told; no signal comes between. */
static void deaf(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

int pf_fetch_work(struct pf_fetch *f)
{
    f->show = f->options->json                               ? &pf_fetch_show_json
              : f->options->quiet                            ? &pf_fetch_show_quiet
              : !f->options->daemon && isatty(STDOUT_FILENO) ? &pf_fetch_show_bars
                                                             : &pf_fetch_show_lines;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!ask_persons(f))
        return f->worst;
    if (listen_to_signals(f)) {
        run_loop(f);
        judge_all(f);
        f->show->finish(f);
    }
    deaf();
    for (size_t i = 0; i < 3; i++)
        pf_signal_free(f->signals[i]);
    /* A thread that waits for a password or a name server holds nobody up who wants the end. */
    if (f->stops && f->asking) {
        fflush(stdout);
        _exit(f->worst);
    }
    return f->worst;
}
