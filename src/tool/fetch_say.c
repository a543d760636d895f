#include "tool/fetch.h"

#include "sys/explain.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <inttypes.h>

static const struct {
    const char *word, *english, *german;
} whys[] = {
    [PF_PLAN_NEW] = {"new", "new", "neu"},
    [PF_PLAN_KNOWN] = {"known", "fetched before", "schon geholt"},
    [PF_PLAN_MOVED] = {"moved", "fetched before, under another UIDL",
                       "schon geholt, unter anderer UIDL"},
    [PF_PLAN_LARGE] = {"large", "over size-limit", "größer als size-limit"},
    [PF_PLAN_ENOUGH] = {"enough", "over number-limit, next time", "über number-limit, nächstes Mal"},
    [PF_PLAN_FILTERED] = {"filtered", "a filter skips it", "ein Filter lässt sie aus"},
    [PF_PLAN_UNWANTED] = {"unwanted", "a filter deletes it", "ein Filter löscht sie"},
    [PF_PLAN_REFUSED] = {"refused", "refused where it should go", "am Ziel abgewiesen"},
    [PF_PLAN_EXPIRED] = {"expired", "kept long enough", "lange genug aufgehoben"},
    [PF_PLAN_CROWDED] = {"crowded", "over keep-size", "über keep-size"},
};

const char *pf_fetch_why(enum pf_plan_why why)
{
    return whys[why].word;
}

const char *pf_fetch_reason(enum pf_plan_why why)
{
    return pf_say(whys[why].english, whys[why].german);
}

bool pf_fetch_would_delete(const struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    return run->fetch->options->mode == PF_COLLECT_DRY && e->kind == PF_COLLECT_LEFT &&
           (e->why == PF_PLAN_EXPIRED || e->why == PF_PLAN_CROWDED || e->why == PF_PLAN_UNWANTED);
}

void pf_fetch_say_place(const struct pf_fetch_run *run, const char *folder, FILE *to)
{
    const struct pf_account *a = &run->account;
    const char *place = a->maildir ? a->maildir
                        : a->mbox  ? a->mbox
                        : a->lmtp  ? a->lmtp
                        : a->smtp  ? a->smtp
                                   : NULL;

    if (a->command)
        place = a->command[0];
    pf_tool_print_safe(to, place ? place : "-", false);
    if (folder && folder[0]) {
        fputc('/', to);
        pf_tool_print_safe(to, folder, false);
    }
}

bool pf_fetch_is_news(const struct pf_fetch_run *run)
{
    return run->sums.fetched || run->sums.deleted || run->sums.refused || run->sums.skipped;
}

static void say_count(FILE *to, uint64_t count, const char *english, const char *german)
{
    if (count)
        fprintf(to, "; %" PRIu64 " %s", count, pf_say(english, german));
}

static void say_rest(const struct pf_fetch_run *run, FILE *to)
{
    const struct pf_collect_sums *s = &run->sums;

    say_count(to, s->deleted, "deleted", "gelöscht");
    say_count(to, s->delete_refused, "could not be deleted", "ließen sich nicht löschen");
    say_count(to, s->skipped - s->unwanted, "left by filters", "von Filtern ausgelassen");
    say_count(to, s->unwanted, "not wanted by filters", "von Filtern nicht gewollt");
    say_count(to, s->refused, "refused (postfach fetch status)", "abgewiesen (postfach fetch status)");
    say_count(to, s->left_large, "over size-limit", "größer als size-limit");
    say_count(to, s->again, "perhaps for the second time", "vielleicht zum zweiten Mal");
}

static void say_fetched(const struct pf_fetch_run *run, FILE *to)
{
    pf_time took = pf_loop_now(run->fetch->client.loop) - run->began;
    char octets[PF_FETCH_OCTETS], time[PF_FETCH_TIME];

    if (run->sums.fetched)
        fprintf(to, pf_say("%" PRIu64 " %s fetched (%s) in %s", "%" PRIu64 " %s geholt (%s) in %s"),
                run->sums.fetched,
                run->sums.fetched == 1 ? pf_say("message", "Nachricht")
                                       : pf_say("messages", "Nachrichten"),
                pf_fetch_octets(run->sums.octets, octets), pf_fetch_took(took, time));
    else
        fprintf(
            to,
            pf_say("nothing new, %" PRIu64 " on the server", "nichts Neues, %" PRIu64 " auf dem Server"),
            run->on_server);
}

void pf_fetch_say_sums(const struct pf_fetch_run *run, FILE *to)
{
    pf_tool_print_safe(to, run->name, false);
    fputs(": ", to);
    switch (run->fetch->options->mode) {
    case PF_COLLECT_DRY:
        fprintf(to,
                pf_say("%" PRIu64 " of %" PRIu64 " would be fetched",
                       "%" PRIu64 " von %" PRIu64 " würden geholt"),
                run->fresh, run->on_server);
        say_count(to, run->would_delete, "would be deleted", "würden gelöscht");
        say_count(to, run->sums.left_large, "over size-limit", "größer als size-limit");
        break;
    case PF_COLLECT_ADOPT:
        fprintf(to,
                pf_say("%" PRIu64 " of %" PRIu64 " on the server count as fetched from now on",
                       "%" PRIu64 " von %" PRIu64 " auf dem Server gelten ab jetzt als geholt"),
                run->sums.fetched, run->on_server);
        break;
    case PF_COLLECT_FETCH:
        say_fetched(run, to);
        say_rest(run, to);
        break;
    }
    fputc('\n', to);
}

void pf_fetch_say_error(const struct pf_fetch_run *run)
{
    char time[PF_FETCH_TIME];

    if (strcmp(run->told, run->err.log) != 0)
        pf_client_complain("fetch", run->name, &run->err);
    if (run->rest == PF_NEVER)
        return;
    fputs("postfach fetch: ", stderr);
    pf_tool_print_safe(stderr, run->name, false);
    fprintf(stderr, pf_say(": next try in %s\n", ": nächster Versuch in %s\n"),
            pf_fetch_time(run->rest, time));
}

void pf_fetch_say_more(struct pf_fetch_run *run)
{
    if (run->left_more) {
        fputs("postfach fetch: ", stderr);
        pf_tool_print_safe(stderr, run->name, false);
        fprintf(stderr, pf_say(": the same of %" PRIu64 " more %s\n", ": dasselbe bei %" PRIu64 " weiteren %s\n"),
                run->left_more,
                run->left_more == 1 ? pf_say("message", "Nachricht") : pf_say("messages", "Nachrichten"));
    }
    run->left_more = 0;
    run->left[0] = 0;
}

void pf_fetch_say_notice(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    struct pf_err about = e->err;

    if (e->kind == PF_COLLECT_LEFT && strcmp(run->left, e->err.log) == 0) {
        run->left_more++;
        return;
    }
    pf_fetch_say_more(run);
    if (e->kind == PF_COLLECT_LEFT)
        snprintf(run->left, sizeof run->left, "%s", e->err.log);

    /* Which message it is about, where what delivers it does not know that. */
    if (e->kind == PF_COLLECT_LEFT && (e->err.code == PF_PERM || e->err.code == PF_TEMP) &&
        !strstr(e->err.log, "message ") && !strstr(e->err.log, "Nachricht "))
        pf_fail(&about, e->err.code, e->err.sys, e->err.where,
                pf_say("message %" PRIu64 ": %s", "Nachricht %" PRIu64 ": %s"), e->number, e->err.log);
    snprintf(run->told, sizeof run->told, "%s", e->err.log);
    pf_client_complain("fetch", run->name, &about);
}
