#include "tool/look.h"
#include "tool/look_parts.h"

#include "tool/explore_mime.h"
#include "tool/explore_text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct pf_look_row *chosen(struct pf_look *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->rows[i].chosen)
            return &l->rows[i];
    return NULL;
}

static const char *folder_for_a_while(void)
{
    const char *folder = getenv("TMPDIR");

    return folder && folder[0] == '/' ? folder : "/tmp";
}

static void to_stdout(void *self, struct pf_bytes piece)
{
    (void)self;
    if (piece.len)
        fwrite(piece.at, 1, piece.len, stdout);
}

/* Octets for a person: control characters are shown, not obeyed. */
static int show_octets(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *from = copy >= 0 ? fdopen(copy, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    if (!from) {
        if (copy >= 0)
            close(copy);
        return pf_verdict(PF_NO_MEMORY)->exit_status;
    }
    rewind(from);
    while ((len = getline(&line, &room, from)) > 0) {
        size_t end = (size_t)len;
        char *safe;

        while (end && (line[end - 1] == '\n' || line[end - 1] == '\r'))
            end--;
        safe = pf_explore_clean(pf_bytes_from(line, end), PF_EXPLORE_RAW, PF_EXPLORE_TEXT_MAX);
        if (safe)
            puts(safe);
        free(safe);
    }
    free(line);
    fclose(from);
    return 0;
}

static int show_letter(int fd)
{
    struct pf_explore_letter *letter = pf_explore_letter_open(fd);

    if (!letter) {
        fputs(pf_say("postfach show: that is no mail, for it has no header; its octets:\n",
                     "postfach show: das ist keine Mail, denn sie hat keinen Kopf; ihre Oktette:\n"),
              stderr);
        return show_octets(fd);
    }
    fputs(pf_explore_letter_text(letter), stdout);
    putchar('\n');
    pf_explore_letter_free(letter);
    return 0;
}

static int show_file(struct pf_look *l, const struct pf_look_row *row)
{
    struct pf_look_file file;
    struct pf_err err = {0};
    int status;

    if (pf_look_file_begin(&file, folder_for_a_while(), &err) != PF_OK)
        return pf_look_complain(l, &err);
    if (pf_look_fetch(l, row, pf_look_file_take, &file, &err) == PF_OK)
        err = file.err;
    pf_look_quit(l);
    if (err.code != PF_OK)
        status = pf_look_complain(l, &err);
    else
        status = l->raw ? show_octets(file.fd) : show_letter(file.fd);
    pf_look_file_drop(&file);
    return status;
}

static int run(struct pf_look *l)
{
    const struct pf_look_row *row = chosen(l);
    struct pf_err err = {0};

    if (!l->raw || isatty(STDOUT_FILENO))
        return show_file(l, row);
    if (pf_look_fetch(l, row, to_stdout, NULL, &err) != PF_OK)
        return pf_look_complain(l, &err);
    pf_look_quit(l);
    return 0;
}

static int choose(struct pf_look *l)
{
    struct pf_err err = {0};

    if (l->wanted_count == 1)
        return pf_look_choose(l);
    pf_fail(&err, PF_SYNTAX, 0, "look", "%s",
            pf_say("one message at a time", "eine Nachricht auf einmal"));
    return pf_client_complain(l->verb->word, l->account->name, &err);
}

int pf_tool_show(int argc, char **argv)
{
    static const struct pf_look_verb verb = {
        .word = "show",
        .usage = "usage: postfach show [--raw] ACCOUNT MESSAGE   one message, by its number or UID\n"
                 "  --raw                    the octets as the server sends them\n",
        .gebrauch =
            "Aufruf: postfach show [--raw] KONTO NACHRICHT   eine Nachricht, nach Nummer oder UID\n"
            "  --raw                    die Oktette, wie der Server sie schickt\n",
        .options = "r",
        .names = true,
        .crlf = true,
        .choose = choose,
        .run = run};

    return pf_look_main(&verb, argc, argv);
}
