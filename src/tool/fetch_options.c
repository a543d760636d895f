#include "tool/fetch.h"

#include "base/text.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <stdlib.h>
#include <unistd.h>

enum kind { FLAG, VALUE };

struct row {
    const char *name, *letter;
    enum kind kind;
    size_t field; /* FLAG */
    bool (*take)(struct pf_fetch_options *, const char *value);
    const char *wants, *braucht; /* VALUE */
};

static bool take_jobs(struct pf_fetch_options *o, const char *value)
{
    uint64_t number;

    if (!pf_parse_u64(pf_bytes_of(value), &number) || number == 0 || number > PF_ACCOUNTS_MOST)
        return false;
    o->jobs = (unsigned)number;
    return true;
}

static bool take_keep(struct pf_fetch_options *o, const char *value)
{
    o->said[PF_FETCH_KEEP] = value;
    return true;
}

static bool take_poll(struct pf_fetch_options *o, const char *value)
{
    o->said[PF_FETCH_POLL] = value;
    return true;
}

static bool take_size_limit(struct pf_fetch_options *o, const char *value)
{
    o->said[PF_FETCH_SIZE_LIMIT] = value;
    return true;
}

static bool take_number_limit(struct pf_fetch_options *o, const char *value)
{
    o->said[PF_FETCH_NUMBER_LIMIT] = value;
    return true;
}

static bool take_order(struct pf_fetch_options *o, const char *value)
{
    o->said[PF_FETCH_ORDER] = value;
    return true;
}

/* Paths count from where we are; the ledger and the carrier may not. */
static const char *whole_path(const char *value, char room[PATH_MAX])
{
    char here[PATH_MAX];
    int len;

    if (value[0] == '/')
        return value;
    if (!value[0] || !getcwd(here, sizeof here))
        return NULL;
    len = snprintf(room, PATH_MAX, "%s/%s", here, value);
    return len > 0 && len < PATH_MAX ? room : NULL;
}

static bool one_place(struct pf_fetch_options *o, const char *value)
{
    bool first = !o->place;

    if (!first)
        fputs(pf_say("postfach fetch: mail goes to one place\n",
                     "postfach fetch: Post geht an einen Ort\n"),
              stderr);
    o->place = o->client.touched = true;
    return first && value[0];
}

static bool take_maildir(struct pf_fetch_options *o, const char *value)
{
    o->client.account.maildir = whole_path(value, o->path_room[0]);
    return one_place(o, value) && o->client.account.maildir;
}

static bool take_mbox(struct pf_fetch_options *o, const char *value)
{
    o->client.account.mbox = whole_path(value, o->path_room[1]);
    return one_place(o, value) && o->client.account.mbox;
}

static bool take_command(struct pf_fetch_options *o, const char *value)
{
    o->client.account.command = o->command;
    return one_place(o, value) &&
           pf_client_split(value, o->command_room, sizeof o->command_room, o->command);
}

static bool take_lmtp(struct pf_fetch_options *o, const char *value)
{
    o->client.account.lmtp = value;
    return one_place(o, value) && pf_account_is_door(value);
}

static bool take_smtp(struct pf_fetch_options *o, const char *value)
{
    o->client.account.smtp = value;
    return one_place(o, value) && pf_account_is_door(value);
}

static bool take_recipient(struct pf_fetch_options *o, const char *value)
{
    o->client.account.recipient = value;
    return pf_account_is_mailbox(value);
}

static bool take_sender(struct pf_fetch_options *o, const char *value)
{
    o->client.account.sender = value;
    return !value[0] || pf_account_is_mailbox(value);
}

static bool take_state(struct pf_fetch_options *o, const char *value)
{
    o->client.touched = true;
    o->client.account.state = whole_path(value, o->path_room[2]);
    return o->client.account.state != NULL;
}

#define FIELD(name) offsetof(struct pf_fetch_options, name)

static const struct row rows[] = {
    {"--no-delete", "", FLAG, FIELD(no_delete), NULL, NULL, NULL},
    {"--json", "", FLAG, FIELD(json), NULL, NULL, NULL},
    {"--quiet", "-q", FLAG, FIELD(quiet), NULL, NULL, NULL},
    {"--verbose", "-v", FLAG, FIELD(verbose), NULL, NULL, NULL},
    {"--daemon", "-d", FLAG, FIELD(daemon), NULL, NULL, NULL},
    {"--yes", "-y", FLAG, FIELD(yes), NULL, NULL, NULL},
    {"--refused", "", FLAG, FIELD(refused), NULL, NULL, NULL},
    {"--all", "", FLAG, FIELD(all), NULL, NULL, NULL},
    {"--help", "-h", FLAG, FIELD(help), NULL, NULL, NULL},
    {"--jobs", "-j", VALUE, 0, take_jobs, "a number from 1 to 1000", "eine Zahl von 1 bis 1000"},
    {"--keep", "", VALUE, 0, take_keep, "all, none, or days as 14d", "all, none oder Tage wie 14d"},
    {"--poll", "", VALUE, 0, take_poll, "a time as 10m, or 0", "eine Zeit wie 10m, oder 0"},
    {"--size-limit", "", VALUE, 0, take_size_limit, "a size as 20m, or 0", "eine Größe wie 20m, oder 0"},
    {"--number-limit", "", VALUE, 0, take_number_limit, "a number, or 0", "eine Zahl, oder 0"},
    {"--order", "", VALUE, 0, take_order, "oldest or newest", "oldest oder newest"},
    {"--maildir", "", VALUE, 0, take_maildir, "one folder", "einen Ordner"},
    {"--mbox", "", VALUE, 0, take_mbox, "one file", "eine Datei"},
    {"--command", "", VALUE, 0, take_command, "a program and its arguments", "ein Programm mit Argumenten"},
    {"--lmtp", "", VALUE, 0, take_lmtp, "HOST:PORT or unix:/PATH", "RECHNER:PORT oder unix:/PFAD"},
    {"--smtp", "", VALUE, 0, take_smtp, "HOST:PORT or unix:/PATH", "RECHNER:PORT oder unix:/PFAD"},
    {"--recipient", "", VALUE, 0, take_recipient, "an address", "eine Adresse"},
    {"--sender", "", VALUE, 0, take_sender, "an address", "eine Adresse"},
    {"--state", "", VALUE, 0, take_state, "a file", "eine Datei"},
};

static const struct row *row_of(const char *word)
{
    size_t len = strncmp(word, "--", 2) == 0 ? strcspn(word, "=") : strlen(word);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].letter, word) == 0 ||
            (strlen(rows[i].name) == len && memcmp(rows[i].name, word, len) == 0))
            return rows[i].kind == FLAG && word[len] == '=' ? NULL : &rows[i];
    return NULL;
}

static int complain(const char *english, const char *german, const char *word)
{
    fprintf(stderr, "postfach fetch: %s `%s`\n%s", pf_say(english, german), word,
            pf_say("    hint: postfach fetch --help\n", "    Tipp: postfach fetch --help\n"));
    return -1;
}

static int refuse_value(const struct row *row, const char *value)
{
    fprintf(stderr, pf_say("postfach fetch: %s wants %s, and not `", "postfach fetch: %s braucht %s, und nicht `"),
            row->name, pf_say(row->wants, row->braucht));
    pf_tool_print_safe(stderr, value, false);
    fputs("`\n", stderr);
    return -1;
}

/* As pf_client_option. */
static int own_option(struct pf_fetch_options *o, int argc, char **argv)
{
    const struct row *row = row_of(argv[0]);
    const char *equal = strchr(argv[0], '=');
    const char *value = equal ? equal + 1 : argc > 1 ? argv[1] : NULL;

    if (!row && strcmp(argv[0], "--dry-run") != 0 && strcmp(argv[0], "-n") != 0)
        return complain("there is no option", "es gibt keine Option", argv[0]);
    if (!row)
        o->mode = PF_COLLECT_DRY;
    else if (row->kind == FLAG)
        memcpy((char *)o + row->field, &(bool){true}, sizeof(bool));
    else if (!value)
        return complain("a value is missing behind", "ein Wert fehlt hinter", argv[0]);
    else if (!row->take(o, value))
        return refuse_value(row, value);
    return row && row->kind == VALUE && !equal ? 2 : 1;
}

static const char *const settings[] = {[PF_FETCH_KEEP] = "keep",
                                       [PF_FETCH_POLL] = "poll",
                                       [PF_FETCH_SIZE_LIMIT] = "size-limit",
                                       [PF_FETCH_NUMBER_LIMIT] = "number-limit",
                                       [PF_FETCH_ORDER] = "order"};

static const char *const words[] = {[PF_FETCH_KEEP] = "--keep",
                                    [PF_FETCH_POLL] = "--poll",
                                    [PF_FETCH_SIZE_LIMIT] = "--size-limit",
                                    [PF_FETCH_NUMBER_LIMIT] = "--number-limit",
                                    [PF_FETCH_ORDER] = "--order"};

static void print_mistake(void *self, const struct pf_conf_mistake *m)
{
    (void)self;
    fprintf(stderr, "postfach fetch: %s\n", m->text);
    if (m->hint[0])
        fprintf(stderr, "    %s %s\n", pf_say("hint:", "Tipp:"), m->hint);
}

/* Values are read by those who read the file: there is one grammar of sizes and times. */
static bool read_settings(struct pf_fetch_options *o)
{
    unsigned char text[512];
    struct pf_span out = {text, 0, sizeof text};
    struct pf_accounts *accounts;
    bool good = pf_span_format(&out, "account a { server a; user a\n"), said = false;

    for (size_t i = 0; i < PF_FETCH_SETTINGS; i++) {
        const char *value = o->said[i];

        if (!value)
            continue;
        said = true;
        for (const char *c = value; *c; c++)
            good = good && (pf_is_digit((unsigned char)*c) ||
                            (pf_lower((unsigned char)*c) >= 'a' && pf_lower((unsigned char)*c) <= 'z'));
        if (!good || !value[0] || !pf_span_format(&out, "%s %s\n", settings[i], value))
            return refuse_value(row_of(words[i]), value) == 0;
    }
    if (!said)
        return true;
    good = good && pf_span_format(&out, "}\n");
    accounts = good ? pf_accounts_parse("-", pf_span_bytes(&out), NULL, print_mistake, NULL) : NULL;
    if (accounts)
        o->over = accounts->list[0]; /* numbers only are looked at */
    pf_accounts_free(accounts);
    return accounts != NULL;
}

void pf_fetch_override(const struct pf_fetch_options *o, struct pf_account *a)
{
    if (o->said[PF_FETCH_KEEP])
        a->keep_days = o->over.keep_days;
    if (o->said[PF_FETCH_POLL])
        a->poll = o->over.poll;
    if (o->said[PF_FETCH_SIZE_LIMIT])
        a->size_limit = o->over.size_limit;
    if (o->said[PF_FETCH_NUMBER_LIMIT])
        a->number_limit = o->over.number_limit;
    if (o->said[PF_FETCH_ORDER])
        a->order = o->over.order;
}

static bool take_all(struct pf_fetch_options *o, int argc, char **argv)
{
    bool only_words = false;
    int taken;

    for (int i = 1; i < argc; i += taken) {
        taken = 1;
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (only_words || argv[i][0] != '-' || !argv[i][1])
            o->words[o->word_count++] = argv[i];
        else if ((taken = pf_client_option(&o->client, argc - i, argv + i)) == 0)
            taken = own_option(o, argc - i, argv + i);
        if (taken < 0)
            return false;
    }
    return true;
}

int pf_fetch_options(struct pf_fetch_options *o, int argc, char **argv)
{
    bool good;

    *o = (struct pf_fetch_options){.jobs = PF_FETCH_JOBS, .words = argv};
    pf_client_options_init(&o->client);
    good = take_all(o, argc, argv) && read_settings(o);
    if (o->json)
        pf_tool_speak_to_programs();
    if (good && o->json && o->quiet)
        good = complain("what shall be told? --json or", "was soll gesagt werden? --json oder",
                        "--quiet") == 0;
    return good ? 0 : pf_verdict(PF_SYNTAX)->exit_status;
}
