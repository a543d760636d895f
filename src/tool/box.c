#include "tool/box.h"

#include "store/maildir/maildir.h"
#include "sys/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* One read of a message; larger gives no speed. */
enum { PIECE = 65536 };

static const char usage[] =
    "usage: postfach box ls MAILDIR                  number, octets, date, UIDL, from, subject\n"
    "       postfach box show [--raw] MAILDIR WHICH  one message; WHICH is a number or a UIDL\n"
    "       postfach box check [--fix] MAILDIR       reads everything and says what is not sound\n"
    "       postfach box quota MAILDIR               usage and limit of its Maildir++ quota\n"
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

/* C0 and C1 control characters are what a terminal obeys; C1 comes as C2 80..9F in UTF-8. */
void pf_tool_print_safe(FILE *to, const char *text, bool lines)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (lines && (*c == '\n' || *c == '\t'))
            fputc(*c, to);
        else if (*c < 0x20 || *c == 0x7f)
            fputc('?', to);
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            fputc('?', to), c++;
        else
            fputc(*c, to);
    }
}

int pf_tool_box_complain(const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfach box: %s\n", pf_explain(err, text, sizeof text));
    if (err->code == PF_IN_USE)
        fputs("    hint: a session holds the maildrop; try again when it has ended\n", stderr);
    return pf_verdict(err->code)->exit_status;
}

static int run(struct pf_tool_box *b, int (*verb)(struct pf_tool_box *, int, char **), int argc,
               char **argv)
{
    static const struct pf_maildir_settings settings = {.follow_root = true, .cache = true};
    struct pf_box_where where = {.user = "", .path = b->path, .now = (int64_t)time(NULL),
                                 .expire_days = -1};
    struct pf_twin_opened opened;
    struct pf_err err;
    int status;

    b->twin = pf_maildir_new(&settings, &err);
    if (!b->twin)
        return pf_tool_box_complain(&err);
    if (b->twin->kind->box_open(b->twin, &where, true, &opened, &err) == PF_OK) {
        b->box = opened.box;
        b->listing = opened.listing;
        status = verb(b, argc, argv);
        b->twin->kind->box_close(b->box);
    } else {
        status = pf_tool_box_complain(&err);
    }
    b->twin->kind->free(b->twin);
    return status;
}

static const struct {
    const char *word;
    int (*verb)(struct pf_tool_box *, int argc, char **argv);
    int arguments; /* behind options: the maildrop, and what the verb takes */
} verbs[] = {
    {"ls", pf_tool_box_ls, 1},
    {"show", pf_tool_box_show, 2},
    {"check", pf_tool_box_check, 1},
    {"quota", NULL, 1}, /* opens no maildrop */
};

static int refuse(const char *why, const char *word)
{
    fprintf(stderr, "postfach box: %s%s\n%s", why, word, usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
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
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        int option = 2;

        if (strcmp(argv[1], verbs[i].word) != 0)
            continue;
        while (option < argc && strncmp(argv[option], "--", 2) == 0)
            option++;
        if (argc - option != verbs[i].arguments)
            return refuse("wrong number of arguments for ", argv[1]);
        box.path = argv[option];
        if (!verbs[i].verb)
            return pf_tool_box_quota(box.path);
        return run(&box, verbs[i].verb, argc - 1, argv + 1);
    }
    return refuse("unknown: ", argv[1]);
}
