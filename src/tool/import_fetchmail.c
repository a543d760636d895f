#include "base/text.h"
#include "tool/import_private.h"

/* An account as far as it is said. In defaults, and in an entry before its first user, it is what all
 * that follow begin with. */
struct who {
    struct pf_import_account a;
    bool ssl, no_tls, lmtp;
    const char *smtphost;
};

struct fetchmail {
    struct pf_import import;
    struct pf_import_words words;
    struct who defaults, server, user;
    bool open, has_user, in_defaults;
    uint64_t daemon;
};

static enum pf_code wrong(struct fetchmail *f, const char *what)
{
    return pf_import_wrong(&f->import, what);
}

static enum pf_code next(struct fetchmail *f)
{
    return pf_import_next(&f->words);
}

static struct who *who(struct fetchmail *f)
{
    return f->has_user ? &f->user : &f->server;
}

static struct pf_import_account *now(struct fetchmail *f)
{
    return &who(f)->a;
}

static const char *text_of(struct fetchmail *f)
{
    return pf_import_text(&f->import, pf_bytes_from(f->words.token.text, f->words.token.len));
}

/* HOST/PORT as a place of ours. */
static const char *place(struct fetchmail *f, const char *host, bool lmtp)
{
    char text[1100];
    struct pf_bytes whole = pf_bytes_of(host);
    size_t slash = pf_find(whole, '/');

    if (host[0] == '/')
        snprintf(text, sizeof text, "unix:%.1000s", host);
    else if (slash < whole.len)
        snprintf(text, sizeof text, "%.*s:%s", (int)(slash < 900 ? slash : 900), host, host + slash + 1);
    else
        snprintf(text, sizeof text, "%.1000s:%s", host, lmtp ? "24" : "25");
    return pf_import_text(&f->import, pf_bytes_of(text));
}

static bool finish_user(struct fetchmail *f)
{
    struct who w = *who(f);
    const char *host = w.smtphost ? w.smtphost : "localhost";

    if (!f->open || f->in_defaults)
        return true;
    w.a.tls = w.ssl ? "implicit" : w.no_tls ? "none" : "starttls";
    w.a.poll = f->daemon;
    if (!w.ssl && w.no_tls)
        pf_import_note(&f->import, &w.a,
                       "fetchmail spoke without PF_IMPORT_TLS here: think of tls implicit");
    else if (!w.ssl)
        pf_import_note(
            &f->import, &w.a,
            "where the server has no STLS this ends; fetchmail may have gone on in plain text");
    if (w.lmtp || host[0] == '/')
        w.a.lmtp = place(f, host, true);
    else
        w.a.smtp = place(f, host, false);
    return pf_import_write(&f->import, &w.a);
}

static enum pf_code take_entry(struct fetchmail *f)
{
    bool skip = strcmp(f->words.token.text, "skip") == 0,
         defaults = strcmp(f->words.token.text, "defaults") == 0;
    enum pf_code code;

    if (!finish_user(f))
        return wrong(f, "there are too many accounts");
    if (f->in_defaults)
        f->defaults = *who(f);
    f->server = f->defaults;
    f->open = true;
    f->has_user = false;
    f->in_defaults = defaults;
    f->server.a.disabled = skip;
    code = defaults ? next(f) : pf_import_literal(&f->words);
    if (code || defaults)
        return code;
    if (f->words.token.end)
        return wrong(f, "an entry needs the server's name");
    f->server.a.name = f->server.a.server = text_of(f);
    return next(f);
}

struct names {
    const char *first, *local; /* of `first=local`, else the same */
    size_t count;
    bool here, there;
};

static bool is_word(const struct pf_import_token *t, const char *word)
{
    return !t->quoted && !t->end && strcmp(t->text, word) == 0;
}

static enum pf_code take_name(struct fetchmail *f, struct names *out)
{
    const char *first = text_of(f), *local = first;
    enum pf_code code = pf_import_literal(&f->words);

    if (code == PF_OK && is_word(&f->words.token, "=")) {
        code = pf_import_literal(&f->words);
        local = text_of(f);
        if (code == PF_OK)
            code = pf_import_literal(&f->words);
    }
    if (out->count++ == 0) {
        out->first = first;
        out->local = local;
    }
    return code;
}

/* Names, the first one whatever it is, `here` or `there` behind them; what is the next one's stays. */
static enum pf_code take_names(struct fetchmail *f, struct names *out)
{
    const struct pf_import_token *t = &f->words.token;
    enum pf_code code = pf_import_literal(&f->words);
    bool no;

    *out = (struct names){0};
    if (code == PF_OK && t->end)
        return wrong(f, "a user's name is missing");
    do {
        if (code == PF_OK)
            code = take_name(f, out);
        out->here = is_word(t, "here");
        out->there = is_word(t, "there");
        while (code == PF_OK && !out->here && !out->there && !t->end && pf_import_is_noise(t))
            code = pf_import_literal(&f->words);
    } while (code == PF_OK && !t->end && !out->here && !out->there && !pf_import_keyword(t, &no));
    return code == PF_OK && (out->here || out->there) ? next(f) : code;
}

static void take_local(struct fetchmail *f, const struct names *names)
{
    struct pf_import_account *a = now(f);

    if (!a->recipient && strcmp(names->first, "*") != 0)
        a->recipient = names->local;
    if (names->count > 1 || names->local != names->first || strcmp(names->first, "*") == 0)
        pf_import_note(&f->import, a,
                       "fetchmail told the mail of several people apart here: now all of it is %s's",
                       a->recipient ? a->recipient : "one's");
}

static enum pf_code take_user(struct fetchmail *f)
{
    struct names names;
    enum pf_code code;

    if (f->has_user && !finish_user(f))
        return wrong(f, "there are too many accounts");
    f->user = f->server;
    f->has_user = true;
    code = take_names(f, &names);
    if (code)
        return code;
    if (names.here)
        take_local(f, &names);
    else
        now(f)->user = names.first;
    return names.count > 1 && !names.here ? wrong(f, "this is no word of fetchmail's settings") : PF_OK;
}

/* `is` and `to`: who is meant here, or with `there` at the server. */
static enum pf_code take_whom(struct fetchmail *f)
{
    struct names names;
    enum pf_code code = take_names(f, &names);

    if (code == PF_OK && names.there)
        now(f)->user = names.first;
    else if (code == PF_OK)
        take_local(f, &names);
    return code;
}

/* Up to the next keyword; the first one is used. */
static enum pf_code take_many(struct fetchmail *f, const struct pf_import_keyword *word)
{
    struct pf_import_account *a = now(f);
    const char *first = NULL;
    enum pf_code code = next(f);
    size_t count = 0;
    bool no;

    for (; code == PF_OK && !f->words.token.end && !pf_import_keyword(&f->words.token, &no);
         code = next(f))
        if (count++ == 0)
            first = text_of(f);
    if (word->what == PF_IMPORT_HOSTS && first)
        who(f)->smtphost = first;
    else
        pf_import_note(&f->import, a, "not carried over: %s %s", word->name, first ? first : "");
    if (count > 1)
        pf_import_note(&f->import, a, "%s: only the first of %zu is carried over", word->name, count);
    return code;
}

static enum pf_code put_one(struct fetchmail *f, const struct pf_import_keyword *word,
                            struct pf_import_account *a)
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
            if (strcmp(text, "pop3s") == 0)
                text = "995";
            else if (strcmp(text, "pop3") == 0)
                text = "110";
            if (!pf_parse_u64(pf_bytes_of(text), &number))
                return wrong(f, "a number is missing");
            memcpy((char *)a + word->at - 1, &number, sizeof number);
            return PF_OK;
        }
    memcpy((char *)a + word->at - 1, &text, sizeof text);
    return PF_OK;
}

static enum pf_code take_one(struct fetchmail *f, const struct pf_import_keyword *word)
{
    enum pf_code code = pf_import_literal(&f->words);
    const char *c = f->words.token.text;

    if (code == PF_OK && is_word(&f->words.token, "="))
        code = pf_import_literal(&f->words);
    if (code == PF_OK && strcmp(word->name, "envelope") == 0 && pf_is_digit((unsigned char)c[0]))
        code = pf_import_literal(&f->words); /* the how-manieth one */
    if (code)
        return code;
    if (f->words.token.end)
        return wrong(f, "a value is missing");
    if (word->what == PF_IMPORT_TLS) {
        who(f)->no_tls = f->words.token.len == 0;
        pf_import_note(&f->import, now(f),
                       "not carried over: sslproto \"%s\"; versions of PF_IMPORT_TLS are chosen by "
                       "OpenSSL's settings",
                       c);
    } else if (word->what == PF_IMPORT_PROTOCOL && pf_equal_nocase(pf_bytes_of(c), PF_LIT("apop"))) {
        now(f)->mechanisms = "APOP";
    } else if (word->what == PF_IMPORT_PROTOCOL && !pf_equal_nocase(pf_bytes_of(c), PF_LIT("pop3")) &&
               !pf_equal_nocase(pf_bytes_of(c), PF_LIT("auto"))) {
        now(f)->left_out = "it speaks another protocol than POP3";
    } else if (word->what == PF_IMPORT_ONE) {
        code = put_one(f, word, now(f));
    }
    return code ? code : next(f);
}

static enum pf_code take_flag(struct fetchmail *f, const struct pf_import_keyword *word, bool no)
{
    struct pf_import_account *a = now(f);

    if (word->what == PF_IMPORT_KEEP)
        a->keep = !no;
    else if (strcmp(word->name, "ssl") == 0)
        who(f)->ssl = !no;
    else if (strcmp(word->name, "fetchall") == 0)
        a->all = !no;
    else if (strcmp(word->name, "lmtp") == 0)
        who(f)->lmtp = !no;
    else if (strcmp(word->name, "sslcertck") == 0)
        a->unchecked = no;
    else if (strcmp(word->name, "uidl") != 0)
        pf_import_note(&f->import, a, "not carried over: %s%s", no ? "no " : "", word->name);
    return next(f);
}

/* Options of all that are on or off; they have no value. */
static bool is_global_flag(const char *word)
{
    static const char *const flags[] = {"bouncemail", "spambounce", "softbounce",
                                        "syslog",     "invisible",  "showdots"};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(flags[i], word) == 0)
            return true;
    return false;
}

/* `set daemon 300`, `set no syslog` and others that concern all. */
static enum pf_code take_set(struct fetchmail *f)
{
    const struct pf_import_token *t = &f->words.token;
    enum pf_code code = next(f);
    bool off = is_word(t, "no"), daemon, no;

    if (code == PF_OK && off)
        code = next(f);
    if (code)
        return code;
    if (t->end || (off && !is_global_flag(t->text)))
        return wrong(f, off ? "behind `set no` an option belongs that can be off"
                            : "the name of an option is missing");
    daemon = strcmp(t->text, "daemon") == 0;
    if (!daemon)
        pf_import_note(&f->import, &f->defaults.a, "not carried over: set %s%s", off ? "no " : "",
                       t->text);
    if (is_global_flag(t->text))
        return next(f);
    code = next(f);
    if (code || t->end || pf_import_keyword(t, &no))
        return code;
    if (daemon && !pf_parse_u64(pf_bytes_of(t->text), &f->daemon))
        return wrong(f, "a number is missing");
    return next(f);
}

/* `no` stands alone in front of a flag. */
static enum pf_code take_no(struct fetchmail *f)
{
    enum pf_code code = next(f);
    const struct pf_import_keyword *word;
    bool no;

    if (code)
        return code;
    word = pf_import_keyword(&f->words.token, &no);
    if (word && strcmp(word->name, "envelope") == 0)
        return next(f);
    if (!word || no || (word->what != PF_IMPORT_FLAG && word->what != PF_IMPORT_KEEP))
        return wrong(f, "behind `no` an option belongs that can be off");
    return take_flag(f, word, true);
}

static enum pf_code take(struct fetchmail *f)
{
    bool no;
    const struct pf_import_keyword *word = pf_import_keyword(&f->words.token, &no);

    if (!word)
        return wrong(f, "this is no word of fetchmail's settings");
    if (word->what == PF_IMPORT_SET || word->what == PF_IMPORT_ENTRY)
        return word->what == PF_IMPORT_SET ? take_set(f) : take_entry(f);
    if (!f->open)
        return wrong(f, "an option stands before the first poll, skip or defaults");
    if (word->what == PF_IMPORT_USER)
        return take_user(f);
    if (word->what == PF_IMPORT_NAMES)
        return take_whom(f);
    if (word->what == PF_IMPORT_NO)
        return take_no(f);
    if (word->what == PF_IMPORT_FLAG || word->what == PF_IMPORT_KEEP)
        return take_flag(f, word, no);
    return word->what == PF_IMPORT_MANY || word->what == PF_IMPORT_HOSTS ? take_many(f, word)
                                                                         : take_one(f, word);
}

enum pf_code pf_import_fetchmail(struct pf_bytes text, FILE *to, struct pf_err *err)
{
    struct pf_conf_memory *memory = NULL;
    struct fetchmail *f = pf_conf_memory_take(&memory, sizeof *f);
    enum pf_code code;

    if (!f)
        return pf_fail(err, PF_NO_MEMORY, 0, "import", "out of memory");
    f->import = (struct pf_import){.to = to, .err = err, .line = 1};
    f->words = (struct pf_import_words){.import = &f->import, .rest = text};
    code = next(f);
    while (code == PF_OK && !f->words.token.end)
        code = take(f);
    if (code == PF_OK && !finish_user(f))
        code = wrong(f, "there are too many accounts");
    pf_conf_memory_free(f->import.memory);
    pf_conf_memory_free(memory);
    return code;
}
