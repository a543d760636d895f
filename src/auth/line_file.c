#include "auth/line_file.h"

#include <stdio.h>
#include <stdlib.h>

size_t pf_line_file_most(const char *text, size_t len)
{
    size_t lines = 1;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static const char *read_line(const struct pf_line_file *file, char *line, size_t len)
{
    if (len > file->line_max)
        return "this line is too long";
    if (memchr(line, 0, len))
        return "a NUL stands in this line";
    if (len && line[len - 1] == '\r')
        line[--len] = 0;
    if (line[0] == '#' || strspn(line, " \t") == len)
        return NULL;
    return file->take(file->self, line);
}

enum pf_code pf_line_file_read(const struct pf_line_file *file, char *text, size_t len, struct pf_err *err)
{
    char *at = text, *end = text + len, first[PF_ERR_LOG] = "";
    unsigned line = 0, mistakes = 0, first_line = 0;

    while (at < end) {
        char *lf = memchr(at, '\n', (size_t)(end - at));
        char *next = lf ? lf : end;
        const char *wrong;

        *next = 0;
        line++;
        wrong = read_line(file, at, (size_t)(next - at));
        if (wrong && mistakes++ == 0) {
            snprintf(first, sizeof first, "%s", wrong);
            first_line = line;
        }
        at = next + 1;
    }
    return mistakes == 0 ? PF_OK
                         : pf_fail(err, PF_CONFIG, 0, file->where, "%s: %u bad line%s, the first is line %u: %s",
                                   file->name, mistakes, mistakes == 1 ? "" : "s", first_line, first);
}

bool pf_line_index_init(struct pf_line_index *index, size_t most)
{
    index->slots = 16;
    while (index->slots < 2 * most)
        index->slots *= 2;
    index->at = calloc(index->slots, sizeof index->at[0]);
    return index->at;
}

void pf_line_index_done(struct pf_line_index *index)
{
    free(index->at);
}

/* FNV-1a. The names come from the administrator or are random, so that nobody can choose collisions. */
static size_t hash(struct pf_bytes name)
{
    uint64_t sum = 0xcbf29ce484222325;

    for (size_t i = 0; i < name.len; i++)
        sum = (sum ^ name.at[i]) * 0x100000001b3;
    return (size_t)(sum ^ sum >> 32);
}

uint32_t *pf_line_index_slot(const struct pf_line_index *index, struct pf_bytes name)
{
    size_t at = hash(name) & (index->slots - 1);

    while (index->at[at] &&
           !pf_bytes_equal(name, pf_bytes_of(index->name_of(index->records, index->at[at]))))
        at = (at + 1) & (index->slots - 1);
    return &index->at[at];
}
