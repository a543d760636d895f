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
    "  ACCOUNT                 of accounts.conf; the only one where there is but one\n"
    "  --sort COLUMN           number, date, size, from, or subject\n"
    "  --keep-alive SECONDS    between two words to an idle server; 0: none. 60 by default\n";

static int wrong(void)
{
    fputs(usage, stderr);
    fputs(pf_client_help, stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
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

/* Words taken: 1 or 2; 0: it is wrong. */
static int take(int argc, char **argv, struct pf_client_options *o, struct pf_explore_settings *s,
                const char **word)
{
    int n = pf_client_option(o, argc, argv);

    if (n != 0)
        return n > 0 ? n : 0;
    if (argc > 1 && strcmp(argv[0], "--sort") == 0)
        return take_sort(argv[1], s) ? 2 : 0;
    if (argc > 1 && strcmp(argv[0], "--keep-alive") == 0)
        return take_keep_alive(argv[1], s) ? 2 : 0;
    if (argv[0][0] == '-' || *word)
        return 0;
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
            fputs(usage, stdout);
            fputs(pf_client_help, stdout);
            free(o);
            return 0;
        }
        n = take(argc - i, argv + i, o, &settings, &word);
        if (n == 0) {
            free(o);
            return wrong();
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
