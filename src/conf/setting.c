#include "conf/reading.h"

#include "conf/file.h"
#include "conf/value.h"

#include <errno.h>

bool pf_conf_too_many(struct pf_conf_reading *r, const struct pf_conf_statement *s, size_t wanted)
{
    struct pf_conf_shown name = pf_conf_shown(s->words[0].text);
    struct pf_conf_record *record;

    if (s->bad || s->count <= wanted)
        return false;
    if (wanted == 1)
        record =
            pf_conf_wrong(&r->reader->mistakes, &s->words[1].place, "`%s` takes no value", name.text);
    else
        record = pf_conf_wrong(&r->reader->mistakes, &s->words[wanted].place, "`%s` takes one value",
                               name.text);
    if (wanted > 1)
        pf_conf_hint(record,
                     "settings on one line need a `;` between them, a value with spaces needs quotes");
    return true;
}

static void lacks_value(struct pf_conf_reading *r, const struct pf_conf_statement *s,
                        const char *example)
{
    struct pf_conf_shown name = pf_conf_shown(s->words[0].text);
    struct pf_conf_record *record =
        pf_conf_wrong(&r->reader->mistakes, &s->words[0].place, "`%s` lacks its value", name.text);

    if (example[0] && example[0] != '=')
        pf_conf_hint(record, "as in: %s %s", name.text, example);
}

static void set_twice(struct pf_conf_reading *r, const struct pf_conf_statement *s,
                      const struct pf_conf_place *first)
{
    struct pf_conf_shown name = pf_conf_shown(s->words[0].text);
    struct pf_conf_record *record =
        pf_conf_wrong(&r->reader->mistakes, &s->words[0].place, "`%s` is set twice", name.text);

    if (first->source == r->source)
        pf_conf_hint(record, "the first time on line %u, column %u", first->line, pf_conf_column(first));
    else
        pf_conf_hint(record, "the first time in %s on line %u, column %u", first->source->name,
                     first->line, pf_conf_column(first));
}

static void set_row(struct pf_conf_reading *r, const struct pf_conf_statement *s,
                    const struct pf_conf_row *row)
{
    struct pf_conf_place *seen = &r->reader->seen[row - pf_conf_rows];
    struct pf_conf_input in = {s->words[1].text, &s->words[1].place, &r->reader->mistakes,
                               &r->reader->keep};
    bool good = false;

    if (s->count < 2)
        lacks_value(r, s, row->initial);
    else if (seen->source)
        set_twice(r, s, seen);
    else
        good = !pf_conf_too_many(r, s, 2) && pf_conf_value_read(row, &in, &r->reader->draft);
    if (!good)
        r->reader->spoilt[row - pf_conf_rows] = true;
    if (!seen->source)
        *seen = s->words[0].place;
}

static void check_version(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    struct pf_conf_shown word = pf_conf_shown(s->words[1].text);

    if (s->count < 2)
        lacks_value(r, s, "1");
    else if (!pf_conf_too_many(r, s, 2) && !pf_bytes_equal(s->words[1].text, PF_LIT("1")))
        pf_conf_hint(pf_conf_wrong(&r->reader->mistakes, &s->words[1].place,
                                   "this program does not know version `%s` of the file", word.text),
                     "it knows version 1");
}

void pf_conf_setting(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    const struct pf_conf_row *row = pf_conf_row_find(pf_conf_here(r), s->words[0].text);
    bool include = pf_bytes_equal(s->words[0].text, PF_LIT("include"));
    bool version = pf_bytes_equal(s->words[0].text, PF_LIT("version"));

    if (row && s->bad) {
        r->reader->spoilt[row - pf_conf_rows] = true;
        r->reader->seen[row - pf_conf_rows] = s->words[0].place;
    }
    if (s->bad)
        return;
    if (row)
        set_row(r, s, row);
    else if ((include || version) && r->depth)
        pf_conf_wrong(&r->reader->mistakes, &s->words[0].place, "`%s` stands outside of all blocks",
                      include ? "include" : "version");
    else if (include)
        pf_conf_include(r, s);
    else if (version)
        check_version(r, s);
    else
        pf_conf_unknown(r, s);
}

/* A path relative to the file that names it. */
static char *beside(struct pf_conf_reading *r, struct pf_bytes name)
{
    const char *slash = strrchr(r->source->name, '/');
    size_t folder = slash && name.at[0] != '/' ? (size_t)(slash + 1 - r->source->name) : 0;
    char *path = pf_conf_memory_take(&r->reader->scratch, folder + name.len + 1);

    if (!path)
        return NULL;
    memcpy(path, r->source->name, folder);
    memcpy(path + folder, name.at, name.len);
    return path;
}

static bool is_open_already(const struct pf_conf_source *file, const struct pf_conf_source *opener)
{
    for (; opener; opener = opener->parent)
        if (opener->device == file->device && opener->inode == file->inode)
            return true;
    return false;
}

static unsigned depth_of(const struct pf_conf_source *source)
{
    unsigned depth = 0;

    for (; source->parent; source = source->parent)
        depth++;
    return depth;
}

static void read_file(struct pf_conf_reading *r, const struct pf_conf_token *word)
{
    struct pf_conf_source *file = pf_conf_memory_take(&r->reader->scratch, sizeof *file);
    struct pf_conf_shown shown = pf_conf_shown(word->text);
    const char *why = "";
    int sys = ENOMEM;

    if (file)
        file->name = beside(r, word->text);
    if (file && file->name)
        sys = pf_conf_file_read(file->name, file, &r->reader->scratch, &why);
    if (sys == ENOMEM) {
        pf_conf_no_memory(&r->reader->mistakes, &word->place);
        return;
    }
    if (sys) {
        pf_conf_hint(
            pf_conf_wrong(&r->reader->mistakes, &word->place, "cannot read `%s`: %s", shown.text, why),
            "the file is looked for at %s", file->name);
        return;
    }
    if (is_open_already(file, r->source)) {
        pf_conf_wrong(&r->reader->mistakes, &word->place, "`%s` includes itself", shown.text);
        return;
    }
    file->parent = r->source;
    file->base = word->place.order;
    r->source->base = pf_conf_reader_read(r->reader, file) - word->place.at;
}

void pf_conf_include(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    const struct pf_conf_token *word = &s->words[1];
    struct pf_conf_mistakes *mistakes = &r->reader->mistakes;

    if (s->count < 2)
        lacks_value(r, s, "more.conf");
    else if (pf_conf_too_many(r, s, 2))
        return;
    else if (!r->reader->include)
        pf_conf_wrong(mistakes, &s->words[0].place, "`include` is not possible here");
    else if (word->text.len == 0)
        pf_conf_wrong(mistakes, &word->place, "`include` must not be empty");
    else if (depth_of(r->source) >= PF_CONF_DEPTH)
        pf_conf_wrong(mistakes, &word->place, "files include each other more than %d deep",
                      PF_CONF_DEPTH);
    else if (r->reader->files >= PF_CONF_FILES)
        pf_conf_wrong(mistakes, &word->place, "there are more than %d files", PF_CONF_FILES);
    else
        r->reader->files++, read_file(r, word);
}
