#include "auth/lookup_aliases.h"

#include "base/text.h"

#include <stdlib.h>

struct row {
    struct pf_alias alias;
    size_t first; /* of its targets, in the list of all */
    unsigned line, depth;
    enum { NEW, OPEN, DONE } walk;
};

struct pf_aliases {
    char *text;
    size_t len;
    bool fold;
    struct row *rows;
    size_t count;
    struct pf_bytes *targets;
    size_t target_count;
};

struct reading {
    struct pf_aliases *aliases;
    unsigned line, mistakes, first_line;
    const char *first_wrong;
};

void pf_aliases_fold(unsigned char *address, size_t len, bool fold)
{
    size_t at = len;

    while (at > 0 && address[at - 1] != '@')
        at--;
    if (at == 0) /* without a domain */
        at = len;
    for (size_t i = fold ? 0 : at; i < len; i++)
        address[i] = pf_lower(address[i]);
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct pf_bytes trim(struct pf_bytes b)
{
    while (b.len && is_blank(b.at[0]))
        b = pf_bytes_skip(b, 1);
    while (b.len && is_blank(b.at[b.len - 1]))
        b.len--;
    return b;
}

/* What other mail systems write into aliases, and what would be a user of a strange name here. */
static const char *wrong_address(struct pf_bytes a)
{
    if (a.len == 0)
        return "an address is empty";
    if (a.at[0] == '/' || a.at[0] == '|' || a.at[0] == ':' || a.at[0] == '"')
        return "files, programs and :include: are no targets here: write the names of users";
    for (size_t i = 0; i < a.len; i++)
        if (a.at[i] <= 0x20 || a.at[i] == 0x7f)
            return "an address has a blank or a control character in it: targets need commas between them";
    return a.at[a.len - 1] == '@' ? "an address has no domain behind its @" : NULL;
}

static const char *take_target(struct pf_aliases *all, struct row *row, struct pf_bytes target)
{
    const char *wrong = wrong_address(target);

    if (wrong)
        return wrong;
    if (target.at[0] == '@')
        return "@domain stands left of the colon only";
    if (row->alias.count == PF_ALIAS_TARGETS_MAX)
        return "an alias has more than 100 targets";
    all->targets[all->target_count++] = target;
    row->alias.count++;
    return NULL;
}

static const char *take_line(struct reading *r, struct pf_bytes line)
{
    struct pf_aliases *all = r->aliases;
    struct row *row = &all->rows[all->count];
    size_t colon = pf_find(line, ':');
    struct pf_bytes name = trim(pf_bytes_head(line, colon)), rest = pf_bytes_skip(line, colon + 1);
    const char *wrong;

    if (colon == line.len)
        return "an alias and its targets have a colon between them";
    wrong = wrong_address(name);
    pf_aliases_fold((unsigned char *)all->text + (name.at - (unsigned char *)all->text), name.len, all->fold);
    *row = (struct row){.alias.name = name, .first = all->target_count, .line = r->line};
    while (!wrong) {
        size_t comma = pf_find(rest, ',');

        wrong = take_target(all, row, trim(pf_bytes_head(rest, comma)));
        if (comma == rest.len)
            break;
        rest = pf_bytes_skip(rest, comma + 1);
    }
    if (!wrong)
        all->count++;
    return wrong;
}

static void mistake(struct reading *r, unsigned line, const char *wrong)
{
    if (r->mistakes++ == 0 || line < r->first_line) {
        r->first_wrong = wrong;
        r->first_line = line;
    }
}

static void read_lines(struct reading *r)
{
    struct pf_bytes rest = pf_bytes_from(r->aliases->text, r->aliases->len);

    while (rest.len) {
        size_t end = pf_find(rest, '\n');
        struct pf_bytes line = trim(pf_bytes_head(rest, end));
        const char *wrong = NULL;

        r->line++;
        if (line.len > PF_ALIAS_LINE_MAX)
            wrong = "this line is too long";
        else if (line.len && line.at[0] != '#')
            wrong = take_line(r, line);
        if (wrong)
            mistake(r, r->line, wrong);
        rest = pf_bytes_skip(rest, end + 1);
    }
}

static int compare(struct pf_bytes a, struct pf_bytes b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    const struct row *one = a, *other = b;
    int order = compare(one->alias.name, other->alias.name);

    return order ? order : (one->line > other->line) - (one->line < other->line);
}

static struct row *find(const struct pf_aliases *all, struct pf_bytes name)
{
    size_t from = 0, to = all->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(name, all->rows[middle].alias.name);

        if (order == 0)
            return &all->rows[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

/* The row that a target leads to: targets are kept as they are spelled, for users' names. */
static struct row *find_target(const struct pf_aliases *all, struct pf_bytes target)
{
    unsigned char folded[512]; /* no address has more */

    if (target.len > sizeof folded)
        return NULL;
    memcpy(folded, target.at, target.len);
    pf_aliases_fold(folded, target.len, all->fold);
    return find(all, pf_bytes_from(folded, target.len));
}

/* How deep the row leads, each row walked once; sets *out_wrong. This function goes into itself as deep as
 * aliases lead to each other, at most PF_ALIAS_DEPTH_MAX. */
static unsigned walk(struct pf_aliases *all, struct row *row, unsigned depth, const char **out_wrong)
{
    if (row->walk == DONE)
        return row->depth;
    if (row->walk == OPEN)
        *out_wrong = "these aliases lead in a circle";
    else if (depth > PF_ALIAS_DEPTH_MAX)
        *out_wrong = "aliases lead to each other more than 10 deep";
    if (*out_wrong)
        return 0;
    row->walk = OPEN;
    for (size_t i = 0; i < row->alias.count && !*out_wrong; i++) {
        struct row *next = find_target(all, row->alias.targets[i]);
        unsigned below = next && next != row ? walk(all, next, depth + 1, out_wrong) + 1 : 0;

        row->depth = below > row->depth ? below : row->depth;
    }
    if (row->depth > PF_ALIAS_DEPTH_MAX && !*out_wrong)
        *out_wrong = "aliases lead to each other more than 10 deep";
    row->walk = DONE;
    return row->depth;
}

static void check_rows(struct reading *r)
{
    struct pf_aliases *all = r->aliases;

    for (size_t i = 0; i < all->count; i++)
        all->rows[i].alias.targets = all->targets + all->rows[i].first;
    qsort(all->rows, all->count, sizeof all->rows[0], by_name);
    for (size_t i = 1; i < all->count; i++)
        if (pf_bytes_equal(all->rows[i].alias.name, all->rows[i - 1].alias.name))
            mistake(r, all->rows[i].line, "this alias stands in the file twice");
    for (size_t i = 0; i < all->count && !r->mistakes; i++) {
        const char *wrong = NULL;

        walk(all, &all->rows[i], 0, &wrong);
        if (wrong)
            mistake(r, all->rows[i].line, wrong);
    }
}

static bool make_room(struct pf_aliases *all)
{
    size_t lines = 1, commas = 1;

    for (size_t i = 0; i < all->len; i++) {
        lines += all->text[i] == '\n';
        commas += all->text[i] == ',';
    }
    all->rows = calloc(lines, sizeof all->rows[0]);
    all->targets = calloc(lines + commas, sizeof all->targets[0]);
    return all->rows && all->targets;
}

struct pf_aliases *pf_aliases_parse(const char *name, char *text, size_t len, bool fold, struct pf_err *err)
{
    struct pf_aliases *all = calloc(1, sizeof *all);
    struct reading r = {.aliases = all};

    if (all)
        *all = (struct pf_aliases){.text = text, .len = len, .fold = fold};
    else
        free(text);
    if (!all || !make_room(all)) {
        pf_aliases_free(all);
        pf_fail(err, PF_NO_MEMORY, 0, "aliases", "no memory for the aliases");
        return NULL;
    }
    read_lines(&r);
    check_rows(&r);
    if (!r.mistakes)
        return all;
    pf_fail(err, PF_CONFIG, 0, "aliases", "%s: %u bad line%s, the first is line %u: %s", name, r.mistakes,
            r.mistakes == 1 ? "" : "s", r.first_line, r.first_wrong);
    pf_aliases_free(all);
    return NULL;
}

void pf_aliases_free(struct pf_aliases *all)
{
    if (!all)
        return;
    free(all->text);
    free(all->rows);
    free(all->targets);
    free(all);
}

bool pf_aliases_is_itself(const struct pf_aliases *all, const struct pf_alias *alias, size_t index)
{
    const struct row *row = find_target(all, alias->targets[index]);

    return row && &row->alias == alias;
}

const struct pf_alias *pf_aliases_find(const struct pf_aliases *all, struct pf_bytes name)
{
    const struct row *row = find(all, name);

    return row ? &row->alias : NULL;
}
