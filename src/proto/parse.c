#include "proto/parse.h"

#include "base/text.h"

static struct pf_bytes trimmed(struct pf_bytes line)
{
    while (line.len && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
        line.len--;
    return line;
}

static bool has_control(struct pf_bytes line)
{
    unsigned hits = 0;

    for (size_t i = 0; i < line.len; i++)
        hits |= (unsigned)(line.at[i] < 0x20) | (unsigned)(line.at[i] == 0x7f);
    return hits;
}

static enum pf_code split(struct pf_bytes rest, struct pf_command *out_command)
{
    while (rest.len) {
        size_t n;

        rest = pf_bytes_skip(rest, 1); /* the SP */
        n = pf_find(rest, ' ');
        if (n == 0)
            return PF_SYNTAX;
        if (out_command->count < PF_ARGUMENTS_MAX)
            out_command->arguments[out_command->count] = pf_bytes_head(rest, n);
        out_command->count++;
        rest = pf_bytes_skip(rest, n);
    }
    return PF_OK;
}

/* `rest` is empty or begins with the SP behind the keyword. */
static enum pf_code arguments(struct pf_bytes rest, struct pf_command *out_command)
{
    unsigned flags = out_command->word->flags;

    if (flags & PF_WORD_REST) {
        /* A password that is not there is an empty one: it fails as a password, not as a command. */
        out_command->arguments[0] = pf_bytes_skip(rest, 1);
        out_command->count = 1;
        return PF_OK;
    }
    if (flags & PF_WORD_INDENT)
        while (rest.len > 1 && rest.at[1] == ' ')
            rest = pf_bytes_skip(rest, 1);
    if (flags & PF_WORD_TAIL)
        return PF_OK;
    if (split(rest, out_command) != PF_OK || out_command->count < out_command->word->min ||
        out_command->count > out_command->word->max)
        return PF_SYNTAX;
    return PF_OK;
}

enum pf_code pf_parse_command(struct pf_bytes line, struct pf_command *out_command)
{
    struct pf_bytes body = trimmed(line);
    size_t end = pf_find(body, ' ');

    *out_command = (struct pf_command){.word = pf_word_find(pf_bytes_head(body, end))};
    if (out_command->word && out_command->word->flags & PF_WORD_REST)
        body = line;
    if (!out_command->word || has_control(body))
        return PF_SYNTAX;
    return arguments(pf_bytes_skip(body, end), out_command);
}
