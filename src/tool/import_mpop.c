#include "base/text.h"
#include "tool/import_private.h"

struct mpop {
    struct pf_import import;
    struct pf_import_account defaults, *accounts[PF_IMPORT_ACCOUNTS];
    bool tls[PF_IMPORT_ACCOUNTS + 1], starttls[PF_IMPORT_ACCOUNTS + 1]; /* [0] is that of defaults */
    bool said[PF_IMPORT_ACCOUNTS + 1];   /* something besides what was taken from another */
    size_t from[PF_IMPORT_ACCOUNTS + 1]; /* whom it was taken from, or 0 */
    size_t count, open;                  /* open: 0 defaults, else an account's number */
};

static struct pf_import_account *now(struct mpop *m)
{
    return m->open ? m->accounts[m->open - 1] : &m->defaults;
}

static struct pf_bytes trim(struct pf_bytes b)
{
    while (b.len && (b.at[0] == ' ' || b.at[0] == '\t'))
        b = pf_bytes_skip(b, 1);
    while (b.len && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t' || b.at[b.len - 1] == '\r'))
        b.len--;
    return b;
}

static struct pf_bytes unquoted(struct pf_bytes b)
{
    bool quotes = b.len > 1 && b.at[0] == '"' && b.at[b.len - 1] == '"';

    return quotes ? pf_bytes_from(b.at + 1, b.len - 2) : b;
}

static size_t find_account(const struct mpop *m, struct pf_bytes name)
{
    for (size_t i = m->count; i > 0; i--)
        if (pf_bytes_equal(pf_bytes_of(m->accounts[i - 1]->name), name))
            return i;
    return 0;
}

static enum pf_code wrong(struct mpop *m, const char *what)
{
    return pf_import_wrong(&m->import, what);
}

/* A comment on a setting is not for who says that setting anew: what was taken from another is not
 * repeated. */
static void forget(struct mpop *m, struct pf_bytes name)
{
    static const char about[] = "not carried over: ";
    struct pf_import_account *a = now(m);
    size_t kept = 0;

    for (size_t i = 0; i < a->note_count; i++) {
        const char *word = a->notes[i] + sizeof about - 1;

        if (strncmp(a->notes[i], about, sizeof about - 1) != 0 ||
            strncmp(word, (const char *)name.at, name.len) != 0 || word[name.len] != ' ')
            a->notes[kept++] = a->notes[i];
    }
    a->note_count = kept;
}

static void note_line(struct mpop *m, struct pf_bytes name, struct pf_bytes value)
{
    value = pf_bytes_head(value, 100);
    pf_import_note(&m->import, now(m), "not carried over: %.*s %.*s", (int)name.len,
                   (const char *)name.at, (int)value.len, (const char *)value.at);
}

/* `account NAME [: OTHER]`: what OTHER says so far is taken over. */
static enum pf_code begin_account(struct mpop *m, struct pf_bytes value)
{
    size_t colon = pf_find(value, ':');
    struct pf_bytes name = trim(pf_bytes_head(value, colon)),
                    others = trim(pf_bytes_skip(value, colon + 1));
    size_t comma = pf_find(others, ',');
    struct pf_bytes other = trim(pf_bytes_head(others, comma));
    size_t from = other.len ? find_account(m, other) : 0;
    struct pf_import_account *a;

    if (name.len == 0)
        return wrong(m, "an account needs a name");
    if (other.len && from == 0)
        return wrong(m, "there is no such account to take from");
    if (m->count == PF_IMPORT_ACCOUNTS)
        return wrong(m, "there are too many accounts");
    a = pf_conf_memory_take(&m->import.memory, sizeof *a);
    if (!a)
        return pf_fail(m->import.err, PF_NO_MEMORY, 0, "import", "out of memory");
    *a = from ? *m->accounts[from - 1] : m->defaults;
    a->name = pf_import_text(&m->import, name);
    m->accounts[m->count++] = a;
    m->open = m->count;
    m->from[m->open] = from;
    m->said[m->open] = comma < others.len;
    if (comma < others.len)
        note_line(m, PF_LIT("account"), value);
    m->tls[m->open] = m->tls[from];
    m->starttls[m->open] = m->starttls[from];
    return PF_OK;
}

/* `delivery METHOD ARGUMENT`; a comma between them is what mpop's option takes. */
static void delivery(struct mpop *m, struct pf_bytes value)
{
    static const struct {
        const char *kind;
        size_t at;
    } kinds[] = {{"maildir", offsetof(struct pf_import_account, maildir)},
                 {"mbox", offsetof(struct pf_import_account, mbox)},
                 {"mda", offsetof(struct pf_import_account, shell)}};
    struct pf_import_account *a = now(m);
    struct pf_bytes rest;
    size_t end = 0;

    while (end < value.len && value.at[end] != ',' && value.at[end] != ' ' && value.at[end] != '\t')
        end++;
    rest = unquoted(trim(pf_bytes_skip(value, end + 1)));
    a->maildir = a->mbox = a->shell = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (rest.len && pf_bytes_equal(pf_bytes_head(value, end), pf_bytes_of(kinds[i].kind))) {
            const char *text = pf_import_text(&m->import, rest);

            memcpy((char *)a + kinds[i].at, &text, sizeof text);
            return;
        }
    note_line(m, PF_LIT("delivery"), value);
}

static bool is_on(struct pf_bytes value)
{
    return value.len == 0 || pf_equal_nocase(value, PF_LIT("on"));
}

static const struct text_row {
    const char *name;
    size_t at;
} texts[] = {
    {"host", offsetof(struct pf_import_account, server)},
    {"user", offsetof(struct pf_import_account, user)},
    {"password", offsetof(struct pf_import_account, password)},
    {"passwordeval", offsetof(struct pf_import_account, password_shell)},
    {"tls_trust_file", offsetof(struct pf_import_account, ca)},
    {"tls_cert_file", offsetof(struct pf_import_account, certificate)},
    {"tls_key_file", offsetof(struct pf_import_account, key)},
    {"tls_host_override", offsetof(struct pf_import_account, server_name)},
};

static const struct number_row {
    const char *name;
    size_t at;
} numbers[] = {
    {"port", offsetof(struct pf_import_account, port)},
    {"timeout", offsetof(struct pf_import_account, answer_time)},
};

static bool take_text(struct mpop *m, struct pf_bytes name, struct pf_bytes value)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (pf_bytes_equal(pf_bytes_of(texts[i].name), name)) {
            const char *text = value.len ? pf_import_text(&m->import, value) : NULL;

            if (strcmp(texts[i].name, "tls_trust_file") == 0 && text && strcmp(text, "system") == 0)
                text = NULL;
            memcpy((char *)now(m) + texts[i].at, &text, sizeof text);
            return true;
        }
    return false;
}

static bool take_number(struct mpop *m, struct pf_bytes name, struct pf_bytes value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (pf_bytes_equal(pf_bytes_of(numbers[i].name), name)) {
            uint64_t number = 0;

            if (!pf_parse_u64(value, &number) && !pf_equal_nocase(value, PF_LIT("off")))
                note_line(m, name, value);
            memcpy((char *)now(m) + numbers[i].at, &number, sizeof number);
            return true;
        }
    return false;
}

/* `skipsize off`, or a number, with k or m of 1024 octets and their square; 0, which skips all mail, has
 * no counterpart. */
static void take_skipsize(struct mpop *m, struct pf_bytes value)
{
    unsigned char unit = value.len ? value.at[value.len - 1] : 0;
    unsigned shift = unit == 'k' ? 10 : unit == 'm' ? 20 : 0;
    uint64_t number = 0;

    now(m)->size_limit = 0;
    if (pf_equal_nocase(value, PF_LIT("off")))
        return;
    if (pf_parse_u64(pf_bytes_head(value, value.len - (shift ? 1 : 0)), &number) && number > 0 &&
        number <= UINT64_MAX >> shift)
        now(m)->size_limit = number << shift;
    else
        note_line(m, PF_LIT("skipsize"), value);
}

static void take_auth(struct mpop *m, struct pf_bytes value)
{
    struct pf_import_account *a = now(m);
    char word[24];
    size_t len = value.len < sizeof word ? value.len : 0;

    a->mechanisms = NULL;
    if (len == 0 || is_on(value) || pf_equal_nocase(value, PF_LIT("off")))
        return;
    for (size_t i = 0; i < len; i++)
        word[i] = (char)(value.at[i] >= 'a' && value.at[i] <= 'z' ? value.at[i] - 32 : value.at[i]);
    a->mechanisms = pf_import_text(&m->import, pf_bytes_from(word, len));
}

static bool take_switch(struct mpop *m, struct pf_bytes name, struct pf_bytes value)
{
    struct pf_import_account *a = now(m);

    if (pf_bytes_equal(name, PF_LIT("tls")))
        m->tls[m->open] = is_on(value);
    else if (pf_bytes_equal(name, PF_LIT("tls_starttls")))
        m->starttls[m->open] = is_on(value);
    else if (pf_bytes_equal(name, PF_LIT("tls_certcheck")))
        a->unchecked = !is_on(value);
    else if (pf_bytes_equal(name, PF_LIT("keep")))
        a->keep = is_on(value);
    else if (pf_bytes_equal(name, PF_LIT("only_new")))
        a->all = !is_on(value);
    else if (pf_bytes_equal(name, PF_LIT("skipsize")))
        take_skipsize(m, value);
    else if (pf_bytes_equal(name, PF_LIT("auth")))
        take_auth(m, value);
    else
        return false;
    return true;
}

static enum pf_code take(struct mpop *m, struct pf_bytes name, struct pf_bytes value)
{
    if (pf_bytes_equal(name, PF_LIT("defaults")))
        return m->open = 0, PF_OK;
    if (pf_bytes_equal(name, PF_LIT("account")))
        return begin_account(m, value);
    m->said[m->open] = true;
    forget(m, name);
    if (pf_bytes_equal(name, PF_LIT("delivery")))
        return delivery(m, value), PF_OK;
    if (!take_switch(m, name, value) && !take_text(m, name, value) && !take_number(m, name, value))
        note_line(m, name, value);
    return PF_OK;
}

static enum pf_code take_line(struct mpop *m, struct pf_bytes line)
{
    size_t len = 0;
    struct pf_bytes value;

    line = trim(line);
    if (line.len == 0 || line.at[0] == '#')
        return PF_OK;
    while (len < line.len && line.at[len] != ' ' && line.at[len] != '\t')
        len++;
    for (size_t i = 0; i < len; i++)
        if (!pf_is_digit(line.at[i]) && (line.at[i] < 'a' || line.at[i] > 'z') && line.at[i] != '_')
            return wrong(m, "this is no line of mpop's settings");
    value = unquoted(trim(pf_bytes_skip(line, len)));
    return take(m, pf_bytes_head(line, len), value);
}

static bool write_all(struct mpop *m)
{
    for (size_t i = 0; i < m->count; i++) {
        m->accounts[i]->tls = !m->tls[i + 1] ? "none" : m->starttls[i + 1] ? "starttls" : "implicit";
        /* `account default : work` says whom mpop calls where nobody is named; two accounts would fetch
         * twice. */
        if (m->from[i + 1] && !m->said[i + 1]) {
            m->accounts[i]->left_out = "it is the same as the one that it takes all from";
            m->accounts[i]->note_count = 0;
        } else if (!m->tls[i + 1])
            pf_import_note(&m->import, m->accounts[i],
                           "mpop spoke without TLS here: think of tls implicit");
        if (!pf_import_write(&m->import, m->accounts[i]))
            return false;
    }
    return true;
}

enum pf_code pf_import_mpop(struct pf_bytes text, FILE *to, struct pf_err *err)
{
    struct pf_conf_memory *memory = NULL;
    struct mpop *m = pf_conf_memory_take(&memory, sizeof *m);
    enum pf_code code = PF_OK;

    if (!m)
        return pf_fail(err, PF_NO_MEMORY, 0, "import", "out of memory");
    m->import = (struct pf_import){.to = to, .err = err};
    m->starttls[0] = true; /* mpop's defaults */
    while (text.len && code == PF_OK) {
        size_t end = pf_find(text, '\n');

        m->import.line++;
        code = take_line(m, pf_bytes_head(text, end));
        text = pf_bytes_skip(text, end + 1);
    }
    if (code == PF_OK && !write_all(m))
        code = wrong(m, "there are too many accounts");
    pf_conf_memory_free(m->import.memory);
    pf_conf_memory_free(memory);
    return code;
}
