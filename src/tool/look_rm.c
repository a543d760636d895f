#include "tool/look.h"
#include "tool/look_parts.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { DAY = 86400, MANY = 50 /* UIDs that are printed for a command line to be copied */ };

static bool wants_head(const struct pf_look *l, size_t index)
{
    return l->wanted_count == 0 || l->rows[index].chosen;
}

/* Of those that were named, or all: the older ones. A mail that does not say its age stays. */
static void sift(struct pf_look *l)
{
    int64_t before = (int64_t)time(NULL) - l->older_days * DAY;

    for (size_t i = 0; l->older_days >= 0 && i < l->count; i++) {
        struct pf_look_row *row = &l->rows[i];
        bool old = row->date && row->date < before;

        row->chosen = old && (l->wanted_count == 0 || row->chosen);
    }
}

static size_t how_many(const struct pf_look *l, bool deleted)
{
    size_t count = 0;

    for (size_t i = 0; i < l->count; i++)
        count += l->rows[i].chosen && (!deleted || l->rows[i].deleted);
    return count;
}

/* The word as a shell takes it: a UID is a stranger's text, and may be `$(...)`. False: it cannot be
 * shown. */
static bool print_word(const char *front, const char *word, bool print)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@%+=:,/-";
    bool quote = word[strspn(word, plain)] != 0;

    for (const char *c = word; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '\'')
            return false;
    if (print)
        printf(quote ? " %s'%s'" : " %s%s", front, word);
    return true;
}

static bool each_uid(const struct pf_look *l, bool print)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->rows[i].chosen && (!l->rows[i].uid || !print_word("uid:", l->rows[i].uid, print)))
            return false;
    return true;
}

/* Numbers are other messages tomorrow; UIDs are not. */
static int only_tell(struct pf_look *l, size_t count)
{
    bool same =
        l->older_days >= 0 || count > MANY || !each_uid(l, false) || !print_word("", l->word, false);

    pf_look_quit(l);
    pf_look_print(l, true);
    printf(count == 1 ? pf_say("Nothing was deleted: this was a rehearsal. %zu message would be.\n",
                               "Nichts wurde gelöscht: nur zur Probe. Es wäre %zu Nachricht.\n")
                      : pf_say("Nothing was deleted: this was a rehearsal. %zu messages would be.\n",
                               "Nichts wurde gelöscht: nur zur Probe. Es wären %zu Nachrichten.\n"),
           count);
    if (same) {
        puts(pf_say("To delete them: the same with --yes", "Um sie zu löschen: dasselbe mit --yes"));
        return 0;
    }
    fputs(pf_say("To delete them:", "Um sie zu löschen:"), stdout);
    if (l->options.touched || l->options.file) {
        fputs(pf_say(" the same with --yes and", " dasselbe mit --yes und"), stdout);
    } else {
        fputs(" postfach rm --yes", stdout);
        print_word("", l->word, true);
    }
    each_uid(l, true);
    putchar('\n');
    return 0;
}

static void tell_refused(struct pf_look *l, uint64_t number, struct pf_bytes why)
{
    char text[200];

    (void)l;
    pf_text_safe(text, sizeof text, why);
    fprintf(stderr,
            pf_say("postfach rm: the server does not delete message %" PRIu64 ": %s\n",
                   "postfach rm: der Server löscht Nachricht %" PRIu64 " nicht: %s\n"),
            number, text);
}

static int tell_unsure(const struct pf_look *l, bool quit_was_said)
{
    struct pf_err err = {0};

    if (quit_was_said)
        pf_fail(&err, PF_PARTIAL, 0, "look", "%s",
                pf_say("the server did not confirm: what was deleted, `postfach ls` shows",
                       "der Server hat nicht bestätigt: was gelöscht ist, zeigt `postfach ls`"));
    else
        pf_fail(&err, PF_TEMP, 0, "look", "%s: %.200s",
                pf_say("the connection broke before anything was confirmed: nothing is deleted",
                       "die Verbindung riss, ehe etwas bestätigt war: nichts ist gelöscht"),
                l->gone_err.log);
    return pf_look_complain(l, &err);
}

static int delete_them(struct pf_look *l, size_t count)
{
    size_t deleted;

    pf_look_print(l, true);
    if (!pf_look_delete(l, tell_refused))
        return tell_unsure(l, false);
    if (!pf_look_quit(l))
        return tell_unsure(l, true);
    deleted = how_many(l, true);
    printf(deleted == 1 ? pf_say("%zu message deleted; the server confirmed it.\n",
                                 "%zu Nachricht gelöscht; der Server hat es bestätigt.\n")
                        : pf_say("%zu messages deleted; the server confirmed it.\n",
                                 "%zu Nachrichten gelöscht; der Server hat es bestätigt.\n"),
           deleted);
    return deleted == count ? 0 : pf_verdict(PF_PARTIAL)->exit_status;
}

static int tell_ageless(const struct pf_look *l)
{
    struct pf_err err = {0};

    pf_fail(
        &err, PF_PERM, 0, "look", "%s",
        pf_say(
            "the server tells no heads (it has no TOP), so nobody knows how old a message is",
            "der Server nennt keine Köpfe (er hat kein TOP): niemand weiß, wie alt eine Nachricht ist"));
    return pf_look_complain(l, &err);
}

static int run(struct pf_look *l)
{
    size_t count;

    sift(l);
    count = how_many(l, false);
    if (count && l->yes)
        return delete_them(l, count);
    if (count)
        return only_tell(l, count);
    pf_look_quit(l);
    if (l->no_top)
        return tell_ageless(l);
    puts(pf_say("No message is so old: nothing to delete.",
                "Keine Nachricht ist so alt: nichts zu löschen."));
    return 0;
}

int pf_tool_rm(int argc, char **argv)
{
    static const struct pf_look_verb verb = {
        .word = "rm",
        .usage = "usage: postfach rm [--yes] [--older DAYS] ACCOUNT [MESSAGE…]   deletes on the server\n"
                 "  --yes                    really; else it only tells what would be deleted\n"
                 "  --older DAYS             those whose date is longer ago, as 30d; of all, or of "
                 "those named\n",
        .gebrauch =
            "Aufruf: postfach rm [--yes] [--older TAGE] KONTO [NACHRICHT…]   löscht auf dem Server\n"
            "  --yes                    wirklich; sonst sagt es nur, was gelöscht würde\n"
            "  --older TAGE             die, deren Datum länger her ist, wie 30d; von allen oder den "
            "genannten\n",
        .options = "yo",
        .names = true,
        .choose = pf_look_choose,
        .wants_head = wants_head,
        .run = run};

    return pf_look_main(&verb, argc, argv);
}
