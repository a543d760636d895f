#include "tool/fetch.h"

#include "tool/speech.h"

#include <stdlib.h>

static const char usage[] =
    "usage: postfach fetch [OPTIONS] [ACCOUNT|URL|USER@DOMAIN ...]   mail that is new; all enabled "
    "accounts\n"
    "       postfach fetch status [--json] [ACCOUNT ...]            what is known of what was fetched\n"
    "       postfach fetch adopt ACCOUNT ...                        all on the server counts as "
    "fetched\n"
    "       postfach fetch again ACCOUNT UIDL...|--refused|--all    is to be fetched once more\n"
    "       postfach fetch import FILE                              accounts of fetchmail or mpop\n"
    "\n"
    "  -n, --dry-run            tells what would be fetched, changes nothing\n"
    "  --no-delete              nothing is deleted on the server this time\n"
    "  --keep all|none|DAYSd    what stays there, instead of what the account says\n"
    "  --size-limit SIZE, --number-limit N, --order oldest|newest, --poll TIME   the same\n"
    "  -d, --daemon             stays, and fetches each account at its `poll`\n"
    "  -j, --jobs N             accounts at the same time (8)\n"
    "  -q, --quiet | -v, --verbose | --json\n";

static const char gebrauch[] =
    "Aufruf: postfach fetch [OPTIONEN] [KONTO|URL|NAME@DOMAIN ...]   neue Post; von allen Konten, die "
    "an sind\n"
    "        postfach fetch status [--json] [KONTO ...]              was über Geholtes bekannt ist\n"
    "        postfach fetch adopt KONTO ...                          alles auf dem Server gilt als "
    "geholt\n"
    "        postfach fetch again KONTO UIDL...|--refused|--all      soll noch einmal geholt werden\n"
    "        postfach fetch import DATEI                             Konten von fetchmail oder mpop\n"
    "\n"
    "  -n, --dry-run            sagt, was geholt würde, und ändert nichts\n"
    "  --no-delete              dieses Mal wird auf dem Server nichts gelöscht\n"
    "  --keep all|none|TAGEd    was dort bleibt, statt dessen, was das Konto sagt\n"
    "  --size-limit GRÖSSE, --number-limit N, --order oldest|newest, --poll ZEIT   ebenso\n"
    "  -d, --daemon             bleibt da und holt jedes Konto, wenn sein `poll` es sagt\n"
    "  -j, --jobs N             Konten zur gleichen Zeit (8)\n"
    "  -q, --quiet | -v, --verbose | --json\n";

static const char place_usage[] =
    "  --maildir DIR | --mbox FILE | --command CMD | --lmtp HOST:PORT | --smtp HOST:PORT\n"
    "                           where mail goes\n"
    "  --recipient ADDRESS, --sender ADDRESS   for lmtp and smtp\n"
    "  --state FILE             the record of what was fetched\n"
    "Manual: postfach-fetch(1), postfach-accounts(5)\n";

static const char ort_gebrauch[] =
    "  --maildir ORDNER | --mbox DATEI | --command PROG | --lmtp RECHNER:PORT | --smtp RECHNER:PORT\n"
    "                           wohin die Post geht\n"
    "  --recipient ADRESSE, --sender ADRESSE   für lmtp und smtp\n"
    "  --state DATEI            das Verzeichnis dessen, was geholt wurde\n"
    "Handbuch: postfach-fetch(1), postfach-accounts(5)\n";

static const struct verb {
    const char *word;
    int (*run)(struct pf_fetch *);
    int (*simple)(const struct pf_fetch_options *); /* needs no accounts */
    enum pf_collect_mode mode;
    size_t least, most; /* words */
} verbs[] = {
    {"status", pf_fetch_status, NULL, PF_COLLECT_FETCH, 0, SIZE_MAX},
    {"adopt", pf_fetch_work, NULL, PF_COLLECT_ADOPT, 1, SIZE_MAX},
    {"again", pf_fetch_again, NULL, PF_COLLECT_FETCH, 1, SIZE_MAX},
    {"import", NULL, pf_fetch_import, PF_COLLECT_FETCH, 1, 1},
};
static const struct verb just_fetch = {"fetch", pf_fetch_work, NULL, PF_COLLECT_FETCH, 0, SIZE_MAX};

static int refuse(const char *english, const char *german)
{
    fprintf(stderr, "postfach fetch: %s\n%s", pf_say(english, german),
            pf_say("    hint: postfach fetch --help\n", "    Tipp: postfach fetch --help\n"));
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static int check(const struct verb *verb, const struct pf_fetch_options *o)
{
    bool again = verb->run == pf_fetch_again;

    if (o->word_count < verb->least || o->word_count > verb->most)
        return refuse("wrong number of words", "falsche Anzahl von Wörtern");
    if (again && (o->word_count > 1) + o->refused + o->all != 1)
        return refuse("again wants UIDLs, or --refused, or --all",
                      "again braucht UIDLs, oder --refused, oder --all");
    if (!again && (o->refused || o->all || o->yes))
        return refuse("--refused, --all and --yes go with again",
                      "--refused, --all und --yes gehören zu again");
    if (o->daemon && (verb != &just_fetch || o->mode != PF_COLLECT_FETCH))
        return refuse("--daemon only fetches", "--daemon kann nur holen");
    return 0;
}

static int with_accounts(const struct verb *verb, struct pf_fetch_options *o)
{
    struct pf_fetch fetch = {.options = o};
    int status = pf_client_open(&fetch.client, &o->client);

    if (status)
        return status;
    if (verb->run == pf_fetch_again) {
        size_t words = o->word_count;

        o->word_count = 1; /* the others are UIDs */
        status = pf_fetch_runs(&fetch);
        o->word_count = words;
    } else {
        status = pf_fetch_runs(&fetch);
    }
    if (status == 0)
        status = verb->run(&fetch);
    /* First the threads: they look at what belongs to runs. */
    pf_pool_free(fetch.client.pool);
    fetch.client.pool = NULL;
    pf_fetch_runs_free(&fetch);
    pf_client_close(&fetch.client);
    /* A line that was lost before leaves nothing for the last flush to fail at. */
    return (fflush(stdout) == 0 && !ferror(stdout)) || status ? status : pf_verdict(PF_IO)->exit_status;
}

int pf_tool_fetch(int argc, char **argv)
{
    const struct verb *verb = &just_fetch;
    struct pf_fetch_options *o = calloc(1, sizeof *o);
    int status = o ? 0 : pf_verdict(PF_NO_MEMORY)->exit_status;

    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].word) == 0)
            verb = &verbs[i];
    if (status == 0)
        status = verb == &just_fetch ? pf_fetch_options(o, argc, argv)
                                     : pf_fetch_options(o, argc - 1, argv + 1);
    if (status == 0 && o->help) {
        printf("%s%s%s", pf_say(usage, gebrauch), pf_client_help(), pf_say(place_usage, ort_gebrauch));
    } else if (status == 0) {
        if (verb->mode != PF_COLLECT_FETCH)
            o->mode = verb->mode;
        status = check(verb, o);
        if (status == 0)
            status = verb->simple ? verb->simple(o) : with_accounts(verb, o);
    }
    free(o);
    return status;
}
