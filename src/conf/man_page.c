#include "conf/man_page.h"

#include "conf/number.h"
#include "conf/settings.h"

enum { COLUMNS = 78 }; /* mandoc warns from 80 on */

/* A text of the list as lines of mdoc: each sentence begins one, long ones are broken. */
static void print_sentences(const char *text, FILE *to)
{
    size_t column = 0;

    while (*text) {
        size_t len = strcspn(text, " ");
        bool last = text[len] == 0, ends = text[len - 1] == '.' || text[len - 1] == '?';

        /* A line that begins with one of these would be a request. */
        if (column == 0 && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        fwrite(text, 1, len, to);
        column += len + 1;
        text += len + !last;
        if (last || ends || column + strcspn(text, " ") > COLUMNS)
            fputc('\n', to), column = 0;
        else
            fputc(' ', to);
    }
}

static void print_words(const struct pf_conf_row *row, FILE *to)
{
    const char *words = pf_conf_row_words(row);
    struct pf_bytes word = pf_conf_next_word(&words);


    while (word.len) {
        fprintf(to, " Cm %.*s", (int)word.len, (const char *)word.at);
        word = pf_conf_next_word(&words);
        if (word.len)
            fputs(" |", to);
    }
}

static void print_head(const struct pf_conf_row *row, FILE *to)
{
    static const char *const kinds[] = {
        [PF_CONF_HOST] = " Ar name",     [PF_CONF_NAME] = " Ar user",
        [PF_CONF_TEXT] = " Ar text",     [PF_CONF_PATH] = " Ar path",
        [PF_CONF_TEMPLATE] = " Ar path", [PF_CONF_BOOL] = " Cm yes | Cm no",
        [PF_CONF_NUMBER] = " Ar number", [PF_CONF_SIZE] = " Ar size",
        [PF_CONF_DURATION] = " Ar time", [PF_CONF_DAYS] = " Cm never | Ar days",
    };

    fprintf(to, ".It Ic %s", row->name);
    if (row->type == PF_CONF_ENUM || row->type == PF_CONF_CHOICE)
        print_words(row, to);
    else
        fputs(kinds[row->type], to);
    fputc('\n', to);
}

static void print_range(const struct pf_conf_row *row, FILE *to)
{
    char least[PF_CONF_NUMBER_TEXT], most[PF_CONF_NUMBER_TEXT];

    if (row->type != PF_CONF_NUMBER && row->type != PF_CONF_SIZE && row->type != PF_CONF_DURATION &&
        row->type != PF_CONF_DAYS)
        return;
    pf_conf_number_text(row, row->type == PF_CONF_DAYS ? 0 : row->min, least);
    pf_conf_number_text(row, row->max, most);
    fprintf(to, "From\n.Cm %s\nto\n.Cm %s .\n", least, most);
    if (*pf_conf_row_reason(row))
        fprintf(to, "%s.\n", pf_conf_row_reason(row));
}

static void print_row(const struct pf_conf_row *row, FILE *to)
{
    const struct pf_conf_row *source = pf_conf_row_source(row);

    print_head(row, to);
    print_sentences(row->help, to);
    print_range(row, to);
    if (source && source->block != row->block)
        fprintf(to, "Default: the value of\n.Ic %s%s%s .\n", pf_conf_blocks[source->block].name,
                source->block == PF_CONF_BLOCK_top ? "" : " ", source->name);
    else if (source)
        fprintf(to, "Default: the value of\n.Ic %s .\n", source->name);
    else if (row->initial[0])
        fprintf(to, "Default:\n.%s %s .\n", row->initial[0] == '/' ? "Pa" : "Cm", row->initial);
}

static void print_block(enum pf_conf_block block, FILE *to)
{
    const struct pf_conf_block_row *about = &pf_conf_blocks[block];

    if (block == PF_CONF_BLOCK_top)
        fprintf(to, ".Ss Outside of blocks\n");
    else
        fprintf(to, ".Ss %s%s%s { ... }\n", about->name, about->argument[0] ? " " : "", about->argument);
    if (about->parent != PF_CONF_BLOCK_top)
        fprintf(to, "Stands in\n.Ic %s .\n", pf_conf_blocks[about->parent].name);
    print_sentences(about->help, to);
    fprintf(to, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == block)
            print_row(&pf_conf_rows[i], to);
    fprintf(to, ".El\n");
}

bool pf_conf_man_page(FILE *prose, FILE *to)
{
    char line[512]; /* a line of prose is a sentence */
    bool found = false;

    while (fgets(line, sizeof line, prose)) {
        if (strcmp(line, "@SETTINGS@\n") != 0) {
            fputs(line, to);
            continue;
        }
        found = true;
        for (unsigned i = 0; i < PF_CONF_BLOCKS; i++)
            print_block((enum pf_conf_block)i, to);
    }
    return found && !ferror(prose) && fflush(to) == 0 && !ferror(to);
}
