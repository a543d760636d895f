#include "base/text.h"
#include "tool/import_private.h"

/* Words that mean nothing, wherever no value is expected. */
bool pf_import_is_noise(const struct pf_import_token *t)
{
    static const char *const words[] = {"and", "with", "has", "wants", "options", "here", "there", "="};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!t->quoted && strcmp(t->text, words[i]) == 0)
            return true;
    return false;
}

/* An escape of C: \n \t \b \r, \xNN, \NNN; anything else is itself. */
static unsigned char escape(struct pf_bytes *rest)
{
    static const char names[] = "ntbr", values[] = "\n\t\b\r";
    unsigned char c = rest->at[0];
    const char *known = c ? strchr(names, c) : NULL;
    unsigned value = 0;

    *rest = pf_bytes_skip(*rest, 1);
    if (known)
        return (unsigned char)values[known - names];
    if (c < '0' || c > '7')
        return c;
    value = c - '0';
    for (int i = 0; i < 2 && rest->len && rest->at[0] >= '0' && rest->at[0] <= '7';
         i++, *rest = pf_bytes_skip(*rest, 1))
        value = value * 8 + rest->at[0] - '0';
    return (unsigned char)value;
}

static bool add(struct pf_import_token *t, unsigned char c)
{
    if (t->len + 1 >= sizeof t->text)
        return false;
    t->text[t->len++] = (char)c;
    t->text[t->len] = 0;
    return true;
}

static enum pf_code quoted(struct pf_import_words *w)
{
    unsigned char quote = w->rest.at[0];

    w->token.quoted = true;
    for (w->rest = pf_bytes_skip(w->rest, 1); w->rest.len;) {
        unsigned char c = w->rest.at[0];

        w->rest = pf_bytes_skip(w->rest, 1);
        if (c == quote)
            return PF_OK;
        if (c == '\n')
            break;
        if (c == '\\' && w->rest.len)
            c = escape(&w->rest);
        if (c == 0 || !add(&w->token, c))
            return pf_import_wrong(w->import, c ? "a word is too long" : "a NUL in a word");
    }
    return pf_import_wrong(w->import, "a quote is not closed");
}

enum pf_code pf_import_literal(struct pf_import_words *w)
{
    struct pf_import_token *t = &w->token;

    pf_wipe(t, sizeof *t);
    while (w->rest.len && w->rest.at[0] && strchr(" \t\r\n:;,#", w->rest.at[0])) {
        w->import->line += w->rest.at[0] == '\n';
        w->rest = pf_bytes_skip(w->rest, w->rest.at[0] == '#' ? pf_find(w->rest, '\n') : 1);
    }
    t->end = w->rest.len == 0;
    if (t->end)
        return PF_OK;
    if (w->rest.at[0] == '"' || w->rest.at[0] == '\'')
        return quoted(w);
    do {
        if (w->rest.at[0] < 0x20 || w->rest.at[0] == 0x7f || !add(t, w->rest.at[0]))
            return pf_import_wrong(w->import, "a control character, or a word that is too long");
        w->rest = pf_bytes_skip(w->rest, 1);
    } while (w->rest.len && t->text[0] != '=' &&
             (!w->rest.at[0] || !strchr(" \t\r\n:;,#=", w->rest.at[0])));
    return PF_OK;
}

enum pf_code pf_import_next(struct pf_import_words *w)
{
    enum pf_code code;

    do
        code = pf_import_literal(w);
    while (code == PF_OK && !w->token.end && pf_import_is_noise(&w->token));
    return code;
}
