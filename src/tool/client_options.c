#include "tool/client.h"

#include "tool/safe.h"
#include "tool/speech.h"

#include <stdio.h>

static const char help[] =
    "  -c FILE                  accounts (default: ~/.config/postfach/accounts.conf)\n"
    "for a URL or an address:\n"
    "  --starttls | --plain     how TLS begins, or none (everybody on the way can read it)\n"
    "  --ca FILE                whose certificates are good, instead of the system's\n"
    "  --pins PINS              SHA-256 of the server's key\n"
    "  --dane                   TLSA records decide\n"
    "  --insecure               any certificate, and so anybody's\n"
    "  --mechanisms LIST        how to log in, in order: SASL names, USER, APOP\n"
    "  --password-file FILE     its first line is the password\n"
    "  --password-command CMD   a program that prints it (words; no shell)\n"
    "  --token-command CMD      a program that prints an access token\n";
static const char hilfe[] =
    "  -c DATEI                 Konten (sonst: ~/.config/postfach/accounts.conf)\n"
    "für eine URL oder eine Adresse:\n"
    "  --starttls | --plain     wie TLS beginnt, oder gar nicht (jeder unterwegs kann mitlesen)\n"
    "  --ca DATEI               wessen Zertifikate gelten, statt derer des Systems\n"
    "  --pins WERTE             SHA-256 des Schlüssels, den der Server hat\n"
    "  --dane                   TLSA-Einträge entscheiden\n"
    "  --insecure               jedes Zertifikat gilt, und so irgendjemands\n"
    "  --mechanisms LISTE       Verfahren der Anmeldung, der Reihe nach: Namen von SASL, USER, APOP\n"
    "  --password-file DATEI    ihre erste Zeile ist das Passwort\n"
    "  --password-command PROG  ein Programm, das es ausgibt (Wörter; keine Shell)\n"
    "  --token-command PROG     ein Programm, das ein Zugriffs-Token ausgibt\n";

const char *pf_client_help(void)
{
    return pf_say(help, hilfe);
}

int pf_client_refuse(const char *what, const char *why, const char *word)
{
    fprintf(stderr, "postfach %s: %s", what, why);
    pf_tool_print_safe(stderr, word, false);
    fputc('\n', stderr);
    fprintf(stderr, pf_say("    hint: postfach %s --help\n", "    Tipp: postfach %s --help\n"), what);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

bool pf_client_split(const char *text, char *room, size_t cap,
                     const char *words[PF_ACCOUNT_WORDS_MOST + 1])
{
    size_t len = strlen(text), count = 0;

    if (len >= cap)
        return false;
    memcpy(room, text, len + 1);
    for (room += strspn(room, " \t"); *room; room += strspn(room, " \t")) {
        if (count == PF_ACCOUNT_WORDS_MOST)
            return false;
        words[count++] = room;
        room += strcspn(room, " \t");
        if (*room)
            *room++ = 0;
    }
    words[count] = NULL;
    return count > 0;
}

static bool split(struct pf_client_options *o, const char *text)
{
    return pf_client_split(text, o->words_room, sizeof o->words_room, o->words);
}

/* Of sources, the last one that is named counts. */
static void no_source(struct pf_account *a)
{
    a->password_file = NULL;
    a->password_command = a->token_command = NULL;
}

static bool take_text(struct pf_client_options *o, const char *text, const char **field)
{
    (void)o;
    *field = text;
    return text[0] != 0;
}

static bool take_ca(struct pf_client_options *o, const char *text)
{
    return take_text(o, text, &o->account.ca);
}

static bool take_pins(struct pf_client_options *o, const char *text)
{
    return take_text(o, text, &o->account.pins);
}

static bool take_mechanisms(struct pf_client_options *o, const char *text)
{
    return take_text(o, text, &o->account.mechanisms);
}

static bool take_file(struct pf_client_options *o, const char *text)
{
    no_source(&o->account);
    return take_text(o, text, &o->account.password_file);
}

static bool take_command(struct pf_client_options *o, const char *text)
{
    no_source(&o->account);
    o->account.password_command = o->words;
    return split(o, text);
}

static bool take_token(struct pf_client_options *o, const char *text)
{
    no_source(&o->account);
    o->account.token_command = o->words;
    return split(o, text);
}

static bool take_accounts(struct pf_client_options *o, const char *text)
{
    return take_text(o, text, &o->file);
}

bool pf_client_say_tls(struct pf_client_options *o, const char *word, enum pf_account_tls tls)
{
    o->touched = true;
    if (o->tls && o->account.tls != tls) {
        fprintf(
            stderr,
            pf_say("postfach: %s and %s cannot both be\n", "postfach: %s und %s schließen sich aus\n"),
            o->tls, word);
        return false;
    }
    o->tls = word;
    o->account.tls = tls;
    return true;
}

static bool set_starttls(struct pf_client_options *o)
{
    return pf_client_say_tls(o, "--starttls", PF_ACCOUNT_STARTTLS);
}

static bool set_plain(struct pf_client_options *o)
{
    return pf_client_say_tls(o, "--plain", PF_ACCOUNT_PLAIN);
}

static bool set_insecure(struct pf_client_options *o)
{
    o->account.verify = false;
    return true;
}

static bool set_dane(struct pf_client_options *o)
{
    return o->account.dane = true;
}

static const struct row {
    const char *name;
    bool (*set)(struct pf_client_options *);
    bool (*take)(struct pf_client_options *, const char *value);
    const char *takes, *nimmt; /* what its value is */
} rows[] = {
    {"-c", NULL, take_accounts, "a file of accounts", "eine Datei mit Konten"},
    {"--starttls", set_starttls, NULL, NULL, NULL},
    {"--plain", set_plain, NULL, NULL, NULL},
    {"--insecure", set_insecure, NULL, NULL, NULL},
    {"--dane", set_dane, NULL, NULL, NULL},
    {"--ca", NULL, take_ca, "a file of certificates", "eine Datei mit Zertifikaten"},
    {"--pins", NULL, take_pins, "SHA-256 digests of keys", "SHA-256-Werte von Schlüsseln"},
    {"--mechanisms", NULL, take_mechanisms, "names of mechanisms", "Namen von Verfahren"},
    {"--password-file", NULL, take_file, "a file", "eine Datei"},
    {"--password-command", NULL, take_command, "a program and its words",
     "ein Programm und seine Wörter"},
    {"--token-command", NULL, take_token, "a program and its words", "ein Programm und seine Wörter"},
};

void pf_client_options_init(struct pf_client_options *o)
{
    *o = (struct pf_client_options){0};
    pf_account_defaults(&o->account);
}

static int take_value(struct pf_client_options *o, const struct row *row, const char *value)
{
    if (value && row->take(o, value))
        return 0;
    fprintf(stderr, pf_say("postfach: %s takes %s", "postfach: %s nimmt %s"), row->name,
            pf_say(row->takes, row->nimmt));
    if (value) {
        fputs(pf_say(", not `", ", nicht `"), stderr);
        pf_tool_print_safe(stderr, value, false);
        fputc('\'', stderr);
    }
    fputc('\n', stderr);
    return -1;
}

int pf_client_option(struct pf_client_options *o, int argc, char **argv)
{
    size_t len = strncmp(argv[0], "--", 2) == 0 ? strcspn(argv[0], "=") : strlen(argv[0]);
    const struct row *row = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, argv[0], len) == 0)
            row = &rows[i];
    if (!row || (row->set && argv[0][len] == '='))
        return 0;
    o->touched = o->touched || row->take != take_accounts;
    if (row->set)
        return row->set(o) ? 1 : -1;
    if (argv[0][len] == '=')
        return take_value(o, row, argv[0] + len + 1) ? -1 : 1;
    return take_value(o, row, argc > 1 ? argv[1] : NULL) ? -1 : 2;
}
