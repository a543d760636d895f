#include "conf/accounts_private.h"

#include "base/text.h"
#include "base/words.h"
#include "conf/file.h"

#include <errno.h>

enum { DEPTH = 8, FILES = 100 }; /* as with the server's settings (reader.h) */

/* One file on its way. */
struct reading {
    struct pf_accounts_reader *r;
    struct pf_conf_source *source;
    struct pf_conf_lex lex;
    enum pf_accounts_block block;
    struct pf_conf_token head;
    unsigned inner; /* braces that are open within an unknown block */
    bool good;      /* the block's head was */
};

static void read_statement(struct reading *f, struct pf_accounts_statement *s)
{
    enum { ROOM = sizeof s->words / sizeof s->words[0] };
    struct pf_conf_token token;

    s->count = 0;
    s->bad = false;
    for (;;) {
        token = pf_conf_lex_next(&f->lex);
        s->bad = s->bad || token.bad;
        if (token.kind == PF_CONF_WORD) {
            if (s->count < ROOM)
                s->words[s->count++] = token;
        } else if (token.kind != PF_CONF_END || s->count) {
            s->end = token;
            return;
        }
    }
}

static struct pf_conf_record *wrong(struct reading *f, const struct pf_conf_token *token, const char *text)
{
    struct pf_conf_shown shown = pf_conf_shown(token->text);

    return pf_conf_wrong(&f->r->mistakes, &token->place, "`%s` %s", shown.text, pf_words(text));
}

static void unknown(struct reading *f, const struct pf_conf_token *word)
{
    const char *name = NULL;
    size_t best = SIZE_MAX;
    struct pf_conf_record *record =
        wrong(f, word, f->block == PF_ACCOUNTS_TOP ? "is no setting here" : "is no setting");

    for (size_t i = 0; i < PF_ACCOUNTS_ROWS; i++)
        if (pf_conf_near(pf_bytes_of(pf_accounts_rows[i].row.name), word->text, &best))
            name = pf_accounts_rows[i].row.name;
    if (f->block == PF_ACCOUNTS_TOP && pf_accounts_row_find(word->text))
        pf_conf_hint(record, "it belongs in account NAME { ... } or defaults { ... }");
    else if (name)
        pf_conf_hint(record, "did you mean `%s`?", name);
    else
        pf_conf_hint(record, "postfach-accounts(5) lists all settings");
}

/* A setting that excludes others: what the defaults said in its place is over. */
static bool claim_group(struct reading *f, const struct pf_accounts_row *row, const struct pf_conf_token *word,
                        struct pf_account *account)
{
    for (size_t i = 0; i < PF_ACCOUNTS_ROWS && row->group; i++) {
        const struct pf_accounts_row *other = &pf_accounts_rows[i];

        if (other == row || other->group != row->group)
            continue;
        if (f->r->seen[i].source) {
            pf_conf_hint(wrong(f, word, "excludes another setting of this block"),
                         "there is `%s` on line %u: keep one of them", other->row.name, f->r->seen[i].line);
            return false;
        }
        pf_accounts_unset(other, account);
    }
    return true;
}

static void read_setting(struct reading *f, const struct pf_accounts_statement *s)
{
    const struct pf_accounts_row *row = pf_accounts_row_find(s->words[0].text);
    struct pf_account *account = f->block == PF_ACCOUNTS_DEFAULTS ? &f->r->defaults : &f->r->account;
    struct pf_conf_place *seen;

    if (pf_bytes_equal(s->words[0].text, PF_LIT("filter"))) {
        pf_accounts_filter(f->r, s);
        return;
    }
    if (!row) {
        unknown(f, &s->words[0]);
        return;
    }
    seen = &f->r->seen[row - pf_accounts_rows];
    if (s->count < 2)
        wrong(f, &s->words[0], "lacks its value");
    else if (seen->source)
        pf_conf_hint(wrong(f, &s->words[0], "is set twice"), "the first time on line %u, column %u", seen->line,
                     pf_conf_column(seen));
    else if (claim_group(f, row, &s->words[0], account) && pf_accounts_value(f->r, row, s, account) &&
             strcmp(row->row.name, "password") == 0)
        pf_accounts_check_mode(f->r, &s->words[0].place);
    if (!seen->source)
        *seen = s->words[0].place;
}

static bool is_open_already(const struct pf_conf_source *file, const struct pf_conf_source *opener)
{
    for (; opener; opener = opener->parent)
        if (opener->device == file->device && opener->inode == file->inode)
            return true;
    return false;
}

/* A path relative to the file that names it. */
static char *beside(struct reading *f, struct pf_bytes name)
{
    const char *slash = strrchr(f->source->name, '/');
    size_t folder = slash && name.at[0] != '/' ? (size_t)(slash + 1 - f->source->name) : 0;
    char *path = pf_conf_memory_take(&f->r->scratch, folder + name.len + 1);

    if (path) {
        memcpy(path, f->source->name, folder);
        memcpy(path + folder, name.at, name.len);
    }
    return path;
}

static void read_file(struct reading *f, const struct pf_conf_token *word)
{
    struct pf_conf_source *file = pf_conf_memory_take(&f->r->scratch, sizeof *file);
    const char *why = "";
    int sys = ENOMEM;

    if (file && (file->name = beside(f, word->text)))
        sys = pf_conf_file_read(file->name, file, &f->r->scratch, &why);
    if (sys == ENOMEM) {
        pf_conf_no_memory(&f->r->mistakes, &word->place);
    } else if (sys) {
        pf_conf_hint(wrong(f, word, "cannot be read"), "%s: %s", file->name, why);
    } else if (is_open_already(file, f->source)) {
        wrong(f, word, "includes itself");
    } else {
        file->parent = f->source;
        file->base = word->place.order;
        pf_accounts_source(f->r, file);
        f->source->base = file->base + file->text.len + 1 - word->place.at;
    }
}

static void include(struct reading *f, const struct pf_accounts_statement *s)
{
    if (!f->r->include || s->count != 2 || s->words[1].text.len == 0)
        wrong(f, &s->words[0], f->r->include ? "wants the name of one file" : "is not possible here");
    else if (f->r->depth > DEPTH || f->r->files >= FILES)
        wrong(f, &s->words[1], "is one file too many");
    else
        f->r->files++, read_file(f, &s->words[1]);
}

static void at_top(struct reading *f, const struct pf_accounts_statement *s)
{
    const struct pf_conf_token *name = &s->words[0];

    if (pf_bytes_equal(name->text, PF_LIT("include"))) {
        include(f, s);
    } else if (pf_bytes_equal(name->text, PF_LIT("version"))) {
        if (s->count != 2 || !pf_bytes_equal(s->words[1].text, PF_LIT("1")))
            pf_conf_hint(wrong(f, name, "can only be 1"), "as in: version 1");
    } else if (pf_bytes_equal(name->text, PF_LIT("account")) || pf_bytes_equal(name->text, PF_LIT("defaults"))) {
        pf_conf_hint(wrong(f, name, "is a block and lacks its `{`"), "put it at the end of this line");
    } else {
        unknown(f, name);
    }
}

static bool is_name(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= 0x20 || name.at[i] == 0x7f || name.at[i] == '/')
            return false;
    return name.len && name.len <= 64 && name.at[0] != '-' && name.at[0] != '.';
}

static bool name_account(struct reading *f, const struct pf_conf_token *word)
{
    struct pf_accounts_reader *r = f->r;

    for (size_t i = 0; i < r->count; i++)
        if (pf_bytes_equal(pf_bytes_of(r->list[i].name), word->text)) {
            pf_conf_hint(wrong(f, word, "is an account already"), "%s, line %u", r->places[i].source->name,
                         r->places[i].line);
            return false;
        }
    r->account.name = pf_conf_memory_text(&r->keep, word->text);
    if (!r->account.name)
        pf_conf_no_memory(&r->mistakes, &word->place);
    return r->account.name;
}

static void begin_account(struct reading *f, const struct pf_accounts_statement *s)
{
    f->block = PF_ACCOUNTS_ACCOUNT;
    f->r->account = f->r->defaults;
    if (s->count != 2)
        pf_conf_hint(wrong(f, &s->words[0], "wants one name"), "as in: account work { ... }");
    else if (!is_name(s->words[1].text))
        pf_conf_hint(wrong(f, &s->words[1], "cannot be an account's name"),
                     "up to 64 octets without blanks and slashes, not beginning with - or .");
    else
        f->good = name_account(f, &s->words[1]);
}

static void begin_block(struct reading *f, const struct pf_accounts_statement *s)
{
    memset(f->r->seen, 0, sizeof f->r->seen);
    f->r->filter_count = 0;
    f->good = false;
    f->inner = 0;
    f->head = s->count ? s->words[0] : s->end;
    if (s->count && pf_bytes_equal(s->words[0].text, PF_LIT("account"))) {
        begin_account(f, s);
    } else if (s->count && pf_bytes_equal(s->words[0].text, PF_LIT("defaults"))) {
        f->block = PF_ACCOUNTS_DEFAULTS;
        if (s->count > 1)
            wrong(f, &s->words[1], "is too much: `defaults` has no name");
    } else {
        if (s->count)
            pf_conf_hint(wrong(f, &s->words[0], "is no block"), "there are account NAME { ... } and defaults { ... }");
        else
            pf_conf_wrong(&f->r->mistakes, &s->end.place, "a `{` without a name before it");
        f->block = PF_ACCOUNTS_UNKNOWN;
    }
}

/* The block's own filters, before those of the defaults. */
static bool keep_filters(struct pf_accounts_reader *r, struct pf_account *account, const struct pf_conf_place *head)
{
    size_t count = r->filter_count + account->filter_count;
    struct pf_account_filter *filters;

    if (r->filter_count == 0)
        return true;
    filters = pf_conf_memory_take(&r->keep, count * sizeof *filters);
    if (!filters) {
        pf_conf_no_memory(&r->mistakes, head);
        return false;
    }
    memcpy(filters, r->filters, r->filter_count * sizeof *filters);
    if (account->filter_count)
        memcpy(filters + r->filter_count, account->filters, account->filter_count * sizeof *filters);
    account->filters = filters;
    account->filter_count = count;
    return true;
}

static void end_block(struct reading *f)
{
    struct pf_accounts_reader *r = f->r;
    enum pf_accounts_block block = f->block;

    f->block = PF_ACCOUNTS_TOP;
    if (block == PF_ACCOUNTS_DEFAULTS)
        keep_filters(r, &r->defaults, &f->head.place);
    if (block != PF_ACCOUNTS_ACCOUNT || !f->good || !keep_filters(r, &r->account, &f->head.place))
        return;
    /* What was not understood must not be missed. */
    if (r->mistakes.count == 0)
        pf_accounts_check(r, &f->head.place);
    if (r->count == PF_ACCOUNTS_MOST) {
        pf_conf_wrong(&r->mistakes, &f->head.place, "there are more than %d accounts", PF_ACCOUNTS_MOST);
        return;
    }
    r->places[r->count] = f->head.place;
    r->list[r->count++] = r->account;
}

static void close_brace(struct reading *f, const struct pf_conf_token *brace)
{
    if (f->block == PF_ACCOUNTS_UNKNOWN && f->inner)
        f->inner--;
    else if (f->block != PF_ACCOUNTS_TOP)
        end_block(f);
    else if (!brace->bad)
        pf_conf_hint(pf_conf_wrong(&f->r->mistakes, &brace->place, "this `}` closes no block"), "remove it");
}

static void tell_open(struct reading *f)
{
    pf_conf_hint(wrong(f, &f->head, "has no closing `}`"), "put a } behind its last setting");
}

static void take(struct reading *f, const struct pf_accounts_statement *s)
{
    bool opens = s->end.kind == PF_CONF_OPEN;
    bool begins = opens && s->count && pf_bytes_equal(s->words[0].text, PF_LIT("account"));

    if (begins && f->block != PF_ACCOUNTS_TOP) {
        tell_open(f);
        end_block(f);
    }
    if (opens && f->block == PF_ACCOUNTS_TOP) {
        begin_block(f, s);
    } else if (opens && f->block == PF_ACCOUNTS_UNKNOWN) {
        f->inner++;
    } else if (opens) {
        pf_conf_hint(pf_conf_wrong(&f->r->mistakes, &s->end.place, "there are no blocks within an account"),
                     "write a setting and its value without braces");
        end_block(f);
        f->block = PF_ACCOUNTS_UNKNOWN;
        f->inner = 1;
    } else if (s->count && !s->bad && f->block == PF_ACCOUNTS_TOP) {
        at_top(f, s);
    } else if (s->count && !s->bad && f->block != PF_ACCOUNTS_UNKNOWN) {
        read_setting(f, s);
    }
    if (s->end.kind == PF_CONF_CLOSE)
        close_brace(f, &s->end);
}

void pf_accounts_source(struct pf_accounts_reader *r, struct pf_conf_source *source)
{
    struct reading f = {.r = r, .source = source, .block = PF_ACCOUNTS_TOP};
    struct pf_accounts_statement s;

    r->depth++;
    pf_conf_lex_init(&f.lex, source, &r->mistakes, &r->scratch);
    do {
        read_statement(&f, &s);
        take(&f, &s);
    } while (s.end.kind != PF_CONF_EOF);
    if (f.block != PF_ACCOUNTS_TOP) {
        tell_open(&f);
        end_block(&f);
    }
    r->depth--;
}
