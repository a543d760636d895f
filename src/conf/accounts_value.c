#include "conf/accounts_private.h"

#include "base/text.h"
#include "base/words.h"

/* How the room's own code reads each type. */
enum {
    BASIC_TEXT = PF_CONF_TEXT,
    BASIC_NUMBER = PF_CONF_NUMBER,
    BASIC_ENUM = PF_CONF_ENUM,
    BASIC_HOST = PF_CONF_HOST,
    BASIC_BOOL = PF_CONF_BOOL,
    BASIC_SIZE = PF_CONF_SIZE,
    BASIC_DURATION = PF_CONF_DURATION,
    BASIC_LIST = PF_CONF_TEXT,
    BASIC_HOME = PF_CONF_PATH,
    BASIC_KEEP = PF_CONF_DAYS
};
enum {
    OWN_TEXT = PF_ACCOUNTS_BASIC,
    OWN_NUMBER = PF_ACCOUNTS_BASIC,
    OWN_ENUM = PF_ACCOUNTS_BASIC,
    OWN_HOST = PF_ACCOUNTS_BASIC,
    OWN_BOOL = PF_ACCOUNTS_BASIC,
    OWN_SIZE = PF_ACCOUNTS_BASIC,
    OWN_DURATION = PF_ACCOUNTS_BASIC,
    OWN_LIST = PF_ACCOUNTS_LIST,
    OWN_HOME = PF_ACCOUNTS_HOME,
    OWN_KEEP = PF_ACCOUNTS_KEEP
};

#define FIELD_SIZE(field) sizeof(((struct pf_account *)NULL)->field)

const struct pf_accounts_row pf_accounts_rows[PF_ACCOUNTS_ROWS] = {
/* No block of the server's: its reasons are not ours. */
#define PF_ACCOUNT(name, type, field, initial, min, max, unit, group, help)                                           \
    {{PF_CONF_BLOCKS, name, (enum pf_conf_type)BASIC_##type, offsetof(struct pf_account, field), FIELD_SIZE(field),   \
      initial, min, max, unit, help},                                                                                 \
     (enum pf_accounts_type)OWN_##type,                                                                               \
     PF_ACCOUNTS_##group},
#include "conf/accounts.def"
#undef PF_ACCOUNT
};

const struct pf_accounts_row *pf_accounts_row_find(struct pf_bytes name)
{
    for (size_t i = 0; i < PF_ACCOUNTS_ROWS; i++)
        if (pf_bytes_equal(pf_bytes_of(pf_accounts_rows[i].row.name), name))
            return &pf_accounts_rows[i];
    return NULL;
}

/* The room's readers know a field by its offset alone. */
static struct pf_conf_draft *as_draft(struct pf_account *account)
{
    return (struct pf_conf_draft *)(void *)account;
}

void pf_account_defaults(struct pf_account *out)
{
    *out = (struct pf_account){.keep_days = -1};
    for (size_t i = 0; i < PF_ACCOUNTS_ROWS; i++)
        if (pf_accounts_rows[i].type == PF_ACCOUNTS_BASIC)
            pf_conf_default(&pf_accounts_rows[i].row, as_draft(out));
}

/* Rows with a group are pointers. */
void pf_accounts_unset(const struct pf_accounts_row *row, struct pf_account *account)
{
    memset((char *)account + row->row.at, 0, row->row.size);
}

bool pf_accounts_is_set(const struct pf_accounts_row *row, const struct pf_account *account)
{
    const void *value;

    memcpy(&value, (const char *)account + row->row.at, sizeof value);
    return value;
}

static bool refuse(struct pf_accounts_reader *r, const struct pf_conf_token *word, const char *text, const char *hint)
{
    struct pf_conf_shown shown = pf_conf_shown(word->text);

    pf_conf_hint(pf_conf_wrong(&r->mistakes, &word->place, "`%s` %s", shown.text, pf_words(text)), "%s",
                 pf_words(hint));
    return false;
}

/* With ~/ put out of the way; at NULL when a mistake was told. */
static struct pf_bytes at_home(struct pf_accounts_reader *r, const struct pf_conf_token *word)
{
    size_t home = r->home ? strlen(r->home) : 0;
    char *path;

    if (!pf_bytes_equal(pf_bytes_head(word->text, 2), PF_LIT("~/")))
        return word->text;
    if (home == 0 || r->home[0] != '/') {
        refuse(r, word, "has no meaning here: nobody's home is known", "write the whole path, beginning with /");
        return (struct pf_bytes){0};
    }
    path = pf_conf_memory_take(&r->scratch, home + word->text.len);
    if (!path) {
        pf_conf_no_memory(&r->mistakes, &word->place);
        return (struct pf_bytes){0};
    }
    memcpy(path, r->home, home);
    memcpy(path + home, word->text.at + 1, word->text.len - 1);
    return pf_bytes_from(path, home + word->text.len - 1);
}

/* "14" or "14d" */
static bool is_days(struct pf_bytes word)
{
    size_t digits = 0;

    while (digits < word.len && pf_is_digit(word.at[digits]))
        digits++;
    return digits && (digits == word.len || (digits + 1 == word.len && word.at[digits] == 'd'));
}

static bool read_keep(struct pf_accounts_reader *r, const struct pf_accounts_row *row,
                      const struct pf_conf_token *word, struct pf_account *account)
{
    struct pf_conf_input in = {word->text, &word->place, &r->mistakes, &r->keep};
    bool all = pf_bytes_equal(word->text, PF_LIT("all"));

    if (all || pf_bytes_equal(word->text, PF_LIT("none"))) {
        account->keep_days = all ? -1 : 0;
        return true;
    }
    if (!is_days(word->text))
        return refuse(r, word, "says not what stays", "write all, none, or days as 14d");
    return pf_conf_value_read(&row->row, &in, as_draft(account));
}

static bool check_word(struct pf_accounts_reader *r, const struct pf_accounts_row *row,
                       const struct pf_conf_token *word)
{
    if (word->text.len > (size_t)row->row.max)
        return refuse(r, word, "is too long", "a word has at most 1024 octets");
    for (size_t i = 0; i < word->text.len; i++)
        if (word->text.at[i] < 0x20 || word->text.at[i] == 0x7f)
            return refuse(r, word, "has a control character in it", "");
    return true;
}

static bool read_list(struct pf_accounts_reader *r, const struct pf_accounts_row *row,
                      const struct pf_accounts_statement *s, struct pf_account *account)
{
    size_t count = s->count - 1;
    const char **words;

    if (count > PF_ACCOUNT_WORDS_MOST)
        return refuse(r, &s->words[0], "has too many words", "there can be 64");
    if (s->words[1].text.len == 0)
        return refuse(r, &s->words[1], "must not be empty", "");
    if (&account->keyring == (const char *const **)(void *)((char *)account + row->row.at) && count % 2)
        return refuse(r, &s->words[0], "wants pairs of an attribute and its value",
                      "as in: keyring service mail user joe");
    words = pf_conf_memory_take(&r->keep, (count + 1) * sizeof *words);
    for (size_t i = 0; words && i < count; i++) {
        struct pf_bytes word = at_home(r, &s->words[i + 1]);

        if (!word.at || !check_word(r, row, &s->words[i + 1]))
            return false;
        words[i] = pf_conf_memory_text(&r->keep, word);
        if (!words[i])
            words = NULL;
    }
    if (!words) {
        pf_conf_no_memory(&r->mistakes, &s->words[0].place);
        return false;
    }
    memcpy((char *)account + row->row.at, &words, sizeof words);
    return true;
}

bool pf_accounts_value(struct pf_accounts_reader *r, const struct pf_accounts_row *row,
                       const struct pf_accounts_statement *s, struct pf_account *account)
{
    const struct pf_conf_token *word = &s->words[1];
    struct pf_conf_input in = {word->text, &word->place, &r->mistakes, &r->keep};

    if (row->type == PF_ACCOUNTS_LIST)
        return read_list(r, row, s, account);
    if (s->count > 2) {
        pf_conf_hint(pf_conf_wrong(&r->mistakes, &s->words[2].place, "`%s` takes one value", row->row.name),
                     "settings on one line need a `;` between them, a value with spaces needs quotes");
        return false;
    }
    if (row->type == PF_ACCOUNTS_KEEP)
        return read_keep(r, row, word, account);
    if (row->type == PF_ACCOUNTS_HOME)
        in.word = at_home(r, word);
    return (in.word.at || !word->text.at) && pf_conf_value_read(&row->row, &in, as_draft(account));
}

static bool is_header(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= 0x20 || name.at[i] >= 0x7f || name.at[i] == ':')
            return false;
    return name.len && name.len <= 64;
}

static bool is_folder(struct pf_bytes name)
{
    return name.len && name.len <= 200 && name.at[0] != '.' && pf_find(name, '/') == name.len;
}

void pf_accounts_filter(struct pf_accounts_reader *r, const struct pf_accounts_statement *s)
{
    static const char form[] =
        PF_WORDS("as in: filter List-Id *announce* folder Lists, or with skip or delete at the end");
    const struct pf_conf_token *w = s->words;
    struct pf_account_filter *filter = &r->filters[r->filter_count];
    bool folder = s->count > 3 && pf_bytes_equal(w[3].text, PF_LIT("folder"));
    bool deletes = s->count > 3 && pf_bytes_equal(w[3].text, PF_LIT("delete"));

    if (s->count < 4 || s->count != (folder ? 5 : 4)) {
        pf_conf_hint(pf_conf_wrong(&r->mistakes, &w[0].place, "`filter` wants a header, a pattern and what to do"),
                     "%s", pf_words(form));
    } else if (!is_header(w[1].text)) {
        refuse(r, &w[1], "is no name of a header line", form);
    } else if (!folder && !deletes && !pf_bytes_equal(w[3].text, PF_LIT("skip"))) {
        refuse(r, &w[3], "is nothing that can be done", "it can be skip, delete, or folder and its name");
    } else if (folder && !is_folder(w[4].text)) {
        refuse(r, &w[4], "is no name of a folder", "it has no slash in it and begins with no dot");
    } else if (r->filter_count == PF_ACCOUNT_FILTERS_MOST) {
        pf_conf_wrong(&r->mistakes, &w[0].place, "there are more than %d filters", PF_ACCOUNT_FILTERS_MOST);
    } else {
        filter->header = pf_conf_memory_text(&r->keep, w[1].text);
        filter->pattern = pf_conf_memory_text(&r->keep, w[2].text);
        filter->action = folder ? PF_ACCOUNT_FOLDER : deletes ? PF_ACCOUNT_DELETE : PF_ACCOUNT_SKIP;
        filter->folder = folder ? pf_conf_memory_text(&r->keep, w[4].text) : NULL;
        r->filter_count++;
        if (!filter->header || !filter->pattern || (folder && !filter->folder))
            pf_conf_no_memory(&r->mistakes, &w[0].place);
    }
}
