#include "auth/auth_entry.h"

#include "auth/quota_words.h"
#include "base/kind.h"
#include "base/text.h"

enum {
    LOGIN_DELAY_MAX = 31 * 24 * 3600, /* a month: longer is a slip */
    EXPIRE_MAX = 36500
};

/* No dot-dot: what a path says must not depend on symlinks on the way. A kind may stand in front. */
static const char *take_path(char *place, struct pf_auth_words *words)
{
    struct pf_bytes path;
    enum pf_kind kind = pf_kind_of(pf_bytes_of(place), &path);
    const char *end = place + strlen(place);

    if (path.len == 0 || path.at[0] != '/' || strlen(place) >= PF_AUTH_PATH_MAX)
        return "a maildrop is an absolute path of at most 1023 octets, maildir: or mbox: may stand in front";
    if (strstr(place, "/../") || strcmp(end - (path.len < 3 ? 0 : 3), "/..") == 0)
        return "a maildrop's path has no '..'";
    if (kind == PF_KIND_MBOX && end[-1] == '/')
        return "an mbox is a file: its path has no '/' at the end";
    words->maildrop = kind == PF_KIND_MAILDIR ? end - path.len : place;
    return NULL;
}

/* "maildir:/path:LAYOUT=fs", "mbox:/folder:INBOX=/var/mail/anna": only the path concerns a maildrop. */
static const char *take_mail(char *location, struct pf_auth_words *words)
{
    struct pf_bytes path;
    enum pf_kind kind = pf_kind_of(pf_bytes_of(location), &path);
    char *at = location + (strlen(location) - path.len), *options = strchr(at, ':');
    char *inbox = options && kind == PF_KIND_MBOX ? strstr(options, ":INBOX=") : NULL;

    if (at == location)
        return "userdb_mail must be maildir:/path or mbox:/path";
    if (options)
        *options = 0;
    if (inbox) {
        inbox += strlen(":INBOX=");
        inbox[strcspn(inbox, ":")] = 0;
        memmove(at, inbox, strlen(inbox) + 1);
    }
    return take_path(location, words);
}

static bool take_number(const char *value, int32_t max, int32_t *out)
{
    uint64_t number;

    if (!pf_parse_u64(pf_bytes_of(value), &number) || number > (uint64_t)max)
        return false;
    *out = (int32_t)number;
    return true;
}

static bool take_truth(const char *value, bool *out)
{
    static const char *const truths[2][5] = {{"no", "n", "false", "f", "0"}, {"yes", "y", "true", "t", "1"}};

    for (size_t i = 0; i < 10; i++)
        if (pf_equal_nocase(pf_bytes_of(value), pf_bytes_of(truths[i / 5][i % 5]))) {
            *out = i >= 5;
            return true;
        }
    return false;
}

static const char *take_expire(char *value, struct pf_auth_words *words)
{
    if (strcmp(value, "never") == 0) {
        words->expire_days = -1;
        return NULL;
    }
    return take_number(value, EXPIRE_MAX, &words->expire_days) ? NULL
                                                               : "expire is a number of days, or never";
}

static const char *take_login_delay(char *value, struct pf_auth_words *words)
{
    return take_number(value, LOGIN_DELAY_MAX, &words->login_delay)
               ? NULL
               : "login_delay is a number of seconds, at most a month";
}

static const char *take_needs_tls(char *value, struct pf_auth_words *words)
{
    return take_truth(value, &words->needs_tls) ? NULL : "needs_tls is yes or no";
}

/* Never taken back: a locked password stays locked. */
static const char *take_nologin(char *value, struct pf_auth_words *words)
{
    bool nologin = false;

    if (!take_truth(value, &nologin))
        return "nologin is yes or no";
    words->nologin |= nologin;
    return NULL;
}

static const char *take_quota(char *value, struct pf_auth_words *words)
{
    return pf_quota_words(value, &words->quota_octets, &words->quota_messages)
               ? NULL
               : "quota is OCTETS or OCTETS,MESSAGES, with k, m, g or t behind the octets; 0 for no limit";
}

static const char *take_quota_rule(char *value, struct pf_auth_words *words)
{
    return pf_quota_rule(value, &words->quota_octets, &words->quota_messages)
               ? NULL
               : "userdb_quota_rule is *:storage=SIZE or *:bytes=SIZE, :messages=NUMBER may follow";
}

static const char *read_over(char *value, struct pf_auth_words *words)
{
    (void)value;
    (void)words;
    return NULL;
}

/* The first that fits. `bare`: without a value it means yes. */
static const struct word {
    const char *name;
    const char *(*take)(char *value, struct pf_auth_words *words);
    bool bare;
    bool beginning; /* the name is but the word's beginning */
} table[] = {
    {"maildrop", take_path, false, false},
    {"userdb_mail", take_mail, false, false},
    {"quota", take_quota, false, false},
    {"userdb_quota_rule", take_quota_rule, false, false},
    {"userdb_", read_over, true, true},
    {"expire", take_expire, false, false},
    {"login_delay", take_login_delay, false, false},
    {"needs_tls", take_needs_tls, false, false},
    {"nologin", take_nologin, true, false},
};

static const struct word *word_of(struct pf_bytes name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_bytes known = pf_bytes_of(table[i].name);

        if (pf_bytes_equal(known, table[i].beginning ? pf_bytes_head(name, known.len) : name))
            return &table[i];
    }
    return NULL;
}

const char *pf_auth_words_take(struct pf_auth_words *words, const char *name, char *value)
{
    const struct word *word = word_of(pf_bytes_of(name));
    char yes[] = "yes";

    if (word && !value && !word->bare)
        return "a word in the last field lacks its =value";
    if (word)
        return word->take(value ? value : yes, words);
    return "unknown word in the last field (known: maildrop= quota= expire= login_delay= needs_tls= nologin)";
}

void pf_auth_words_apply(const struct pf_auth_words *words, struct pf_auth_entry *entry)
{
    struct pf_user *user = &entry->user;

    if (words->maildrop)
        memcpy(user->maildrop, words->maildrop, strlen(words->maildrop) + 1);
    user->expire_days = words->expire_days;
    user->login_delay = words->login_delay;
    user->quota_octets = words->quota_octets;
    user->quota_messages = words->quota_messages;
    user->needs_tls = words->needs_tls;
    entry->nologin = words->nologin;
}

void pf_auth_entry_begin(struct pf_auth_entry *entry, struct pf_bytes name)
{
    *entry = (struct pf_auth_entry){.user = {.expire_days = -2, .login_delay = -2}};
    name = pf_bytes_head(name, PF_AUTH_NAME_MAX);
    if (name.len)
        memcpy(entry->user.name, name.at, name.len);
}

static bool set_user(struct pf_auth_entry *entry, struct pf_bytes name)
{
    if (!pf_auth_name_ok(name))
        return false;
    memcpy(entry->user.name, name.at, name.len);
    entry->user.name[name.len] = 0;
    return true;
}

static bool set_password(struct pf_auth_entry *entry, struct pf_bytes stored)
{
    if (stored.len > PF_AUTH_STORED_MAX)
        return false;
    if (stored.len)
        memcpy(entry->room, stored.at, stored.len);
    entry->room[stored.len] = 0;
    entry->stored = entry->room;
    entry->nologin |= stored.len == 0 || stored.at[0] == '!' || stored.at[0] == '*';
    return true;
}

static bool set_word(struct pf_auth_entry *entry, const struct word *word, struct pf_bytes value)
{
    const struct pf_user *user = &entry->user;
    struct pf_auth_words words = {.expire_days = user->expire_days,
                                  .login_delay = user->login_delay,
                                  .quota_octets = user->quota_octets,
                                  .quota_messages = user->quota_messages,
                                  .needs_tls = user->needs_tls,
                                  .nologin = entry->nologin};
    char text[PF_AUTH_VALUE_MAX + 1];

    if (value.len)
        memcpy(text, value.at, value.len);
    text[value.len] = 0;
    if (word->take(text, &words))
        return false;
    pf_auth_words_apply(&words, entry);
    return true;
}

bool pf_auth_entry_knows(struct pf_bytes field)
{
    return word_of(field) || pf_bytes_equal(field, PF_LIT("user")) || pf_bytes_equal(field, PF_LIT("password"));
}

bool pf_auth_entry_set(struct pf_auth_entry *entry, struct pf_bytes field, struct pf_bytes value)
{
    const struct word *word = word_of(field);

    if (value.len > PF_AUTH_VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < 0x20 || value.at[i] == 0x7f)
            return false;
    if (pf_bytes_equal(field, PF_LIT("user")))
        return set_user(entry, value);
    if (pf_bytes_equal(field, PF_LIT("password")))
        return set_password(entry, value);
    return word && set_word(entry, word, value);
}
