#include "tool/explore.h"

#include "tool/explore_live.h"
#include "tool/speech.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEEP_ALIVE = 60 * 1000
}; /* ms: well below what servers wait at least, ten minutes (RFC 1939 section 3) */

static const char usage[] =
    "usage: postfach explore [ACCOUNT | URL | ADDRESS] [options]\n"
    "  ACCOUNT                  of accounts.conf; the only one where there is but one\n"
    "  --sort COLUMN            number, date, size, from, or subject\n"
    "  --keep-alive SECONDS     between two words to an idle server; 0: none. 60 by default\n";

static const char gebrauch[] =
    "Aufruf: postfach explore [KONTO | URL | ADRESSE] [Optionen]\n"
    "  KONTO                    aus accounts.conf; das einzige, wo es nur eines gibt\n"
    "  --sort SPALTE            number, date, size, from oder subject\n"
    "  --keep-alive SEKUNDEN    zwischen zwei Worten an einen Server, der wartet; 0: keine. Sonst 60\n";

enum { WRONG = -1 };

static int wrong(const char *why, const char *word)
{
    pf_client_refuse("explore", why, word);
    return WRONG;
}

static bool take_sort(const char *name, struct pf_explore_settings *s)
{
    static const char *const names[PF_EXPLORE_SORTS] = {"number", "date", "size", "from", "subject"};

    for (unsigned i = 0; i < PF_EXPLORE_SORTS; i++)
        if (strcmp(name, names[i]) == 0) {
            s->sort = (enum pf_explore_sort)i;
            return true;
        }
    return false;
}

static bool take_keep_alive(const char *text, struct pf_explore_settings *s)
{
    char *end;
    double seconds = strtod(text, &end);

    if (text[0] < '0' || text[0] > '9' || *end || !(seconds <= 86400))
        return false;
    s->keep_alive = (pf_time)(seconds * 1000);
    return true;
}

/* An option of our own with its value, which stands behind `=` or is the next word. Words taken; 0: it
 * is none of these. */
static int take_own(int argc, char **argv, struct pf_explore_settings *s)
{
    size_t len = strcspn(argv[0], "=");
    const char *value = argv[0][len] ? argv[0] + len + 1 : argc > 1 ? argv[1] : NULL;
    bool sort = len == 6 && memcmp(argv[0], "--sort", 6) == 0, good;

    if (!sort && !(len == 12 && memcmp(argv[0], "--keep-alive", 12) == 0))
        return 0;
    if (!value)
        return wrong(pf_say("a value belongs behind ", "es fehlt der Wert hinter "), argv[0]);
    good = sort ? take_sort(value, s) : take_keep_alive(value, s);
    if (!good && sort)
        return wrong(pf_say("--sort takes number, date, size, from or subject, not ",
                            "--sort nimmt number, date, size, from oder subject, nicht "),
                     value);
    if (!good)
        return wrong(pf_say("--keep-alive takes seconds from 0 to 86400, not ",
                            "--keep-alive nimmt Sekunden von 0 bis 86400, nicht "),
                     value);
    return argv[0][len] ? 1 : 2;
}

/* Words taken: 1 or 2; WRONG: it was told. */
static int take(int argc, char **argv, struct pf_client_options *o, struct pf_explore_settings *s,
                const char **word)
{
    int n = pf_client_option(o, argc, argv);

    if (n == 0 && argv[0][0] == '-')
        n = take_own(argc, argv, s);
    if (n != 0)
        return n;
    if (argv[0][0] == '-')
        return wrong(pf_say("no such option: ", "diese Option gibt es nicht: "), argv[0]);
    if (*word)
        return wrong(pf_say("too many words: ", "zu viele Wörter: "), argv[0]);
    *word = argv[0];
    return 1;
}

static const struct pf_account *account_of(struct pf_client *client, struct pf_client_options *o,
                                           const char *word)
{
    if (word)
        return pf_client_account(client, o, word);
    if (client->accounts && client->accounts->count == 1)
        return pf_client_account(client, o, client->accounts->list[0].name);
    fputs(pf_say("postfach explore: which account?\n", "postfach explore: welches Konto?\n"), stderr);
    return NULL;
}

int pf_tool_explore(int argc, char **argv)
{
    struct pf_explore_settings settings = {.keep_alive = KEEP_ALIVE};
    struct pf_client_options *o = calloc(1, sizeof *o);
    struct pf_client client;
    const char *word = NULL;
    int status, n;

    if (!o)
        return pf_verdict(PF_NO_MEMORY)->exit_status;
    pf_client_options_init(o);
    for (int i = 1; i < argc; i += n) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("%s%s%s", pf_say(usage, gebrauch), pf_client_help(),
                   pf_say("Manual: postfach-explore(1)\n", "Handbuch: postfach-explore(1)\n"));
            free(o);
            return 0;
        }
        n = take(argc - i, argv + i, o, &settings, &word);
        if (n == WRONG) {
            free(o);
            return pf_verdict(PF_SYNTAX)->exit_status;
        }
    }
    status = pf_client_open(&client, o);
    if (status == 0) {
        settings.client = &client;
        settings.account = account_of(&client, o, word);
        if (settings.account)
            pf_client_tell_unchecked(settings.account);
        status = settings.account ? pf_explore_live(&settings) : pf_verdict(PF_CONFIG)->exit_status;
        pf_client_close(&client);
    }
    free(o);
    return status;
}
