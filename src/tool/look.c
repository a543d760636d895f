#include "tool/look_parts.h"

#include "base/text.h"
#include "tool/explore_mime.h"
#include "tool/safe.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAYS_MAX = 36500, WRONG = -1 };

static bool take_limit(struct pf_look *l, const char *value)
{
    return pf_parse_u64(pf_bytes_of(value), &l->limit) && l->limit > 0;
}

/* "30d", "30". */
static bool take_older(struct pf_look *l, const char *value)
{
    struct pf_bytes text = pf_bytes_of(value);
    uint64_t days;

    if (text.len && text.at[text.len - 1] == 'd')
        text.len--;
    if (!pf_parse_u64(text, &days) || days > DAYS_MAX)
        return false;
    l->older_days = (int64_t)days;
    return true;
}

static bool take_folder(struct pf_look *l, const char *value)
{
    l->folder = value;
    return value[0] != 0;
}

static bool set_json(struct pf_look *l, const char *value)
{
    (void)value;
    pf_tool_speak_to_programs();
    return l->json = true;
}

static bool set_raw(struct pf_look *l, const char *value)
{
    (void)value;
    return l->raw = true;
}

static bool set_attachments(struct pf_look *l, const char *value)
{
    (void)value;
    return l->attachments = true;
}

static bool set_yes(struct pf_look *l, const char *value)
{
    (void)value;
    return l->yes = true;
}

static const struct option {
    const char *name;
    char letter;
    bool (*take)(struct pf_look *, const char *value);
    bool valued;
    const char *takes, *nimmt; /* what its value is */
} options[] = {{"--json", 'j', set_json, false, NULL, NULL},
               {"--limit", 'l', take_limit, true, "a number from 1", "eine Zahl ab 1"},
               {"--raw", 'r', set_raw, false, NULL, NULL},
               {"--to", 't', take_folder, true, "a folder", "einen Ordner"},
               {"--attachments", 'a', set_attachments, false, NULL, NULL},
               {"--yes", 'y', set_yes, false, NULL, NULL},
               {"--older", 'o', take_older, true, "days from 0 to 36500, as 30d",
                "Tage von 0 bis 36500, etwa 30d"}};

static void print_usage(const struct pf_look_verb *verb, FILE *to)
{
    fputs(pf_say(verb->usage, verb->gebrauch), to);
    fputs(pf_say("  ACCOUNT                  its name in the file of accounts, a URL (pops://USER@HOST) "
                 "or an address\n",
                 "  KONTO                    sein Name in der Datei der Konten, eine URL "
                 "(pops://NAME@RECHNER)\n"
                 "                           oder eine Adresse\n"),
          to);
    fputs(pf_client_help(), to);
    fputs(pf_say("Manual: postfach(1)\n", "Handbuch: postfach(1)\n"), to);
}

static int refuse(const struct pf_look_verb *verb, const char *why, const char *word)
{
    pf_client_refuse(verb->word, why, word);
    return WRONG;
}

static int refuse_value(const struct pf_look_verb *verb, const struct option *option, const char *value)
{
    char why[200];

    snprintf(why, sizeof why, pf_say("%s takes %s, not ", "%s nimmt %s, nicht "), option->name,
             pf_say(option->takes, option->nimmt));
    return refuse(verb, why, value[0] ? value : "\"\"");
}

/* How many words the option at argv takes, or WRONG. */
static int take_option(struct pf_look *l, int argc, char **argv)
{
    const struct option *option = NULL;
    size_t len = strcspn(argv[0], "=");
    const char *value = argv[0][len] ? argv[0] + len + 1 : argc > 1 ? argv[1] : NULL;
    int took = pf_client_option(&l->options, argc, argv);

    if (took)
        return took;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, argv[0], len) == 0 &&
            strchr(l->verb->options, options[i].letter))
            option = &options[i];
    if (!option || (!option->valued && argv[0][len]))
        return refuse(l->verb, pf_say("no such option: ", "diese Option gibt es nicht: "), argv[0]);
    if (option->valued && !value)
        return refuse(l->verb, pf_say("a value belongs behind ", "es fehlt der Wert hinter "), argv[0]);
    if (!option->take(l, value))
        return refuse_value(l->verb, option, value);
    return option->valued && !argv[0][len] ? 2 : 1;
}

/* Puts what is no option to the front of argv; how many these are, or WRONG. */
static int take_words(struct pf_look *l, int argc, char **argv)
{
    int words = 0, took;

    for (int i = 0; i < argc; i += took) {
        took = 1;
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[words++] = argv[i];
            break;
        }
        if (argv[i][0] == '-' && argv[i][1])
            took = take_option(l, argc - i, argv + i);
        else
            argv[words++] = argv[i];
        if (took == WRONG)
            return WRONG;
    }
    return words;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static bool parse(struct pf_look *l, int argc, char **argv)
{
    int words = take_words(l, argc - 1, argv + 1);

    if (words == WRONG)
        return false;
    if (words == 0)
        return refuse(l->verb, pf_say("which account?", "welches Konto?"), "") != WRONG;
    l->word = argv[1];
    l->wanted = (const char *const *)argv + 2;
    l->wanted_count = (size_t)words - 1;
    if (l->wanted_count && !l->verb->names)
        return refuse(l->verb, pf_say("too many words: ", "zu viele Wörter: "), argv[2]) != WRONG;
    if (!l->wanted_count && l->verb->names && l->older_days < 0)
        return refuse(l->verb, pf_say("which message?", "welche Nachricht?"), "") != WRONG;
    return true;
}

int pf_look_complain(const struct pf_look *l, const struct pf_err *err)
{
    int status = pf_client_complain(l->verb->word, l->account ? l->account->name : NULL, err);

    return err->code == PF_SYNTAX ? PF_LOOK_PROTOCOL : status;
}

static int run(struct pf_look *l)
{
    int status = pf_client_open(&l->client, &l->options);

    if (status)
        return status;
    l->account = pf_client_account(&l->client, &l->options, l->word);
    if (l->account)
        pf_client_tell_unchecked(l->account);
    status = l->account ? pf_look_begin(l) : pf_verdict(PF_CONFIG)->exit_status;
    if (status == 0)
        status = l->verb->run(l);
    pf_look_end(l);
    pf_client_close(&l->client);
    return pf_client_told(l->verb->word, status);
}

int pf_look_main(const struct pf_look_verb *verb, int argc, char **argv)
{
    struct pf_look *l;
    const char *locale = setlocale(LC_CTYPE, "");
    int status = pf_verdict(PF_SYNTAX)->exit_status;

    if (!locale || strcmp(locale, "C") == 0) /* nobody said what the terminal can show */
        setlocale(LC_CTYPE, "C.UTF-8");
    if (wants_help(argc, argv)) {
        print_usage(verb, stdout);
        return 0;
    }
    l = calloc(1, sizeof *l);
    if (!l)
        return pf_verdict(PF_NO_MEMORY)->exit_status;
    l->verb = verb;
    l->older_days = -1;
    l->folder = ".";
    pf_client_options_init(&l->options);
    pf_explore_mime_begin();
    if (parse(l, argc, argv))
        status = run(l);
    free(l);
    return status;
}
