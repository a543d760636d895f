#include "auth/auth_sql_query.h"

#include "base/text.h"

/* One reading. What is written is never longer than what was read, so that it fits. */
struct scan {
    struct pf_bytes sql;
    size_t at, written;
    enum pf_sql_dialect dialect;
    struct pf_sql_query *query;
    struct pf_err *err;
};

enum { SQLITE = 1 << PF_SQL_SQLITE, POSTGRESQL = 1 << PF_SQL_POSTGRESQL, MARIADB = 1 << PF_SQL_MARIADB };

/* What hides its inside, and for whom. A closing mark that stands there twice closes and opens again, which comes
 * to the same. */
static const struct shell {
    const char *open, *close, *called;
    unsigned dialects, backslash; /* bits */
    bool nested;
} shells[] = {
    {"'", "'", "string", SQLITE | POSTGRESQL | MARIADB, MARIADB, false},
    {"\"", "\"", "quoted name", SQLITE | POSTGRESQL | MARIADB, MARIADB, false},
    {"`", "`", "quoted name", SQLITE | MARIADB, 0, false},
    {"[", "]", "quoted name", SQLITE, 0, false},
    {"/*", "*/", "comment", SQLITE | MARIADB, 0, false},
    {"/*", "*/", "comment", POSTGRESQL, 0, true},
    {"--", "\n", NULL, SQLITE | POSTGRESQL | MARIADB, 0, false},
    {"#", "\n", NULL, MARIADB, 0, false},
};

static unsigned char octet(const struct scan *s, size_t at)
{
    return at < s->sql.len ? s->sql.at[at] : 0;
}

static bool is_word(unsigned char c)
{
    return c == '_' || c >= 0x80 || pf_is_digit(c) || (pf_lower(c) >= 'a' && pf_lower(c) <= 'z');
}

static bool stands(const struct scan *s, const char *text)
{
    struct pf_bytes here = pf_bytes_head(pf_bytes_skip(s->sql, s->at), strlen(text));

    return pf_bytes_equal(here, pf_bytes_of(text));
}

static void keep(struct scan *s, size_t count)
{
    for (; count && s->at < s->sql.len; count--)
        s->query->text[s->written++] = (char)s->sql.at[s->at++];
}

static bool wrong(const struct scan *s, size_t at, const char *what)
{
    pf_fail(s->err, PF_CONFIG, 0, "auth_sql", "the query has, at octet %zu, %s", at + 1, what);
    return false;
}

/* PostgreSQL's E'it\'s', where a backslash counts. */
static bool is_escape_string(const struct scan *s)
{
    return s->dialect == PF_SQL_POSTGRESQL && s->at && pf_lower(octet(s, s->at - 1)) == 'e' &&
           (s->at < 2 || !is_word(octet(s, s->at - 2)));
}

static const struct shell *shell_here(const struct scan *s)
{
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        unsigned char behind = octet(s, s->at + 2);

        if (!(shells[i].dialects >> s->dialect & 1) || !stands(s, shells[i].open))
            continue;
        /* MariaDB's manual: two dashes need a blank or control octet behind them */
        if (s->dialect == PF_SQL_MARIADB && shells[i].open[0] == '-' && behind > ' ')
            continue;
        return &shells[i];
    }
    return NULL;
}

static bool read_shell(struct scan *s, const struct shell *shell)
{
    bool backslash = (shell->backslash >> s->dialect & 1) || (shell->open[0] == '\'' && is_escape_string(s));
    size_t begin = s->at, depth = 1;

    keep(s, strlen(shell->open));
    while (depth && s->at < s->sql.len) {
        if (backslash && stands(s, "\\")) {
            keep(s, 2);
        } else if (shell->nested && stands(s, shell->open)) {
            depth++;
            keep(s, 2);
        } else if (stands(s, shell->close)) {
            depth--;
            keep(s, strlen(shell->close));
        } else {
            keep(s, 1);
        }
    }
    if (depth == 0 || !shell->called)
        return true;
    return wrong(s, begin,
                 shell->called[0] == 's'   ? "a string that has no end"
                 : shell->called[0] == 'c' ? "a comment that has no end"
                                           : "a quoted name that has no end");
}

/* $tag$ … $tag$: the length of the opening mark, or 0. */
static size_t dollar_mark(const struct scan *s)
{
    size_t len = 1;

    if (s->dialect != PF_SQL_POSTGRESQL || octet(s, s->at) != '$' || (s->at && is_word(octet(s, s->at - 1))) ||
        pf_is_digit(octet(s, s->at + 1)))
        return 0;
    while (is_word(octet(s, s->at + len)))
        len++;
    return octet(s, s->at + len) == '$' ? len + 1 : 0;
}

static bool read_dollars(struct scan *s, size_t len)
{
    struct pf_bytes mark = pf_bytes_from(s->sql.at + s->at, len);
    size_t begin = s->at;

    keep(s, len);
    while (s->at < s->sql.len) {
        if (pf_bytes_equal(pf_bytes_head(pf_bytes_skip(s->sql, s->at), len), mark)) {
            keep(s, len);
            return true;
        }
        keep(s, 1);
    }
    return wrong(s, begin, "a string that has no end");
}

static void put_parameter(struct scan *s)
{
    struct pf_span text = {(unsigned char *)s->query->text, s->written, PF_SQL_QUERY_MAX};

    if (s->dialect == PF_SQL_POSTGRESQL)
        pf_span_format(&text, "$%zu", s->query->count);
    else
        pf_span_put(&text, PF_LIT("?"));
    s->written = text.len;
}

static bool read_placeholder(struct scan *s)
{
    static const char *const names[PF_SQL_PARTS] = {"user", "name", "domain"};
    struct pf_bytes word = pf_bytes_skip(s->sql, s->at + 1);
    size_t len = 0;

    while (len < word.len && is_word(word.at[len]))
        len++;
    word.len = len;
    for (size_t i = 0; i < PF_SQL_PARTS; i++) {
        if (!pf_bytes_equal(word, pf_bytes_of(names[i])))
            continue;
        if (s->query->count == PF_SQL_PARAMETERS)
            return wrong(s, s->at, "one placeholder too many: 16 is the most");
        s->query->parts[s->query->count++] = (enum pf_sql_part)i;
        s->at += 1 + len;
        put_parameter(s);
        return true;
    }
    return wrong(s, s->at, "an unknown placeholder; those that are known are :user, :name and :domain");
}

static bool read_piece(struct scan *s)
{
    const struct shell *shell = shell_here(s);
    size_t dollars = dollar_mark(s);
    unsigned char next = octet(s, s->at + 1);

    if (shell)
        return read_shell(s, shell);
    if (dollars)
        return read_dollars(s, dollars);
    if (stands(s, "::"))
        keep(s, 2);
    else if (stands(s, ":") && is_word(next) && !pf_is_digit(next))
        return read_placeholder(s);
    else
        keep(s, 1);
    return true;
}

static bool names_the_user(const struct pf_sql_query *query)
{
    for (size_t i = 0; i < query->count; i++)
        if (query->parts[i] != PF_SQL_DOMAIN)
            return true;
    return false;
}

enum pf_code pf_sql_query_parse(struct pf_bytes sql, enum pf_sql_dialect dialect, struct pf_sql_query *out_query,
                                struct pf_err *err)
{
    struct scan s = {.sql = sql, .dialect = dialect, .query = out_query, .err = err};

    out_query->count = 0;
    if (sql.len > PF_SQL_QUERY_MAX)
        return pf_fail(err, PF_CONFIG, 0, "auth_sql", "the query is longer than %d octets", PF_SQL_QUERY_MAX);
    if (pf_find(sql, 0) < sql.len) {
        wrong(&s, pf_find(sql, 0), "a NUL");
        return PF_CONFIG;
    }
    while (s.at < sql.len)
        if (!read_piece(&s))
            return PF_CONFIG;
    while (s.written && strchr("; \t\r\n", out_query->text[s.written - 1]))
        s.written--;
    out_query->text[s.written] = 0;
    if (!names_the_user(out_query))
        return pf_fail(err, PF_CONFIG, 0, "auth_sql",
                       "the query finds the same for everybody: neither :user nor :name stands in it");
    return PF_OK;
}

void pf_sql_split(struct pf_bytes name, struct pf_bytes out_parts[PF_SQL_PARTS])
{
    size_t at = name.len;

    while (at > 0 && name.at[at - 1] != '@')
        at--;
    out_parts[PF_SQL_USER] = name;
    out_parts[PF_SQL_NAME] = pf_bytes_head(name, at ? at - 1 : name.len);
    out_parts[PF_SQL_DOMAIN] = at ? pf_bytes_skip(name, at) : pf_bytes_from(NULL, 0);
}
