#include "tool/box.h"

#include "sys/explain.h"

#include <getopt.h>
#include <stdlib.h>
#include <time.h>

/* One read of a message; larger gives no speed. */
enum { PIECE = 65536 };

static const char usage[] =
    "usage: postfach box ls MAILDROP                  number, octets, date, UIDL, from, subject\n"
    "       postfach box show [--raw] MAILDROP WHICH  one message; WHICH is a number or a UIDL\n"
    "       postfach box check [--fix] MAILDROP       reads everything and says what is not sound\n"
    "       postfach box quota [--recount] MAILDROP   how much of its quota a Maildir uses\n"
    "\n"
    "  MAILDROP  a path, with maildir: or mbox: in front where it needs that, or the name of a user\n"
    "  -c FILE   settings (default: /etc/postfach/postfach.conf, where that is)\n"
    "Manual: postfach(1)\n";

enum pf_code pf_tool_box_read(struct pf_tool_box *b, uint32_t index,
                              void (*take)(void *self, struct pf_bytes piece), void *self,
                              struct pf_err *err)
{
    unsigned char *buffer = malloc(PIECE);
    struct pf_box_read read = {.index = index, .at = buffer, .cap = PIECE};
    enum pf_code code = PF_OK;

    if (!buffer)
        return pf_fail(err, PF_NO_MEMORY, 0, "box", "no memory");
    while (code == PF_OK && !read.last) {
        code = b->twin->kind->box_read(b->box, &read, true, err);
        if (code == PF_OK) {
            take(self, pf_bytes_from(read.at, read.got));
            read.offset += read.got;
        }
    }
    free(buffer);
    return code;
}

int pf_tool_box_complain(const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfach box: %s\n", pf_explain(err, text, sizeof text));
    if (err->code == PF_IN_USE)
        fputs("    hint: a session holds the maildrop; try again when it has ended\n", stderr);
    return pf_verdict(err->code)->exit_status;
}

bool pf_tool_box_entry(const struct pf_tool_box *b, uint32_t index, struct pf_maildir_entry *out_entry)
{
    enum pf_kind kind;
    const struct pf_twin_box *inner = pf_kinds_box(b->box, &kind);

    return kind == PF_KIND_MAILDIR && pf_maildir_entry(inner, index, out_entry);
}

static int run(struct pf_tool_box *b, int (*verb)(struct pf_tool_box *))
{
    struct pf_kinds_settings settings;
    struct pf_box_where where = {.user = "", .path = b->place, .now = (int64_t)time(NULL), .expire_days = -1};
    struct pf_twin_opened opened;
    struct pf_err err;
    int status;

    pf_kinds_settings(b->conf, &settings);
    settings.maildir.follow_root = true; /* whoever names it knows where it leads */
    settings.maildir.create = settings.mbox.create = false;
    b->twin = pf_kinds_new(&settings, &err);
    if (!b->twin)
        return pf_tool_box_complain(&err);
    if (b->fix && b->kind == PF_KIND_MBOX)
        pf_tool_box_mend(b, &settings.mbox);
    if (b->twin->kind->box_open(b->twin, &where, true, &opened, &err) == PF_OK) {
        b->box = opened.box;
        b->listing = opened.listing;
        status = verb(b);
        b->twin->kind->box_close(b->box);
    } else {
        status = pf_tool_box_complain(&err);
    }
    b->twin->kind->free(b->twin);
    return status;
}

static const struct verb {
    const char *word;
    int (*run)(struct pf_tool_box *);
    const char *options;
    int arguments; /* the maildrop, and what the verb takes */
    bool closed;   /* opens no maildrop */
} verbs[] = {
    {"ls", pf_tool_box_ls, "", 1, false},
    {"show", pf_tool_box_show, "r", 2, false},
    {"check", pf_tool_box_check, "f", 1, false},
    {"quota", pf_tool_box_quota, "n", 1, true},
};

static int refuse(const char *why, const char *word)
{
    fprintf(stderr, "postfach box: %s%s\n%s", why, word, usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static bool take_options(struct pf_tool_box *b, const struct verb *verb, int argc, char **argv)
{
    static const struct option options[] = {
        {"raw", no_argument, NULL, 'r'}, {"fix", no_argument, NULL, 'f'}, {"recount", no_argument, NULL, 'n'}, {0}};
    int option;

    optind = 0; /* GNU: begin anew */
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'c')
            b->conf_file = optarg;
        else if (option == '?' || !strchr(verb->options, option))
            return false;
        b->raw = b->raw || option == 'r';
        b->fix = b->fix || option == 'f';
        b->recount = b->recount || option == 'n';
    }
    return true;
}

static int start(struct pf_tool_box *b, const struct verb *verb, int argc, char **argv)
{
    struct pf_err err;
    int status;

    if (!take_options(b, verb, argc, argv))
        return refuse("that option does not go with ", verb->word);
    if (argc - optind != verb->arguments)
        return refuse("wrong number of arguments for ", verb->word);
    b->word = argv[optind];
    b->which = argv[argc - 1];
    if (pf_tool_box_find(b, &err) != PF_OK)
        status = pf_tool_box_complain(&err);
    else
        status = verb->closed ? verb->run(b) : run(b, verb->run);
    pf_conf_free(b->conf);
    return status;
}

int pf_tool_box(int argc, char **argv)
{
    struct pf_tool_box box = {0};

    if (argc < 2)
        return refuse("what shall I do?", "");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].word) == 0)
            return start(&box, &verbs[i], argc - 1, argv + 1);
    return refuse("unknown: ", argv[1]);
}
