#include "tool/look.h"
#include "tool/look_parts.h"

#include "tool/explore_mime.h"
#include "tool/explore_save.h"
#include "tool/safe.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void tell_saved(const struct pf_look *l, const char *name)
{
    if (strcmp(l->folder, ".") != 0) {
        pf_tool_print_safe(stdout, l->folder, false);
        putchar('/');
    }
    pf_tool_print_safe(stdout, name, false);
    putchar('\n');
}

static enum pf_code keep_message(struct pf_look *l, const struct pf_look_row *row,
                                 struct pf_look_file *file, struct pf_err *err)
{
    static unsigned char head[PF_LOOK_HEAD];
    struct pf_look_row mine = {0};
    ssize_t len = pread(file->fd, head, sizeof head, 0);
    char stem[PF_EXPLORE_NAME], name[PF_LOOK_NAME], fallback[40];
    enum pf_code code;

    if (len > 0)
        pf_look_head(pf_bytes_from(head, (size_t)len), &mine);
    snprintf(fallback, sizeof fallback, "message-%" PRIu64, row->number);
    pf_explore_name(mine.subject ? mine.subject : "", fallback, stem);
    pf_look_head_free(&mine);
    code = pf_look_file_keep(file, stem, ".eml", name, err);
    if (code == PF_OK)
        tell_saved(l, name);
    return code;
}

static enum pf_code keep_part(struct pf_look *l, const struct pf_explore_letter *letter, size_t part,
                              struct pf_err *err)
{
    char stem[PF_EXPLORE_NAME], name[PF_LOOK_NAME], fallback[40];
    struct pf_look_file file;
    enum pf_code code = pf_look_file_begin(&file, l->folder, err);

    if (code)
        return code;
    snprintf(fallback, sizeof fallback, "attachment-%zu", part + 1);
    pf_explore_name(pf_explore_letter_part_name(letter, part), fallback, stem);
    code = pf_explore_letter_write(letter, part, file.fd, err);
    if (code) {
        pf_look_file_drop(&file);
        return code;
    }
    code = pf_look_file_keep(&file, stem, "", name, err);
    if (code == PF_OK)
        tell_saved(l, name);
    return code;
}

static enum pf_code keep_parts(struct pf_look *l, const struct pf_look_row *row,
                               struct pf_look_file *file, struct pf_err *err)
{
    struct pf_explore_letter *letter = pf_explore_letter_open(file->fd);
    enum pf_code code = PF_OK;

    if (!letter)
        code = pf_fail(err, PF_DAMAGED, 0, "look", "message %" PRIu64 " cannot be taken apart",
                       row->number);
    for (size_t i = 0; code == PF_OK && i < pf_explore_letter_parts(letter); i++)
        code = keep_part(l, letter, i, err);
    if (letter && pf_explore_letter_parts(letter) == 0)
        fprintf(stderr,
                pf_say("message %" PRIu64 " has no attachments\n",
                       "Nachricht %" PRIu64 " hat keine Anhänge\n"),
                row->number);
    pf_explore_letter_free(letter);
    pf_look_file_drop(file);
    return code;
}

static enum pf_code save(struct pf_look *l, const struct pf_look_row *row, struct pf_err *err)
{
    struct pf_look_file file;
    enum pf_code code = pf_look_file_begin(&file, l->folder, err);

    if (code)
        return code;
    code = pf_look_fetch(l, row, pf_look_file_take, &file, err);
    if (code == PF_OK && file.err.code != PF_OK) {
        *err = file.err;
        code = err->code;
    }
    if (code) {
        pf_look_file_drop(&file);
        return code;
    }
    return l->attachments ? keep_parts(l, row, &file, err) : keep_message(l, row, &file, err);
}

static int run(struct pf_look *l)
{
    struct pf_err err = {0};
    int status = 0;

    for (size_t i = 0; i < l->count && !l->gone; i++) {
        if (!l->rows[i].chosen || save(l, &l->rows[i], &err) == PF_OK)
            continue;
        status = pf_look_complain(l, &err); /* the others may do */
    }
    if (!l->gone)
        pf_look_quit(l);
    return status;
}

int pf_tool_save(int argc, char **argv)
{
    static const struct pf_look_verb verb = {
        .word = "save",
        .usage =
            "usage: postfach save [--to DIR] [--attachments] ACCOUNT MESSAGE…   messages into files\n"
            "  --to DIR                 the folder (default: where you are)\n"
            "  --attachments            what is attached, instead of the messages\n",
        .gebrauch = "Aufruf: postfach save [--to ORDNER] [--attachments] KONTO NACHRICHT…   in Dateien\n"
                    "  --to ORDNER              wohin (sonst: hierher)\n"
                    "  --attachments            die Anhänge statt der Nachrichten\n",
        .options = "ta",
        .names = true,
        .choose = pf_look_choose,
        .run = run};

    return pf_look_main(&verb, argc, argv);
}
