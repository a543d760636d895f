#include "tool/secret.h"

#include "base/text.h"
#include "base/words.h"

#include <stdlib.h>

/* As ftp(1) has it: words with blanks between them, `"` around what has blanks in it, `\` before what shall be itself
 * there, `#` at a line's beginning for a comment. A word that is unknown is a mistake: it would be a secret's part,
 * cut. */
struct netrc {
    struct pf_bytes rest;
    unsigned line;
    bool line_begins;
    char word[1025]; /* as long as a text of the settings */
    size_t len;
    struct pf_err *err;
};

enum { LOGIN_MAX = 256 };

struct entry {
    bool matches, named, login_fits, has_login, has_password;
    char login[LOGIN_MAX];
    char password[1025];
};

static enum pf_code wrong(struct netrc *n, const char *what)
{
    return pf_fail(n->err, PF_CONFIG, 0, "netrc", "netrc, line %u: %s", n->line, pf_words(what));
}

static void skip_blanks(struct netrc *n)
{
    while (n->rest.len) {
        unsigned char c = n->rest.at[0];

        if (c == '#' && n->line_begins) {
            n->rest = pf_bytes_skip(n->rest, pf_find(n->rest, '\n'));
            continue;
        }
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return;
        if (c == '\n')
            n->line++, n->line_begins = true;
        n->rest = pf_bytes_skip(n->rest, 1);
    }
}

/* The next word; len 0 and no quotes: the end. */
static enum pf_code next(struct netrc *n, bool *out_any)
{
    bool quoted;

    skip_blanks(n);
    n->line_begins = false;
    n->len = 0;
    *out_any = n->rest.len > 0;
    quoted = n->rest.len && n->rest.at[0] == '"';
    n->rest = pf_bytes_skip(n->rest, quoted);
    for (;; n->rest = pf_bytes_skip(n->rest, 1)) {
        unsigned char c = n->rest.len ? n->rest.at[0] : 0;

        if (quoted && (n->rest.len == 0 || c == '\n'))
            return wrong(n, "a quote is not closed");
        if (n->rest.len == 0 || (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n')))
            break;
        if (quoted && c == '"') {
            n->rest = pf_bytes_skip(n->rest, 1);
            break;
        }
        if (quoted && c == '\\' && n->rest.len > 1 && n->rest.at[1] != '\n') {
            n->rest = pf_bytes_skip(n->rest, 1);
            c = n->rest.at[0];
        }
        if (c < 0x20 && c != '\t')
            return wrong(n, "a control character");
        if (n->len + 1 >= sizeof n->word)
            return wrong(n, "a word is too long");
        n->word[n->len++] = (char)c;
    }
    n->word[n->len] = 0;
    if (quoted && n->rest.len && !strchr(" \t\r\n", n->rest.at[0]))
        return wrong(n, "a blank is missing behind a quote");
    return PF_OK;
}

static enum pf_code value(struct netrc *n, char *out_text, size_t cap)
{
    bool any;
    enum pf_code code = next(n, &any);

    if (code)
        return code;
    if (!any || n->len == 0)
        return wrong(n, "a value is missing");
    if (n->len >= cap)
        return wrong(n, "a value is too long");
    memcpy(out_text, n->word, n->len + 1);
    return PF_OK;
}

/* What is looked for; true when this entry is it. */
static bool decide(const struct entry *e, const char *user)
{
    return e->matches && e->has_password && (!user || !e->has_login || strcmp(e->login, user) == 0);
}

static enum pf_code begin(struct netrc *n, bool machine, const char *host, struct entry *e)
{
    char name[LOGIN_MAX];
    enum pf_code code;

    pf_wipe(e, sizeof *e);
    e->matches = !machine;
    if (!machine)
        return PF_OK;
    code = value(n, name, sizeof name);
    if (code == PF_OK)
        e->matches = pf_equal_nocase(pf_bytes_of(name), pf_bytes_of(host));
    return code;
}

static enum pf_code detail(struct netrc *n, struct entry *e)
{
    char unused[1025];

    if (strcmp(n->word, "login") == 0 || strcmp(n->word, "user") == 0) {
        e->has_login = true;
        return value(n, e->login, sizeof e->login);
    }
    if (strcmp(n->word, "password") == 0) {
        e->has_password = true;
        return value(n, e->password, sizeof e->password);
    }
    if (strcmp(n->word, "account") == 0 || strcmp(n->word, "port") == 0)
        return value(n, unused, sizeof unused);
    return wrong(n, strcmp(n->word, "macdef") == 0
                        ? "macros are not for mail: put macdef into another file"
                        : "a word that is none of machine, default, login, password, account");
}

static enum pf_code scan(struct netrc *n, const char *host, const char *user, struct entry *e, struct entry *found)
{
    bool any, have = false, inside = false;
    enum pf_code code;

    for (;;) {
        bool machine, fallback;

        code = next(n, &any);
        if (code)
            return code;
        machine = strcmp(n->word, "machine") == 0;
        fallback = strcmp(n->word, "default") == 0;
        /* The whole is read, so that a mistake does not show up only on the day when an earlier entry goes. */
        if (inside && (!any || machine || fallback) && !have && decide(e, user)) {
            *found = *e;
            have = true;
        }
        if (!any)
            return have ? PF_OK : pf_fail(n->err, PF_AUTH, 0, "netrc", "netrc has no password for %s", host);
        if (!inside && !machine && !fallback)
            return wrong(n, "an entry begins with machine or default");
        code = machine || fallback ? begin(n, machine, host, e) : detail(n, e);
        inside = true;
        if (code)
            return code;
    }
}

enum pf_code pf_secret_netrc(struct pf_bytes text, const char *host, const char *user, struct pf_secret *out,
                             struct pf_err *err)
{
    struct netrc n = {.rest = text, .line = 1, .line_begins = true, .err = err};
    struct entry entry = {0}, found = {0};
    enum pf_code code = scan(&n, host, user, &entry, &found);

    if (code == PF_OK) {
        out->len = strlen(found.password);
        memcpy(out->text, found.password, out->len + 1);
    }
    pf_wipe(&n, sizeof n);
    pf_wipe(&entry, sizeof entry);
    pf_wipe(&found, sizeof found);
    return code;
}

enum pf_code pf_secret_netrc_file(const char *path, const char *host, const char *user, struct pf_secret *out,
                                  struct pf_err *err)
{
    unsigned char *at = NULL;
    size_t len = 0;
    enum pf_code code = pf_secret_load(path, &at, &len, err);

    if (code)
        return code;
    code = pf_secret_netrc(pf_bytes_from(at, len), host, user, out, err);
    pf_wipe(at, len);
    free(at);
    return code;
}
