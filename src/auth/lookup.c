#include "auth/lookup.h"

#include "auth/auth_file.h"
#include "auth/auth_look.h"
#include "auth/exchange.h"
#include "auth/lookup_aliases.h"
#include "auth/lookup_names.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    STEPS_MAX = 1000,                    /* addresses looked at for one question */
    ADDRESS_MAX = 2 * PF_AUTH_NAME_MAX   /* with a detail, and quotes */
};

struct pf_recipients {
    struct pf_lookup_settings settings;
    char *password_file, *aliases_file, *domains;
    struct pf_auth_tables *tables;
    struct pf_lookup_names *names; /* of the tables */
    struct pf_auth_stamps judged;
    struct pf_aliases *aliases;
    struct pf_auth_stamps aliases_judged;
    bool users_bad, aliases_bad; /* what the file says now could not be taken: who is unknown may be known there */
    pf_time looked, flux_since;
    struct pf_err trouble;
};

/* One question on its way through aliases. */
struct hunt {
    struct pf_recipients *r;
    struct pf_found found;
    unsigned steps;
    struct pf_err *err;
};

/* An address in its parts: as it was spelled, and folded. */
struct address {
    unsigned char spelled[ADDRESS_MAX], folded[ADDRESS_MAX];
    size_t len, local; /* of the whole, and of what stands before the @ */
    bool has_domain;
};

static pf_time now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pf_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Files */

/* Its stamp is taken as for a password file: a file is a file. */
static void aliases_stamp(const struct pf_recipients *r, struct pf_auth_stamps *out)
{
    struct pf_auth_settings as_file = {.password_file = r->aliases_file};

    pf_auth_tables_stamps_now(&as_file, out);
}

static struct pf_aliases *read_aliases(struct pf_recipients *r, struct pf_err *err)
{
    struct pf_auth_stamp stamp;
    size_t len;
    char *text = pf_auth_file_read(r->aliases_file, &len, &stamp, err);

    return text ? pf_aliases_parse(r->aliases_file, text, len, r->settings.fold, err) : NULL;
}

static char *copy(const char *text, bool *ok)
{
    char *kept = text ? strdup(text) : NULL;

    *ok = *ok && (kept || !text);
    return kept;
}

struct pf_recipients *pf_recipients_open(const struct pf_lookup_settings *settings, struct pf_err *err)
{
    struct pf_recipients *r = calloc(1, sizeof *r);
    bool ok = r != NULL;

    if (r) {
        r->settings = *settings;
        r->password_file = copy(settings->users.password_file, &ok);
        r->aliases_file = copy(settings->aliases, &ok);
        r->domains = copy(settings->domains, &ok);
        r->settings.users.password_file = r->password_file;
        r->looked = now_ms();
    }
    if (!ok) {
        pf_fail(err, PF_NO_MEMORY, 0, "lookup", "no memory for recipients");
        pf_recipients_free(r);
        return NULL;
    }
    r->tables = pf_auth_tables_open(&r->settings.users, err);
    if (r->tables)
        r->names = pf_lookup_names_new(r->tables, settings->fold, err);
    if (r->names)
        r->judged = *pf_auth_tables_stamps(r->tables);
    if (r->names && r->aliases_file) {
        aliases_stamp(r, &r->aliases_judged);
        r->aliases = read_aliases(r, err);
    }
    if (r->names && (r->aliases || !r->aliases_file))
        return r;
    pf_recipients_free(r);
    return NULL;
}

void pf_recipients_free(struct pf_recipients *r)
{
    if (!r)
        return;
    pf_auth_tables_drop(r->tables);
    pf_lookup_names_free(r->names);
    pf_aliases_free(r->aliases);
    free(r->password_file);
    free(r->aliases_file);
    free(r->domains);
    free(r);
}

/* Told once; what may pass by itself (memory) is tried again at the next look, what stands in a file is not
 * until that changes. True when it was the file. */
static bool is_bad(struct pf_recipients *r, bool *bad, const struct pf_err *err)
{
    bool passes = err->code == PF_NO_MEMORY || err->code == PF_BUSY;

    if (!passes || !*bad)
        r->trouble = *err;
    *bad = true;
    return !passes;
}

static bool take_users(struct pf_recipients *r, struct pf_auth_look *look)
{
    struct pf_lookup_names *names = pf_lookup_names_new(look->fresh, r->settings.fold, &look->err);

    if (!names) {
        pf_auth_tables_drop(look->fresh);
        return false;
    }
    pf_lookup_names_free(r->names);
    pf_auth_tables_drop(r->tables);
    r->names = names;
    r->tables = look->fresh;
    r->users_bad = false;
    return true;
}

static bool look_at_users(struct pf_recipients *r, pf_time flux)
{
    struct pf_auth_look look = {.tables = r->tables, .judged = r->judged, .flux = flux};

    pf_auth_look_work(&look.job);
    if (look.verdict == PF_LOOK_SAME)
        return true;
    if (look.verdict == PF_LOOK_BUSY)
        return false;
    if ((look.verdict == PF_LOOK_NEW && take_users(r, &look)) || is_bad(r, &r->users_bad, &look.err))
        r->judged = look.now;
    return true;
}

static bool look_at_aliases(struct pf_recipients *r, pf_time flux)
{
    struct pf_aliases *fresh;
    struct pf_auth_stamps now;
    struct pf_err err;

    if (!r->aliases_file)
        return true;
    aliases_stamp(r, &now);
    if (pf_auth_stamps_equal(&now, &r->aliases_judged))
        return true;
    if (!pf_auth_stamps_quiet(&now) && flux < (now.of[0].there ? PF_LOOK_RESTLESS : PF_LOOK_MISSING))
        return false;
    fresh = read_aliases(r, &err);
    if (fresh) {
        pf_aliases_free(r->aliases);
        r->aliases = fresh;
        r->aliases_bad = false;
    }
    if (fresh || is_bad(r, &r->aliases_bad, &err))
        r->aliases_judged = now;
    return true;
}

/* Takes files that changed; false while one is being written. */
static bool look(struct pf_recipients *r)
{
    pf_time now = now_ms(), flux = r->flux_since ? now - r->flux_since : 0;
    bool users = look_at_users(r, flux), aliases = look_at_aliases(r, flux);

    r->looked = now;
    if (users && aliases)
        r->flux_since = 0;
    else if (!r->flux_since)
        r->flux_since = now;
    return users && aliases;
}

bool pf_recipients_trouble(struct pf_recipients *r, struct pf_err *out_err)
{
    if (r->trouble.code == PF_OK)
        return false;
    *out_err = r->trouble;
    r->trouble = (struct pf_err){0};
    return true;
}

/* Addresses */

/* Takes the quotes off a local part (RFC 5321 section 4.1.2): "a.b"@x is a.b@x. */
static size_t unquote(struct pf_bytes local, unsigned char *out)
{
    size_t len = 0;

    if (local.len < 2 || local.at[0] != '"' || local.at[local.len - 1] != '"') {
        memcpy(out, local.at, local.len);
        return local.len;
    }
    for (size_t i = 1; i + 1 < local.len; i++) {
        if (local.at[i] == '\\' && i + 2 < local.len)
            i++;
        out[len++] = local.at[i];
    }
    return len;
}

static bool take_address(const struct hunt *h, struct pf_bytes text, struct address *out)
{
    size_t at = text.len;

    while (at > 0 && text.at[at - 1] != '@')
        at--;
    out->has_domain = at > 0;
    if (text.len == 0 || text.len > ADDRESS_MAX || at == 1)
        return false;
    out->local = unquote(pf_bytes_head(text, out->has_domain ? at - 1 : text.len), out->spelled);
    out->len = out->local;
    if (out->has_domain) {
        memcpy(out->spelled + out->len, text.at + at - 1, text.len - at + 1);
        out->len += text.len - at + 1;
        pf_aliases_fold(out->spelled, out->len, false);
    }
    memcpy(out->folded, out->spelled, out->len);
    pf_aliases_fold(out->folded, out->len, h->r->settings.fold);
    return out->local > 0;
}

/* The same address without `+detail`; false when it has none. */
static bool cut_detail(struct address *a)
{
    size_t plus = pf_find(pf_bytes_from(a->spelled, a->local), '+');

    if (plus == a->local || plus == 0)
        return false;
    memmove(a->spelled + plus, a->spelled + a->local, a->len - a->local);
    memmove(a->folded + plus, a->folded + a->local, a->len - a->local);
    a->len -= a->local - plus;
    a->local = plus;
    return true;
}

static struct pf_bytes domain_of(const struct address *a)
{
    return pf_bytes_skip(pf_bytes_from(a->folded, a->len), a->local + 1);
}

/* May a name without a domain be meant? */
static bool is_served(const struct hunt *h, const struct address *a)
{
    struct pf_bytes rest = pf_bytes_of(h->r->domains ? h->r->domains : "");

    if (!h->r->domains || !a->has_domain)
        return true;
    while (rest.len) {
        size_t len = pf_find(rest, ' ');

        if (len && pf_equal_nocase(pf_bytes_head(rest, len), domain_of(a)))
            return true;
        rest = pf_bytes_skip(rest, len + 1);
    }
    return false;
}

static enum pf_code add_user(struct hunt *h, const struct pf_user *user)
{
    struct pf_user *more;

    for (size_t i = 0; i < h->found.count; i++)
        if (strcmp(h->found.users[i].name, user->name) == 0)
            return PF_OK;
    if (h->found.count == PF_LOOKUP_USERS_MAX)
        return pf_fail(h->err, PF_TEMP, 0, "lookup", "an alias stands for more than %d users", PF_LOOKUP_USERS_MAX);
    more = realloc(h->found.users, (h->found.count + 1) * sizeof *more);
    if (!more)
        return pf_fail(h->err, PF_NO_MEMORY, 0, "lookup", "no memory for recipients");
    h->found.users = more;
    more[h->found.count++] = *user;
    return PF_OK;
}

static enum pf_code try_user(struct hunt *h, struct pf_bytes name)
{
    struct pf_auth_entry entry;
    char prepared[PF_AUTH_NAME_MAX + 1];
    enum pf_code code;

    if (!pf_auth_name_ok(name) || !pf_saslprep(name, prepared, sizeof prepared) ||
        !pf_auth_name_ok(pf_bytes_of(prepared)))
        return PF_NO_USER;
    code = pf_auth_tables_find(h->r->tables, pf_bytes_of(prepared), &entry, h->err);
    return code == PF_OK ? add_user(h, &entry.user) : code;
}

/* A user who is written in another case. */
static enum pf_code try_folded(struct hunt *h, struct pf_bytes folded)
{
    const char *name = NULL;
    size_t count = pf_lookup_names_find(h->r->names, folded, &name);

    if (count > 1)
        return pf_fail(h->err, PF_TEMP, 0, "lookup", "%s and another user differ only in case: who has %.*s?", name,
                       (int)folded.len, (const char *)folded.at);
    return count ? try_user(h, pf_bytes_of(name)) : PF_NO_USER;
}

static enum pf_code try_users(struct hunt *h, const struct address *a)
{
    size_t lens[2] = {a->len, is_served(h, a) ? a->local : 0};
    enum pf_code code = PF_NO_USER;

    for (size_t i = 0; i < 2 && code == PF_NO_USER; i++) {
        code = try_user(h, pf_bytes_from(a->spelled, lens[i]));
        if (code == PF_NO_USER)
            code = try_user(h, pf_bytes_from(a->folded, lens[i]));
        if (code == PF_NO_USER)
            code = try_folded(h, pf_bytes_from(a->folded, lens[i]));
    }
    return code;
}

static enum pf_code resolve(struct hunt *h, struct pf_bytes text, bool users_only, unsigned depth);

static enum pf_code follow(struct hunt *h, const struct pf_alias *alias, unsigned depth)
{
    for (size_t i = 0; i < alias->count; i++) {
        bool itself = pf_aliases_is_itself(h->r->aliases, alias, i);
        enum pf_code code = resolve(h, alias->targets[i], itself, depth + 1);

        if (code == PF_NO_USER) /* the administrator's mistake, not the sender's: mail waits */
            return pf_fail(h->err, PF_TEMP, 0, "lookup", "the alias %.*s leads to %.*s, whom nobody knows",
                           (int)alias->name.len, (const char *)alias->name.at, (int)alias->targets[i].len,
                           (const char *)alias->targets[i].at);
        if (code != PF_OK)
            return code;
    }
    return PF_OK;
}

static enum pf_code try_aliases(struct hunt *h, const struct address *a, unsigned depth)
{
    const struct pf_alias *alias = pf_aliases_find(h->r->aliases, pf_bytes_from(a->folded, a->len));

    if (!alias && is_served(h, a))
        alias = pf_aliases_find(h->r->aliases, pf_bytes_from(a->folded, a->local));
    return alias ? follow(h, alias, depth) : PF_NO_USER;
}

static enum pf_code try_rest_of_domain(struct hunt *h, const struct address *a, unsigned depth)
{
    const struct pf_alias *alias =
        a->has_domain ? pf_aliases_find(h->r->aliases, pf_bytes_skip(pf_bytes_from(a->folded, a->len), a->local))
                      : NULL;

    return alias ? follow(h, alias, depth) : PF_NO_USER;
}

/* Through aliases into itself, PF_ALIAS_DEPTH_MAX deep at most. */
static enum pf_code resolve(struct hunt *h, struct pf_bytes text, bool users_only, unsigned depth)
{
    bool aliases = h->r->aliases && !users_only;
    enum pf_code code = PF_NO_USER;
    struct address a;

    if (depth > PF_ALIAS_DEPTH_MAX || ++h->steps > STEPS_MAX)
        return pf_fail(h->err, PF_TEMP, 0, "lookup", "aliases lead too far, or in a circle, at %.*s",
                       (int)text.len, (const char *)text.at);
    if (!take_address(h, text, &a))
        return PF_NO_USER;
    do {
        if (aliases)
            code = try_aliases(h, &a, depth);
        if (code == PF_NO_USER)
            code = try_users(h, &a);
    } while (code == PF_NO_USER && cut_detail(&a));
    if (code == PF_NO_USER && aliases)
        code = try_rest_of_domain(h, &a, depth);
    return code;
}

static enum pf_code hunt(struct pf_recipients *r, struct pf_bytes address, struct pf_found *out_found,
                         struct pf_err *err)
{
    struct hunt h = {.r = r, .err = err};
    enum pf_code code = resolve(&h, address, false, 0);

    if (code == PF_OK)
        *out_found = h.found;
    else
        free(h.found.users);
    return code;
}

enum pf_code pf_recipients_find(struct pf_recipients *r, struct pf_bytes address, struct pf_found *out_found,
                                struct pf_err *err)
{
    bool quiet = true, fresh = now_ms() - r->looked >= PF_LOOK_EVERY;
    enum pf_code code;

    if (fresh)
        quiet = look(r);
    code = hunt(r, address, out_found, err);
    if ((code == PF_NO_USER || code == PF_TEMP) && !fresh) {
        quiet = look(r);
        code = hunt(r, address, out_found, err);
    }
    if (code != PF_NO_USER)
        return code;
    if (!quiet)
        return pf_fail(err, PF_TEMP, 0, "lookup", "users or aliases are being changed");
    if (r->users_bad || r->aliases_bad)
        return pf_fail(err, PF_TEMP, 0, "lookup", "the %s changed, and could not be taken",
                       r->users_bad ? "users" : "aliases");
    address = pf_bytes_head(address, 200);
    pf_fail(err, PF_NO_USER, 0, "lookup", "nobody here has the address %.*s", (int)address.len,
            (const char *)address.at);
    if (err)
        snprintf(err->say, sizeof err->say, "no such user here");
    return PF_NO_USER;
}
