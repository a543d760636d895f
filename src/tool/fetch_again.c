/* Records are taken out of a ledger, so that messages are fetched once more. */
#include "tool/fetch.h"

#include "base/text.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT = 10000, /* ms for a run that ends just now */
    GROUP = 256   /* records in one write */
};

/* Whether that record is one of those meant. */
static bool is_meant(const struct pf_fetch_options *o, const struct pf_ledger_note *note)
{
    if (o->all)
        return true;
    if (o->refused && note->state == PF_LEDGER_REFUSED)
        return true;
    for (size_t i = 1; i < o->word_count; i++)
        if (pf_bytes_equal(note->uid, pf_bytes_of(o->words[i])))
            return true;
    return false;
}

/* A record that was not finished is for the next run to settle: nobody knows yet whether its message is
 * there. */
static bool is_settled(const struct pf_ledger_note *note)
{
    return note->state != PF_LEDGER_WILL;
}

static enum pf_code forget(struct pf_ledger *ledger, const struct pf_fetch_options *o,
                           uint64_t *out_count, struct pf_err *err)
{
    struct pf_ledger_note notes[GROUP];
    enum pf_code code = PF_OK;
    size_t n = 0, all = pf_ledger_count(ledger);

    for (size_t i = 0; i < all && code == PF_OK; i++) {
        pf_ledger_at(ledger, i, &notes[n]);
        if (is_meant(o, &notes[n]) && is_settled(&notes[n])) {
            notes[n].state = PF_LEDGER_GONE;
            notes[n].when = (int64_t)time(NULL);
            notes[n].name = (struct pf_bytes){0};
            n++;
            ++*out_count;
        }
        if (n == GROUP || (n && i + 1 == all)) {
            code = pf_ledger_write(ledger, notes, n, true, err);
            n = 0;
        }
    }
    return code;
}

/* UIDs that no record has: a mistake of typing is told, and nothing is forgotten. */
static bool knows_all(const struct pf_ledger *ledger, const struct pf_fetch_options *o)
{
    struct pf_ledger_note note;
    bool good = true;

    for (size_t i = 1; i < o->word_count; i++) {
        if (pf_ledger_find(ledger, pf_bytes_of(o->words[i]), &note))
            continue;
        fputs(pf_say("postfach fetch again: there is no record of `",
                     "postfach fetch again: es gibt keinen Eintrag für `"),
              stderr);
        pf_tool_print_safe(stderr, o->words[i], false);
        fputs("`\n", stderr);
        good = false;
    }
    return good;
}

static bool is_sure(const struct pf_fetch_run *run, const struct pf_ledger *ledger)
{
    const struct pf_fetch_options *o = run->fetch->options;
    char answer[16] = "";

    if (!o->all || o->yes || pf_ledger_count(ledger) == 0)
        return true;
    if (!isatty(STDIN_FILENO)) {
        fputs(pf_say("postfach fetch again: --all wants --yes where nobody can be asked\n",
                     "postfach fetch again: --all braucht --yes, wo niemand gefragt werden kann\n"),
              stderr);
        return false;
    }
    printf(pf_say("%s: fetch all %zu messages once more, as far as the server has them? [y/N] ",
                  "%s: alle %zu Nachrichten noch einmal holen, soweit der Server sie hat? [j/N] "),
           run->name, pf_ledger_count(ledger));
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && (strchr("yYjJ", answer[0]) && answer[0]);
}

static int work(struct pf_fetch_run *run, struct pf_ledger *ledger)
{
    uint64_t count = 0;
    struct pf_err err;

    if (!knows_all(ledger, run->fetch->options))
        return pf_verdict(PF_NO_MESSAGE)->exit_status;
    if (!is_sure(run, ledger))
        return pf_verdict(PF_SYNTAX)->exit_status;
    if (forget(ledger, run->fetch->options, &count, &err) != PF_OK)
        return pf_client_complain("fetch again", run->name, &err);
    pf_tool_print_safe(stdout, run->name, false);
    printf(pf_say(": %" PRIu64 " will be fetched once more, as far as the server has them\n",
                  ": %" PRIu64 " werden noch einmal geholt, soweit der Server sie hat\n"),
           count);
    return 0;
}

int pf_fetch_again(struct pf_fetch *f)
{
    char who[PF_LEDGER_WHO_MAX + 1];
    struct pf_ledger *ledger = NULL;
    struct pf_err err;
    enum pf_code code = pf_fetch_who(f->runs, who, &err);
    int status;

    if (code == PF_OK)
        code = pf_ledger_open(f->runs->ledger, who, WAIT, &ledger, &err);
    if (code != PF_OK)
        return pf_client_complain("fetch again", f->runs->name, &err);
    status = work(f->runs, ledger);
    pf_ledger_close(ledger);
    return status;
}
