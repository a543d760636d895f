#include "base/text.h"
#include "tool/import_private.h"

/* A run control file is words; what they belong to is known by keywords alone (fetchmail(1), "THE RUN CONTROL FILE").
 */
struct token {
    char text[2048];
    size_t len;
    bool quoted, end;
};

struct fetchmail {
    struct pf_import import;
    struct pf_bytes rest;
    struct token token;                              /* the one that is looked at */
    struct pf_import_account defaults, server, user; /* of the entry: as far as it is for all users; the user's */
    bool open, has_user, in_defaults, ssl, no_tls, lmtp;
    const char *smtphost;
    uint64_t daemon;
};

static enum pf_code wrong(struct fetchmail *f, const char *what)
{
    return pf_fail(f->import.err, PF_SYNTAX, 0, "import", "line %u: %s", f->import.line, what);
}

static bool is_noise(const struct token *t)
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

static bool add(struct token *t, unsigned char c)
{
    if (t->len + 1 >= sizeof t->text)
        return false;
    t->text[t->len++] = (char)c;
    t->text[t->len] = 0;
    return true;
}

static enum pf_code quoted(struct fetchmail *f)
{
    unsigned char quote = f->rest.at[0];

    f->token.quoted = true;
    for (f->rest = pf_bytes_skip(f->rest, 1); f->rest.len;) {
        unsigned char c = f->rest.at[0];

        f->rest = pf_bytes_skip(f->rest, 1);
        if (c == quote)
            return PF_OK;
        if (c == '\n')
            break;
        if (c == '\\' && f->rest.len)
            c = escape(&f->rest);
        if (c == 0 || !add(&f->token, c))
            return wrong(f, c ? "a word is too long" : "a NUL in a word");
    }
    return wrong(f, "a quote is not closed");
}

static enum pf_code raw_token(struct fetchmail *f)
{
    struct token *t = &f->token;

    pf_wipe(t, sizeof *t);
    while (f->rest.len && f->rest.at[0] && strchr(" \t\r\n:;,#", f->rest.at[0])) {
        f->import.line += f->rest.at[0] == '\n';
        f->rest = pf_bytes_skip(f->rest, f->rest.at[0] == '#' ? pf_find(f->rest, '\n') : 1);
    }
    t->end = f->rest.len == 0;
    if (t->end)
        return PF_OK;
    if (f->rest.at[0] == '"' || f->rest.at[0] == '\'')
        return quoted(f);
    do {
        if (f->rest.at[0] < 0x20 || f->rest.at[0] == 0x7f || !add(t, f->rest.at[0]))
            return wrong(f, "a control character, or a word that is too long");
        f->rest = pf_bytes_skip(f->rest, 1);
    } while (f->rest.len && t->text[0] != '=' && (!f->rest.at[0] || !strchr(" \t\r\n:;,#=", f->rest.at[0])));
    return PF_OK;
}

static enum pf_code next(struct fetchmail *f)
{
    enum pf_code code;

    do
        code = raw_token(f);
    while (code == PF_OK && !f->token.end && is_noise(&f->token));
    return code;
}

enum what { FLAG, ONE, MANY, TLS, PROTOCOL, USER, NAMES, KEEP, NO, ENTRY, SET, HOSTS };

/* `at`: where a text or number goes; those without a place are told in a comment. */
#define AT(field) offsetof(struct pf_import_account, field) + 1
static const struct word {
    const char *name;
    enum what what;
    size_t at;
} words[] = {
    {"poll", ENTRY, 0},
    {"skip", ENTRY, 0},
    {"server", ENTRY, 0},
    {"defaults", ENTRY, 0},
    {"set", SET, 0},
    {"no", NO, 0},
    {"via", ONE, AT(server)},
    {"proto", PROTOCOL, 0},
    {"protocol", PROTOCOL, 0},
    {"port", ONE, AT(port)},
    {"service", ONE, AT(port)},
    {"timeout", ONE, AT(answer_time)},
    {"interval", ONE, 0},
    {"auth", ONE, 0},
    {"authenticate", ONE, 0},
    {"envelope", ONE, 0},
    {"qvirtual", ONE, 0},
    {"aka", MANY, 0},
    {"localdomains", MANY, 0},
    {"plugin", ONE, 0},
    {"plugout", ONE, 0},
    {"principal", ONE, 0},
    {"netsec", ONE, 0},
    {"interface", ONE, 0},
    {"monitor", ONE, 0},
    {"esmtpname", ONE, 0},
    {"esmtppassword", ONE, 0},
    {"badheader", ONE, 0},
    {"retrieve-error", ONE, 0},
    {"user", USER, 0},
    {"username", USER, 0},
    {"is", NAMES, 0},
    {"to", NAMES, 0},
    {"pass", ONE, AT(password)},
    {"password", ONE, AT(password)},
    {"passwordfile", ONE, 0},
    {"passwordfd", ONE, 0},
    {"folder", MANY, 0},
    {"smtphost", HOSTS, 0},
    {"smtp", HOSTS, 0},
    {"fetchdomains", MANY, 0},
    {"smtpaddress", ONE, 0},
    {"smtpname", ONE, AT(recipient)},
    {"antispam", MANY, 0},
    {"mda", ONE, AT(shell)},
    {"bsmtp", ONE, 0},
    {"preconnect", ONE, 0},
    {"postconnect", ONE, 0},
    {"limit", ONE, AT(size_limit)},
    {"warnings", ONE, 0},
    {"fetchlimit", ONE, AT(number_limit)},
    {"fetchsizelimit", ONE, 0},
    {"fastuidl", ONE, 0},
    {"expunge", ONE, 0},
    {"batchlimit", ONE, 0},
    {"properties", ONE, 0},
    {"sslproto", TLS, 0},
    {"sslcert", ONE, AT(certificate)},
    {"sslkey", ONE, AT(key)},
    {"sslcertfile", ONE, AT(ca)},
    {"sslcertpath", ONE, AT(ca)},
    {"sslcommonname", ONE, AT(server_name)},
    {"sslfingerprint", ONE, 0},
    {"ssl", FLAG, 0},
    {"keep", KEEP, 0},
    {"fetchall", FLAG, 0},
    {"flush", FLAG, 0},
    {"rewrite", FLAG, 0},
    {"forcecr", FLAG, 0},
    {"stripcr", FLAG, 0},
    {"pass8bits", FLAG, 0},
    {"dropstatus", FLAG, 0},
    {"dropdelivered", FLAG, 0},
    {"mimedecode", FLAG, 0},
    {"idle", FLAG, 0},
    {"dns", FLAG, 0},
    {"uidl", FLAG, 0},
    {"checkalias", FLAG, 0},
    {"tracepolls", FLAG, 0},
    {"sslcertck", FLAG, 0},
    {"lmtp", FLAG, 0},
    {"spambounce", FLAG, 0},
    {"bouncemail", FLAG, 0},
};

/* The keyword, also with `no` right before it; NULL when it is none. */
static const struct word *keyword(const struct token *t, bool *out_no)
{
    *out_no = false;
    for (int tries = 0; tries < 2 && !t->quoted && !t->end; tries++) {
        const char *text = t->text + (tries ? 2 : 0);

        if (tries && strncmp(t->text, "no", 2) != 0)
            break;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcmp(words[i].name, text) == 0 && (!tries || words[i].what == FLAG || words[i].what == KEEP)) {
                *out_no = tries;
                return &words[i];
            }
    }
    return NULL;
}

static struct pf_import_account *now(struct fetchmail *f)
{
    return f->has_user ? &f->user : &f->server;
}

static const char *text_of(struct fetchmail *f)
{
    return pf_import_text(&f->import, pf_bytes_from(f->token.text, f->token.len));
}

/* HOST/PORT as a place of ours. */
static const char *place(struct fetchmail *f, const char *host)
{
    char text[1100];
    struct pf_bytes whole = pf_bytes_of(host);
    size_t slash = pf_find(whole, '/');

    if (host[0] == '/')
        snprintf(text, sizeof text, "unix:%.1000s", host);
    else if (slash < whole.len)
        snprintf(text, sizeof text, "%.*s:%s", (int)(slash < 900 ? slash : 900), host, host + slash + 1);
    else
        snprintf(text, sizeof text, "%.1000s:%s", host, f->lmtp ? "24" : "25");
    return pf_import_text(&f->import, pf_bytes_of(text));
}

static bool finish_user(struct fetchmail *f)
{
    struct pf_import_account a = *now(f);
    const char *host = f->smtphost ? f->smtphost : "localhost";

    if (!f->open || f->in_defaults)
        return true;
    a.tls = f->ssl ? "implicit" : f->no_tls ? "none" : "starttls";
    a.poll = f->daemon;
    if (!f->ssl && f->no_tls)
        pf_import_note(&f->import, &a, "fetchmail spoke without TLS here: think of tls implicit");
    else if (!f->ssl)
        pf_import_note(&f->import, &a,
                       "where the server has no STLS this ends; fetchmail may have gone on in plain text");
    if (f->lmtp || host[0] == '/')
        a.lmtp = place(f, host);
    else
        a.smtp = place(f, host);
    return pf_import_write(&f->import, &a);
}

static enum pf_code take_entry(struct fetchmail *f)
{
    bool skip = strcmp(f->token.text, "skip") == 0, defaults = strcmp(f->token.text, "defaults") == 0;
    enum pf_code code;

    if (!finish_user(f))
        return wrong(f, "there are too many accounts");
    if (f->in_defaults)
        f->defaults = *now(f);
    f->server = f->defaults;
    f->open = true;
    f->has_user = f->ssl = f->no_tls = f->lmtp = false;
    f->smtphost = NULL;
    f->in_defaults = defaults;
    f->server.disabled = skip;
    code = next(f);
    if (code || defaults)
        return code;
    if (f->token.end)
        return wrong(f, "an entry needs the server's name");
    f->server.name = f->server.server = text_of(f);
    return next(f);
}

static enum pf_code take_user(struct fetchmail *f)
{
    enum pf_code code;

    if (f->has_user && !finish_user(f))
        return wrong(f, "there are too many accounts");
    code = next(f);
    if (code)
        return code;
    if (f->token.end)
        return wrong(f, "a user's name is missing");
    f->user = f->server;
    f->has_user = true;
    f->user.user = text_of(f);
    return next(f);
}

/* Up to the next keyword; the first one is used. */
static enum pf_code take_many(struct fetchmail *f, const struct word *word)
{
    struct pf_import_account *a = now(f);
    const char *first = NULL;
    enum pf_code code = next(f);
    size_t count = 0;
    bool no;

    for (; code == PF_OK && !f->token.end && !keyword(&f->token, &no); code = next(f))
        if (count++ == 0)
            first = text_of(f);
    if (word->what == NAMES && first)
        a->recipient = first;
    else if (word->what == HOSTS && first)
        f->smtphost = first;
    else
        pf_import_note(&f->import, a, "not carried over: %s %s", word->name, first ? first : "");
    if (count > 1)
        pf_import_note(&f->import, a, "%s: only the first of %zu is carried over", word->name, count);
    return code;
}

static enum pf_code put_one(struct fetchmail *f, const struct word *word, struct pf_import_account *a)
{
    static const char *const numbers[] = {"port", "service", "timeout", "limit", "fetchlimit"};
    const char *text = text_of(f);
    uint64_t number;

    if (!word->at) {
        pf_import_note(&f->import, a, "not carried over: %s %s", word->name, text);
        return PF_OK;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(numbers[i], word->name) == 0) {
            if (!pf_parse_u64(pf_bytes_of(text), &number))
                return wrong(f, "a number is missing");
            memcpy((char *)a + word->at - 1, &number, sizeof number);
            return PF_OK;
        }
    memcpy((char *)a + word->at - 1, &text, sizeof text);
    return PF_OK;
}

static enum pf_code take_one(struct fetchmail *f, const struct word *word)
{
    enum pf_code code = next(f);
    char *c = f->token.text;

    if (code)
        return code;
    if (f->token.end)
        return wrong(f, "a value is missing");
    if (word->what == TLS) {
        f->no_tls = f->token.len == 0;
        pf_import_note(&f->import, now(f),
                       "not carried over: sslproto \"%s\"; versions of TLS are chosen by OpenSSL's settings", c);
    } else if (word->what == PROTOCOL && pf_equal_nocase(pf_bytes_of(c), PF_LIT("apop"))) {
        now(f)->mechanisms = "APOP";
    } else if (word->what == PROTOCOL && !pf_equal_nocase(pf_bytes_of(c), PF_LIT("pop3")) &&
               !pf_equal_nocase(pf_bytes_of(c), PF_LIT("auto"))) {
        now(f)->left_out = "it speaks another protocol than POP3";
    } else if (word->what == ONE) {
        code = put_one(f, word, now(f));
    }
    return code ? code : next(f);
}

static enum pf_code take_flag(struct fetchmail *f, const struct word *word, bool no)
{
    struct pf_import_account *a = now(f);

    if (word->what == KEEP)
        a->keep = !no;
    else if (strcmp(word->name, "ssl") == 0)
        f->ssl = !no;
    else if (strcmp(word->name, "fetchall") == 0)
        a->all = !no;
    else if (strcmp(word->name, "lmtp") == 0)
        f->lmtp = !no;
    else if (strcmp(word->name, "sslcertck") == 0)
        a->unchecked = no;
    else if (strcmp(word->name, "uidl") != 0)
        pf_import_note(&f->import, a, "not carried over: %s%s", no ? "no " : "", word->name);
    return next(f);
}

/* `set daemon 300` and others that concern all. */
static enum pf_code take_set(struct fetchmail *f)
{
    enum pf_code code = next(f);
    bool daemon = strcmp(f->token.text, "daemon") == 0, no;

    if (code)
        return code;
    if (f->token.end)
        return wrong(f, "the name of an option is missing");
    if (!daemon)
        pf_import_note(&f->import, &f->defaults, "not carried over: set %s", f->token.text);
    if (strncmp(f->token.text, "no", 2) == 0 || keyword(&f->token, &no))
        return next(f);
    code = next(f);
    if (code || f->token.end || keyword(&f->token, &no))
        return code;
    if (daemon && !pf_parse_u64(pf_bytes_of(f->token.text), &f->daemon))
        return wrong(f, "a number is missing");
    return next(f);
}

/* `no` stands alone in front of a flag. */
static enum pf_code take_no(struct fetchmail *f)
{
    enum pf_code code = next(f);
    const struct word *word;
    bool no;

    if (code)
        return code;
    word = keyword(&f->token, &no);
    if (word && strcmp(word->name, "envelope") == 0)
        return next(f);
    if (!word || no || (word->what != FLAG && word->what != KEEP))
        return wrong(f, "behind `no` an option belongs that can be off");
    return take_flag(f, word, true);
}

static enum pf_code take(struct fetchmail *f)
{
    bool no;
    const struct word *word = keyword(&f->token, &no);

    if (!word)
        return wrong(f, "this is no word of fetchmail's settings");
    if (word->what == SET || word->what == ENTRY)
        return word->what == SET ? take_set(f) : take_entry(f);
    if (!f->open)
        return wrong(f, "an option stands before the first poll, skip or defaults");
    if (word->what == USER)
        return take_user(f);
    if (word->what == NO)
        return take_no(f);
    if (word->what == FLAG || word->what == KEEP)
        return take_flag(f, word, no);
    return word->what == MANY || word->what == NAMES || word->what == HOSTS ? take_many(f, word) : take_one(f, word);
}

enum pf_code pf_import_fetchmail(struct pf_bytes text, FILE *to, struct pf_err *err)
{
    struct pf_conf_memory *memory = NULL;
    struct fetchmail *f = pf_conf_memory_take(&memory, sizeof *f);
    enum pf_code code;

    if (!f)
        return pf_fail(err, PF_NO_MEMORY, 0, "import", "out of memory");
    f->import = (struct pf_import){.to = to, .err = err, .line = 1};
    f->rest = text;
    code = next(f);
    while (code == PF_OK && !f->token.end)
        code = take(f);
    if (code == PF_OK && !finish_user(f))
        code = wrong(f, "there are too many accounts");
    pf_conf_memory_free(f->import.memory);
    pf_conf_memory_free(memory);
    return code;
}
