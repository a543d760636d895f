#include "talk_set.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>

enum form { YES_NO, NUMBER, SIZE, TIME, DAYS, TEXT };

#define IN_SETTINGS(name) \
    (offsetof(struct talk, settings) + offsetof(struct pf_pop3_server_settings, name))

static const struct {
    const char *name;
    enum form form;
    size_t at;
} settings[] = {
    {"greeting", TEXT, IN_SETTINGS(greeting)},
    {"implementation", TEXT, IN_SETTINGS(implementation)},
    {"stls", YES_NO, IN_SETTINGS(stls)},
    {"plaintext-login", YES_NO, IN_SETTINGS(plaintext_login)},
    {"last", YES_NO, IN_SETTINGS(last)},
    {"expire", DAYS, IN_SETTINGS(expire_days)},
    {"expire-differs", YES_NO, IN_SETTINGS(expire_differs)},
    {"login-delay", NUMBER, IN_SETTINGS(login_delay)},
    {"login-delay-differs", YES_NO, IN_SETTINGS(login_delay_differs)},
    {"line-max", SIZE, IN_SETTINGS(line_max)},
    {"sasl-line-max", SIZE, IN_SETTINGS(sasl_line_max)},
    {"bad-before-login", NUMBER, IN_SETTINGS(bad_before_login)},
    {"bad-after-login", NUMBER, IN_SETTINGS(bad_after_login)},
    {"login-tries", NUMBER, IN_SETTINGS(login_tries)},
    {"sasl-rounds", NUMBER, IN_SETTINGS(sasl_rounds)},
    {"first-command-time", TIME, IN_SETTINGS(first_command_time)},
    {"login-time", TIME, IN_SETTINGS(login_time)},
    {"idle-time", TIME, IN_SETTINGS(idle_time)},
    {"stall-time", TIME, IN_SETTINGS(stall_time)},
    {"apop", TEXT, offsetof(struct talk, timestamp)},
    {"xclient", YES_NO, offsetof(struct talk, xclient)},
    {"offer", TEXT, offsetof(struct talk, offer)},
    {"offer-in-tls", TEXT, offsetof(struct talk, offer_in_tls)},
    {"no-delete", YES_NO, offsetof(struct talk, no_delete)},
    {"mark-seen", YES_NO, offsetof(struct talk, mark_seen)},
    {"user-expire", DAYS, offsetof(struct talk, user_expire)},
    {"user-login-delay", NUMBER, offsetof(struct talk, user_login_delay)},
};

void talk_set_defaults(struct talk *t)
{
    pf_pop3_server_settings_init(&t->settings);
    t->settings.greeting = "ready";
    t->settings.implementation = "Postfach";
    t->settings.stls = true;
    t->settings.mechanisms = t->mechanisms;
    t->settings.mechanism_count = 1;
    t->mechanisms[0] = (struct pf_pop3_mechanism){"PLAIN", true};
    t->user_expire = INT32_MIN;
    t->user_login_delay = UINT32_MAX;
    t->users[0] = (struct talk_user){PF_LIT("anna"), PF_LIT("secret")};
}

int64_t talk_duration(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (end == text || n < 0)
        return -1;
    if (!strcmp(end, "ms"))
        return n;
    if (!strcmp(end, "s"))
        return (int64_t)n * 1000;
    return !strcmp(end, "m") ? (int64_t)n * 60000 : -1;
}

enum pf_code talk_verdict(const char *word)
{
    for (unsigned code = 0; code < PF_CODES; code++) {
        const char *name = pf_verdict((enum pf_code)code)->name, *w = word;

        while (*name && *w && (*name == toupper((unsigned char)*w) || (*name == '_' && *w == '-')))
            name++, w++;
        if (!*name && !*w)
            return (enum pf_code)code;
    }
    return PF_CODES;
}

/* "PLAIN LOOP!": a mark says that the mechanism does not show the password. */
static const char *set_mechanisms(struct talk *t, const char *names)
{
    size_t n = 0;

    while (*names) {
        size_t len = strcspn(names, " ");
        bool safe = names[len - 1] == '!';

        if (n == sizeof t->mechanisms / sizeof t->mechanisms[0])
            return "too many mechanisms";
        t->mechanisms[n].name = talk_keep(&t->pool, pf_bytes_from(names, len - safe));
        t->mechanisms[n++].plaintext = !safe;
        names += len + strspn(names + len, " ");
    }
    t->settings.mechanism_count = n;
    return NULL;
}

static const char *set_field(struct talk *t, enum form form, void *at, const char *value)
{
    char *end;
    unsigned long long n = strtoull(value, &end, 10);
    bool number = end != value && !*end, none = !strcmp(value, "none");

    if (form == YES_NO) {
        if (strcmp(value, "yes") && strcmp(value, "no"))
            return "yes or no was expected";
        *(bool *)at = !strcmp(value, "yes");
    } else if (form == TEXT) {
        *(const char **)at = none ? NULL : talk_keep(&t->pool, pf_bytes_of(value));
    } else if (form == DAYS && !strcmp(value, "never")) {
        *(int32_t *)at = PF_EXPIRE_NEVER;
    } else if (form == TIME) {
        *(pf_time *)at = talk_duration(value);
        return *(pf_time *)at < 0 ? "a time such as 61s was expected" : NULL;
    } else if (!number) {
        return "a number was expected";
    } else if (form == SIZE) {
        *(size_t *)at = (size_t)n;
    } else {
        *(uint32_t *)at = (uint32_t)n; /* DAYS has the same width */
    }
    return NULL;
}

const char *talk_set(struct talk *t, const char *rest)
{
    size_t len = strcspn(rest, " ");
    const char *value = rest + len + strspn(rest + len, " ");

    if (len == strlen("mechanisms") && !strncmp(rest, "mechanisms", len))
        return set_mechanisms(t, strcmp(value, "none") ? value : "");
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (strlen(settings[i].name) == len && !strncmp(settings[i].name, rest, len))
            return set_field(t, settings[i].form, (char *)t + settings[i].at, value);
    return "unknown setting";
}
