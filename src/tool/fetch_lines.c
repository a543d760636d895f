#include "tool/fetch.h"

#include "tool/safe.h"
#include "tool/speech.h"

#include <inttypes.h>

static void say_name(const struct pf_fetch_run *run)
{
    pf_tool_print_safe(stdout, run->name, false);
    fputs(": ", stdout);
}

static void say_ready(const struct pf_fetch_run *run)
{
    const struct pf_call_facts *facts = pf_collect_facts(run->collect);

    say_name(run);
    printf(pf_say("logged in at %s port %u", "angemeldet bei %s Port %u"), facts->address, facts->port);
    if (facts->tls_version[0])
        printf(", %s, %s", facts->tls_version, facts->tls_cipher);
    printf("%s%s\n", facts->mechanism[0] ? ", " : "", facts->mechanism);
}

static void say_octets(uint64_t octets)
{
    if (octets != PF_OCTETS_UNKNOWN)
        printf(pf_say(", %" PRIu64 " octets", ", %" PRIu64 " Oktette"), octets);
}

/* From nothing of the mail itself: a log is read by others than mail is. */
static void say_taken(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    say_name(run);
    printf(pf_say("%" PRIu64 " of %" PRIu64, "%" PRIu64 " von %" PRIu64), ++run->shown, run->fresh);
    say_octets(e->octets);
    fputs(pf_say(", to ", ", nach "), stdout);
    pf_fetch_say_place(run, e->folder, stdout);
    putchar('\n');
}

static void say_left(const struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    say_name(run);
    printf(pf_fetch_would_delete(run, e)
               ? pf_say("message %" PRIu64 " would be deleted", "Nachricht %" PRIu64 " würde gelöscht")
           : e->why == PF_PLAN_UNWANTED && !run->fetch->options->no_delete
               ? pf_say("message %" PRIu64 " goes", "Nachricht %" PRIu64 " kommt weg")
               : pf_say("message %" PRIu64 " stays", "Nachricht %" PRIu64 " bleibt liegen"),
           e->number);
    say_octets(e->octets);
    printf(": %s\n", pf_fetch_reason(e->why));
}

static void say_dry(const struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    say_name(run);
    printf(pf_say("message %" PRIu64 " would be fetched", "Nachricht %" PRIu64 " würde geholt"),
           e->number);
    say_octets(e->octets);
    putchar('\n');
}

static void event(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    bool verbose = run->fetch->options->verbose;

    if (e->kind == PF_COLLECT_READY && verbose)
        say_ready(run);
    else if (e->kind == PF_COLLECT_BEGINS && run->fetch->options->mode == PF_COLLECT_DRY && verbose)
        say_dry(run, e);
    else if (e->kind == PF_COLLECT_TAKEN && run->fetch->options->mode == PF_COLLECT_FETCH)
        say_taken(run, e);
    else if (e->kind == PF_COLLECT_LEFT && e->err.code != PF_OK)
        pf_fetch_say_notice(run, e);
    else if (e->kind == PF_COLLECT_LEFT && verbose)
        say_left(run, e);
    else if (e->kind == PF_COLLECT_NOTICE)
        pf_fetch_say_notice(run, e);
}

static void begin(struct pf_fetch_run *run)
{
    (void)run;
}

static void end(struct pf_fetch_run *run)
{
    pf_fetch_say_more(run);
    /* Who is asked every minute has nothing to say most of the time. */
    if (run->err.code == PF_OK && run->fetch->options->daemon && !run->fetch->options->verbose &&
        !pf_fetch_is_news(run))
        return;
    if (run->err.code == PF_OK || pf_fetch_is_news(run))
        pf_fetch_say_sums(run, stdout);
    if (run->err.code != PF_OK && !(run->fetch->stops && run->err.code == PF_CANCELLED))
        pf_fetch_say_error(run);
}

static void finish(struct pf_fetch *f)
{
    (void)f;
}

const struct pf_fetch_show pf_fetch_show_lines = {begin, event, end, finish};

static void quiet_event(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    if (e->kind == PF_COLLECT_LEFT && e->err.code != PF_OK)
        pf_fetch_say_notice(run, e);
}

static void quiet_end(struct pf_fetch_run *run)
{
    pf_fetch_say_more(run);
    if (run->err.code != PF_OK && !(run->fetch->stops && run->err.code == PF_CANCELLED))
        pf_fetch_say_error(run);
}

const struct pf_fetch_show pf_fetch_show_quiet = {begin, quiet_event, quiet_end, finish};
