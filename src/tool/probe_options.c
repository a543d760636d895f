#include "tool/probe_options.h"

#include "base/text.h"
#include "tool/probe_mail.h"
#include "tool/speech.h"

#include <stdio.h>

enum {
    WAIT = 10, /* seconds for an answer: who is slower is as good as silent to people */
    WAIT_MAX = 600,
    MESSAGES = 3
};

static const char usage[] =
    "usage: postfach probe [options] HOST[:PORT] | /SOCKET | URL | USER@DOMAIN\n"
    "       postfach probe [options] --account NAME\n"
    "Says what a POP3 server is, and what of it is good, worth a note, or bad. Without a port, 995 and "
    "110 are tried;\n"
    "995 begins with TLS, any other with plain text and STLS where it is offered, or with TLS where it "
    "says nothing.\n"
    "Logs in only with a user; deletes nothing.\n"
    "  --user NAME              log in and look at the maildrop, too\n"
    "  --account NAME           of accounts.conf: its server, its way there, its user\n"
    "  --messages N             how many are fetched and counted, at most 16 (default: 3)\n"
    "  --name NAME              sent to the server, and looked for in the certificate (default: HOST)\n"
    "  --tls                    TLS from the first octet\n"
    "  --timeout SECONDS        for each answer (default: 10)\n"
    "  --json                   for programs: one object\n";
static const char gebrauch[] =
    "Aufruf: postfach probe [Optionen] RECHNER[:PORT] | /SOCKET | URL | NAME@DOMAIN\n"
    "        postfach probe [Optionen] --account KONTO\n"
    "Sagt, was ein POP3-Server ist und was an ihm gut, bemerkenswert oder schlecht ist. Ohne Port "
    "werden "
    "995 und 110\n"
    "versucht; 995 beginnt mit TLS, jeder andere mit Klartext und STLS, wo es angeboten wird, oder mit "
    "TLS, wo er schweigt.\n"
    "Meldet sich nur mit einem Namen an; löscht nichts.\n"
    "  --user NAME              sich anmelden und auch das Postfach ansehen\n"
    "  --account KONTO          aus accounts.conf: sein Server, sein Weg dorthin, sein Name\n"
    "  --messages N             wie viele geholt und gezählt werden, höchstens 16 (sonst 3)\n"
    "  --name NAME              dem Server genannt und im Zertifikat gesucht (sonst RECHNER)\n"
    "  --tls                    TLS vom ersten Oktett an\n"
    "  --timeout SEKUNDEN       für jede Antwort (sonst 10)\n"
    "  --json                   für Programme: ein Objekt\n";

static bool take_number(const char *text, uint64_t most, uint64_t *out)
{
    return pf_parse_u64(pf_bytes_of(text), out) && *out >= 1 && *out <= most;
}

static bool take_timeout(struct pf_probe_options *o, const char *value)
{
    uint64_t number;

    if (!take_number(value, WAIT_MAX, &number))
        return false;
    o->wait = (pf_time)number * 1000;
    return true;
}

static bool take_messages(struct pf_probe_options *o, const char *value)
{
    uint64_t number;

    if (!take_number(value, PF_PROBE_SAMPLE, &number))
        return false;
    o->messages = (unsigned)number;
    return true;
}

static bool take_user(struct pf_probe_options *o, const char *value)
{
    o->user = value;
    return value[0] != 0;
}

static bool take_account(struct pf_probe_options *o, const char *value)
{
    o->account_name = value;
    return value[0] != 0;
}

static bool take_name(struct pf_probe_options *o, const char *value)
{
    o->name = value;
    return value[0] != 0;
}

static const struct row {
    const char *name;
    bool (*take)(struct pf_probe_options *, const char *value);
    const char *takes, *nimmt;
} rows[] = {
    {"--user", take_user, "a name", "einen Namen"},
    {"--account", take_account, "the name of an account", "den Namen eines Kontos"},
    {"--name", take_name, "a name", "einen Namen"},
    {"--timeout", take_timeout, "seconds from 1 to 600", "Sekunden von 1 bis 600"},
    {"--messages", take_messages, "a number from 1 to 16", "eine Zahl von 1 bis 16"},
};

enum { WRONG = -1 };

static int wrong(const char *why, const char *word)
{
    pf_client_refuse("probe", why, word);
    return WRONG;
}

static int take_value(struct pf_probe_options *o, const struct row *row, const char *value, int words)
{
    char why[200];

    if (!value)
        return wrong(pf_say("a value belongs behind ", "es fehlt der Wert hinter "), row->name);
    if (row->take(o, value))
        return words;
    snprintf(why, sizeof why, pf_say("%s takes %s, not ", "%s nimmt %s, nicht "), row->name,
             pf_say(row->takes, row->nimmt));
    return wrong(why, value[0] ? value : "\"\"");
}

/* How many words it takes, or WRONG. */
static int take_option(struct pf_probe_options *o, int argc, char **argv)
{
    size_t len = strcspn(argv[0], "=");

    if (strcmp(argv[0], "--json") == 0) {
        pf_tool_speak_to_programs();
        return o->json = true;
    }
    if (strcmp(argv[0], "--tls") == 0)
        return pf_client_say_tls(&o->client, argv[0], PF_ACCOUNT_IMPLICIT) ? 1 : WRONG;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, argv[0], len) == 0)
            return argv[0][len] ? take_value(o, &rows[i], argv[0] + len + 1, 1)
                                : take_value(o, &rows[i], argc > 1 ? argv[1] : NULL, 2);
    return wrong(pf_say("no such option: ", "diese Option gibt es nicht: "), argv[0]);
}

static bool parse(struct pf_probe_options *o, int argc, char **argv)
{
    for (int i = 1, took; i < argc; i += took) {
        took = argv[i][0] == '-' ? pf_client_option(&o->client, argc - i, argv + i) : 1;
        if (took == 0)
            took = take_option(o, argc - i, argv + i);
        if (took == WRONG)
            return false;
        if (argv[i][0] != '-' && o->word)
            return wrong(pf_say("too many words: ", "zu viele Wörter: "), argv[i]) != WRONG;
        if (argv[i][0] != '-')
            o->word = argv[i];
    }
    if (o->word && o->account_name)
        return wrong(pf_say("--account has a server already: ", "--account hat schon einen Server: "),
                     o->word) != WRONG;
    return o->word || o->account_name || wrong(pf_say("which server?", "welcher Server?"), "") != WRONG;
}

bool pf_probe_options(struct pf_probe_options *o, int argc, char **argv, int *out_status)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("%s%s%s", pf_say(usage, gebrauch), pf_client_help(),
                   pf_say("Manual: postfach-probe(1)\n", "Handbuch: postfach-probe(1)\n"));
            *out_status = 0;
            return false;
        }
    pf_client_options_init(&o->client);
    o->wait = WAIT * 1000;
    o->messages = MESSAGES;
    *out_status = pf_verdict(PF_SYNTAX)->exit_status;
    return parse(o, argc, argv);
}

bool pf_probe_split(const char *target, char host[256], unsigned *out_port)
{
    const char *colon = strrchr(target, ':');
    size_t len = strlen(target);
    uint64_t port = 0;

    if (target[0] == '[') {
        const char *end = strchr(target, ']');

        if (!end || (end[1] && end[1] != ':'))
            return false;
        colon = end[1] ? end + 1 : NULL;
        target++;
        len = (size_t)(end - target);
    } else if (colon && strchr(target, ':') == colon && target[0] != '/') {
        len = (size_t)(colon - target);
    } else {
        colon = NULL;
    }
    if (len == 0 || len >= 256 || (colon && !take_number(colon + 1, 65535, &port)))
        return false;
    memcpy(host, target, len);
    host[len] = 0;
    *out_port = (unsigned)port;
    return true;
}
