/* What the ledgers know: nothing is asked of a server, and nothing is locked. */
#include "tool/fetch.h"

#include "base/text.h"
#include "tool/client_json.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

struct known {
    uint64_t by[PF_LEDGER_REFUSED + 1];
    uint64_t elsewhere;
    uint64_t fetched; /* ever */
    int64_t last;     /* when one was */
};

static void count(const struct pf_ledger *ledger, struct known *out)
{
    struct pf_ledger_note note;

    *out = (struct known){.elsewhere = pf_ledger_elsewhere_count(ledger)};
    out->fetched = pf_ledger_delivered(ledger, &out->last);
    for (size_t i = 0; i < pf_ledger_count(ledger); i++) {
        pf_ledger_at(ledger, i, &note);
        out->by[note.state]++;
    }
}

static const char *date(int64_t seconds, char room[32])
{
    time_t time = (time_t)seconds;
    struct tm tm;

    if (!seconds || !localtime_r(&time, &tm) || !strftime(room, 32, "%Y-%m-%d %H:%M:%S", &tm))
        snprintf(room, 32, "%s", pf_say("never", "nie"));
    return room;
}

static void say_line(const char *english, const char *german, uint64_t number)
{
    if (number)
        printf("    %" PRIu64 " %s\n", number, pf_say(english, german));
}

static void say_why(struct pf_bytes why)
{
    char text[PF_LEDGER_NAME_MAX + 1];

    if (!why.len)
        return;
    memcpy(text, why.at, why.len);
    text[why.len] = 0;
    fputs("            ", stdout);
    pf_tool_print_safe(stdout, text, false);
    putchar('\n');
}

static void say_refused(const struct pf_ledger *ledger)
{
    struct pf_ledger_note note;
    char uid[256], when[32];

    for (size_t i = 0; i < pf_ledger_count(ledger); i++) {
        pf_ledger_at(ledger, i, &note);
        if (note.state != PF_LEDGER_REFUSED)
            continue;
        pf_text_safe(uid, sizeof uid, note.uid);
        printf("        %s  %s  ", date(note.when, when), uid);
        if (note.octets != PF_OCTETS_UNKNOWN)
            printf(pf_say("%" PRIu64 " octets", "%" PRIu64 " Oktette"), note.octets);
        putchar('\n');
        say_why(note.name);
    }
}

static void say(const struct pf_fetch_run *run, const struct pf_ledger *ledger, const struct known *k)
{
    char when[32];

    pf_tool_print_safe(stdout, run->name, false);
    printf(pf_say(": %" PRIu64 " fetched, the last one: %s\n", ": %" PRIu64 " geholt, zuletzt: %s\n"),
           k->fetched, date(k->last, when));
    say_line("on the server count as fetched", "auf dem Server gelten als geholt", k->by[PF_LEDGER_DONE]);
    say_line("left by filters", "von Filtern ausgelassen", k->by[PF_LEDGER_SKIPPED]);
    say_line("were on their way when a run was cut off: the next one finds out",
             "waren unterwegs, als ein Lauf abgebrochen wurde: der nächste klärt es",
             k->by[PF_LEDGER_WILL]);
    say_line("of another name of this maildrop", "von einem anderen Namen dieses Postfachs",
             k->elsewhere);
    say_line(
        "refused where they should go; they stay on the server (postfach fetch again ACCOUNT --refused)",
        "am Ziel abgewiesen; sie bleiben auf dem Server (postfach fetch again KONTO --refused)",
        k->by[PF_LEDGER_REFUSED]);
    say_refused(ledger);
    printf("    %s\n", run->ledger);
}

static void put(const struct pf_fetch_run *run, const struct pf_ledger *ledger, const struct known *k,
                const char *who)
{
    struct pf_client_json j;
    struct pf_ledger_note note;

    pf_client_json_begin(&j, stdout);
    pf_client_json_text(&j, "account", run->name);
    pf_client_json_text(&j, "who", who);
    pf_client_json_text(&j, "ledger", run->ledger);
    pf_client_json_number(&j, "fetched", k->fetched);
    pf_client_json_number(&j, "known", k->by[PF_LEDGER_DONE]);
    pf_client_json_number(&j, "skipped", k->by[PF_LEDGER_SKIPPED]);
    pf_client_json_number(&j, "refused", k->by[PF_LEDGER_REFUSED]);
    pf_client_json_number(&j, "unfinished", k->by[PF_LEDGER_WILL]);
    pf_client_json_number(&j, "elsewhere", k->elsewhere);
    pf_client_json_time(&j, "last", k->last);
    pf_client_json_list(&j, "refused_messages");
    for (size_t i = 0; i < pf_ledger_count(ledger); i++) {
        pf_ledger_at(ledger, i, &note);
        if (note.state != PF_LEDGER_REFUSED)
            continue;
        pf_client_json_next(&j);
        pf_client_json_bytes(&j, "uid", note.uid);
        pf_client_json_time(&j, "at", note.when);
        if (note.octets != PF_OCTETS_UNKNOWN)
            pf_client_json_number(&j, "octets", note.octets);
        if (note.name.len)
            pf_client_json_bytes(&j, "text", note.name);
        pf_client_json_close(&j);
    }
    pf_client_json_list_end(&j);
    pf_client_json_end(&j);
}

static int show(struct pf_fetch_run *run)
{
    char who[PF_LEDGER_WHO_MAX + 1];
    struct pf_ledger *ledger = NULL;
    struct known known;
    struct pf_err err;
    enum pf_code code = pf_fetch_who(run, who, &err);

    if (code == PF_OK)
        code = pf_ledger_look(run->ledger, who, &ledger, &err);
    if (code != PF_OK)
        return pf_client_complain("fetch status", run->name, &err);
    count(ledger, &known);
    if (run->fetch->options->json)
        put(run, ledger, &known, who);
    else
        say(run, ledger, &known);
    pf_ledger_close(ledger);
    return 0;
}

int pf_fetch_status(struct pf_fetch *f)
{
    int worst = 0;

    for (struct pf_fetch_run *run = f->runs; run; run = run->next) {
        int status = show(run);

        worst = status > worst ? status : worst;
    }
    return worst;
}
