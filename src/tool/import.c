#include "tool/import.h"

#include "base/text.h"
#include "conf/utf8.h"
#include "conf/value.h"
#include "tool/import_private.h"

#include <inttypes.h>
#include <stdarg.h>

enum { TEXT_MAX = 1024, USER_MAX = 255, NOTE_MAX = 200, NAME_MAX_OCTETS = 64 };

enum pf_code pf_import_wrong(struct pf_import *import, const char *what)
{
    return pf_fail(import->err, PF_SYNTAX, 0, "import", "line %u: %s", import->line, what);
}

const char *pf_import_text(struct pf_import *import, struct pf_bytes text)
{
    size_t end = pf_find(text, 0);
    const char *copy = pf_conf_memory_text(&import->memory, pf_bytes_head(text, end));

    return copy ? copy : "";
}

void pf_import_note(struct pf_import *import, struct pf_import_account *a, const char *format, ...)
{
    char raw[4 * NOTE_MAX], clean[NOTE_MAX];
    va_list arguments;

    if (a->note_count == PF_IMPORT_NOTES)
        return;
    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    pf_conf_clean(clean, sizeof clean, pf_bytes_of(raw));
    /* A no-break space is refused in our files, even in a comment. */
    for (char *c = clean; (c = strstr(c, "\xc2\xa0"));)
        c[0] = c[1] = ' ';
    a->notes[a->note_count++] = pf_import_text(import, pf_bytes_of(clean));
}

static bool fits(const char *text, size_t max)
{
    if (!text[0] || strlen(text) > max)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static void put(struct pf_import *import, struct pf_import_account *a, const char *name,
                const char *text, size_t max)
{
    if (!text)
        return;
    if (!fits(text, max)) {
        pf_import_note(import, a, "%s: the value is empty, too long or has control characters", name);
        return;
    }
    fprintf(import->to, "    %s ", name);
    pf_conf_text_print(text, import->to);
    fputc('\n', import->to);
}

static bool is_path(const char *path)
{
    return path && (path[0] == '/' || strncmp(path, "~/", 2) == 0) &&
           fits(path, TEXT_MAX / 2); /* a home comes in front */
}

static void put_path(struct pf_import *import, struct pf_import_account *a, const char *name,
                     const char *path)
{
    if (path && path[0] != '/' && strncmp(path, "~/", 2) != 0)
        pf_import_note(import, a, "%s: %s is no absolute path", name, path);
    else if (path && !is_path(path))
        pf_import_note(import, a, "%s: the path is too long or has control characters", name);
    else
        put(import, a, name, path, TEXT_MAX);
}

static void put_shell(struct pf_import *import, struct pf_import_account *a, const char *name,
                      const char *shell)
{
    if (!shell)
        return;
    if (strchr(shell, '%'))
        pf_import_note(import, a, "%s: what %%-words stand for must be put in by hand: %s", name, shell);
    else if (!fits(shell, TEXT_MAX))
        pf_import_note(import, a, "%s: the command is empty, too long or has control characters", name);
    else {
        fprintf(import->to, "    %s /bin/sh -c ", name);
        pf_conf_text_print(shell, import->to);
        fputc('\n', import->to);
    }
}

static void put_number(FILE *to, const char *name, uint64_t number, uint64_t max, const char *unit)
{
    if (number)
        fprintf(to, "    %s %" PRIu64 "%s\n", name, number < max ? number : max, unit);
}

static void put_place(struct pf_import *import, struct pf_import_account *a)
{
    const char *recipient = a->recipient ? a->recipient : a->user;
    bool deliver = (a->lmtp || a->smtp) && recipient && fits(recipient, USER_MAX);

    if (a->maildir)
        put_path(import, a, "maildir", a->maildir);
    else if (a->mbox)
        put_path(import, a, "mbox", a->mbox);
    else if (a->shell)
        put_shell(import, a, "command", a->shell);
    else if (deliver && fits(a->lmtp ? a->lmtp : a->smtp, TEXT_MAX)) {
        put(import, a, a->lmtp ? "lmtp" : "smtp", a->lmtp ? a->lmtp : a->smtp, TEXT_MAX);
        put(import, a, "recipient", recipient, USER_MAX);
    }
}

static void put_trust(struct pf_import *import, struct pf_import_account *a)
{
    fprintf(import->to, "    tls %s\n", a->tls);
    put_path(import, a, "ca", a->ca);
    if (a->server_name)
        pf_import_note(import, a, "server-name %s: say it if the certificate has that name",
                       a->server_name);
    if (a->unchecked)
        pf_import_note(import, a,
                       "certificates were not checked: here they are, or say pins, or verify no");
    if (is_path(a->certificate) && is_path(a->key)) {
        put_path(import, a, "certificate", a->certificate);
        put_path(import, a, "key", a->key);
    } else if (a->certificate || a->key) {
        pf_import_note(import, a, "a certificate and its key are wanted together, with absolute paths");
    }
}

/* A name that is none yet and may be one. */
static void put_name(struct pf_import *import, const struct pf_import_account *a)
{
    const char *from = a->name ? a->name : a->server ? a->server : a->user ? a->user : "account";
    char name[NAME_MAX_OCTETS + 1];
    size_t len = 0;

    for (; *from && len < NAME_MAX_OCTETS - 8; from++) {
        unsigned char c = (unsigned char)*from;
        bool plain = (pf_lower(c) >= 'a' && pf_lower(c) <= 'z') || pf_is_digit(c) || strchr("_@+-.", c);

        name[len] = (char)(plain && !(len == 0 && (c == '-' || c == '.')) ? c : '_');
        len++;
    }
    name[len] = 0;
    if (len == 0)
        memcpy(name, "account", 8), len = 7;
    for (size_t i = 0, number = 2; i < import->count; i++)
        if (strcmp(import->names[i], name) == 0) {
            snprintf(name + len, sizeof name - len, "-%zu", number++);
            i = SIZE_MAX; /* from the beginning */
        }
    import->names[import->count++] = pf_import_text(import, pf_bytes_of(name));
    fprintf(import->to, "account %s {\n", name);
}

static void put_settings(struct pf_import *import, struct pf_import_account *a)
{
    put(import, a, "server", a->server, TEXT_MAX);
    put_number(import->to, "port", a->port, 65535, "");
    put_trust(import, a);
    put(import, a, "user", a->user, USER_MAX);
    put(import, a, "mechanisms", a->mechanisms, 512);
    if (a->password_shell)
        put_shell(import, a, "password-command", a->password_shell);
    else
        put(import, a, "password", a->password, TEXT_MAX);
    put_place(import, a);
    fprintf(import->to, "    keep %s\n", a->keep ? "all" : "none");
    if (a->all)
        fputs("    fetch all\n", import->to);
    if (a->disabled)
        fputs("    enabled no\n", import->to);
    put_number(import->to, "size-limit", a->size_limit, 1ULL << 40, "");
    put_number(import->to, "number-limit", a->number_limit, 1000000000, "");
    put_number(import->to, "poll", a->poll, 7 * 86400, "s");
    put_number(import->to, "answer-time", a->answer_time, 3600, "s");
}

bool pf_import_write(struct pf_import *import, struct pf_import_account *a)
{
    if (!a->left_out && !(a->server && fits(a->server, TEXT_MAX)) &&
        !(a->user && fits(a->user, USER_MAX) && strchr(a->user, '@')))
        a->left_out = "it has no server";
    if (!a->left_out && a->server && strstr(a->server, "://"))
        a->left_out = "its server is no name";
    if (a->left_out) {
        pf_import_note(import, a, "%s: left out, for %s",
                       a->name     ? a->name
                       : a->server ? a->server
                                   : "an account",
                       a->left_out);
    } else {
        if (import->count == PF_IMPORT_ACCOUNTS)
            return false;
        put_name(import, a);
        put_settings(import, a);
    }
    for (size_t i = 0; i < a->note_count; i++)
        fprintf(import->to, "%s# %s\n", a->left_out ? "" : "    ", a->notes[i]);
    fputs(a->left_out ? "\n" : "}\n\n", import->to);
    return true;
}

static struct pf_bytes past_comments(struct pf_bytes text)
{
    while (text.len && strchr(" \t\r\n#", text.at[0]) && text.at[0])
        text = pf_bytes_skip(text, text.at[0] == '#' ? pf_find(text, '\n') : 1);
    return text;
}

static bool is_among(struct pf_bytes word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pf_bytes_equal(word, pf_bytes_of(words[i])))
            return true;
    return false;
}

enum pf_code pf_import(struct pf_bytes text, FILE *to, struct pf_err *err)
{
    static const char *const fetchmail[] = {"set", "poll", "skip", "server"};
    static const char *const mpop[] = {"account",
                                       "eval"}; /* and defaults; mpop takes nothing else there */
    struct pf_bytes from = past_comments(text);
    size_t len = 0, end;
    bool defaults;

    while (len < from.len && pf_lower(from.at[len]) >= 'a' && pf_lower(from.at[len]) <= 'z')
        len++;
    /* Alone on its line it begins a section of mpop. */
    for (end = len; end < from.len && strchr(" \t\r", from.at[end]) && from.at[end]; end++)
        continue;
    defaults = pf_bytes_equal(pf_bytes_head(from, len), PF_LIT("defaults"));
    if (is_among(pf_bytes_head(from, len), fetchmail, sizeof fetchmail / sizeof fetchmail[0]) ||
        (defaults && end < from.len && from.at[end] != '\n' && from.at[end] != '#'))
        return pf_import_fetchmail(text, to, err);
    if (defaults || from.len == 0 ||
        is_among(pf_bytes_head(from, len), mpop, sizeof mpop / sizeof mpop[0]))
        return pf_import_mpop(text, to, err);
    return pf_fail(err, PF_SYNTAX, 0, "import", "this is neither a file of fetchmail nor one of mpop");
}
