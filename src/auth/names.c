#include "auth/names.h"

#include "base/text.h"

#include <stdio.h>

/* What is taken apart, and where the readings go. */
struct reader {
    const struct pf_conf *conf;
    struct pf_names_reading *out;
    size_t count;
    struct pf_bytes master, recipient;
};

static bool put(char *room, size_t cap, struct pf_bytes text)
{
    if (text.len >= cap)
        return false;
    if (text.len)
        memcpy(room, text.at, text.len);
    room[text.len] = 0;
    return true;
}

static void lower(char *text)
{
    for (; *text; text++)
        *text = (char)pf_lower((unsigned char)*text);
}

/* One reading of `local` and `domain` (with its @, or empty); dropped when it does not fit. */
static void add(struct reader *r, struct pf_bytes local, struct pf_bytes domain, struct pf_bytes folder)
{
    struct pf_names_reading *to = &r->out[r->count];

    if (r->count == PF_NAMES_READINGS || local.len == 0 || local.len + domain.len >= sizeof to->user ||
        !put(to->folder, sizeof to->folder, folder) || !put(to->master, sizeof to->master, r->master) ||
        !put(to->recipient, sizeof to->recipient, r->recipient))
        return;
    put(to->user, sizeof to->user, local);
    put(to->user + local.len, sizeof to->user - local.len, domain);
    if (r->conf && r->conf->lower_case_logins)
        lower(to->user);
    r->count++;
}

/* Levels with dots between them, none empty, none that would leave its place. */
static bool is_folder(struct pf_bytes folder)
{
    if (folder.len == 0 || folder.at[0] == '.' || folder.at[0] == '~' || folder.at[folder.len - 1] == '.')
        return false;
    for (size_t i = 0; i < folder.len; i++)
        if (folder.at[i] == '/' || folder.at[i] < 0x20 || folder.at[i] == 0x7f ||
            (folder.at[i] == '.' && folder.at[i - 1] == '.'))
            return false;
    return true;
}

static size_t last(struct pf_bytes text, char c)
{
    size_t at = text.len;

    while (at > 0 && text.at[at - 1] != (unsigned char)c)
        at--;
    return at ? at - 1 : text.len;
}

/* A name without a domain: as it stands, then with the default one. */
static void add_both(struct reader *r, struct pf_bytes local, struct pf_bytes folder)
{
    char with_at[PF_AUTH_NAME_MAX + 2];

    add(r, local, PF_LIT(""), folder);
    if (r->conf && r->conf->default_domain) {
        snprintf(with_at, sizeof with_at, "@%s", r->conf->default_domain);
        add(r, local, pf_bytes_of(with_at), folder);
    }
}

static void add_user(struct reader *r, struct pf_bytes local, struct pf_bytes domain, struct pf_bytes folder)
{
    char lowered[PF_AUTH_NAME_MAX + 1];

    if (!domain.len) {
        add_both(r, local, folder);
        return;
    }
    add(r, local, domain, folder);
    if (!r->conf || !put(lowered, sizeof lowered, domain))
        return;
    lower(lowered);
    if (!pf_bytes_equal(domain, pf_bytes_of(lowered))) /* the case of a domain does not matter */
        add(r, local, pf_bytes_of(lowered), folder);
}

static void read_folder(struct reader *r, struct pf_bytes local, struct pf_bytes domain)
{
    size_t plus = pf_find(local, '+');
    struct pf_bytes folder = pf_bytes_skip(local, plus + 1);

    if (plus == local.len || !is_folder(folder))
        return;
    if (pf_equal_nocase(folder, PF_LIT("inbox")))
        folder.len = 0;
    add_user(r, pf_bytes_head(local, plus), domain, folder);
}

/* Whether the first label of a host may be the user that is meant: not when its domain is not ours. */
static bool may_be_short(const struct reader *r, struct pf_bytes host, size_t dot)
{
    struct pf_bytes rest = pf_bytes_skip(host, dot + 1);

    return rest.len &&
           (!r->conf->default_domain || pf_equal_nocase(rest, pf_bytes_of(r->conf->default_domain)));
}

/* Somebody at a host, who is a user. */
static void read_person(struct reader *r, struct pf_bytes person, struct pf_bytes host)
{
    size_t at = last(host, '@'), dot = pf_find(host, '.');
    char recipient[PF_AUTH_NAME_MAX + 1];

    if (!person.len || !at || pf_find(person, '@') < person.len || person.len + at + 1 >= sizeof recipient)
        return;
    snprintf(recipient, sizeof recipient, "%.*s@%.*s", (int)person.len, (const char *)person.at, (int)at,
             (const char *)host.at);
    r->recipient = pf_bytes_of(recipient);
    add_user(r, pf_bytes_head(host, at), pf_bytes_skip(host, at), PF_LIT(""));
    if (at == host.len && may_be_short(r, host, dot))
        add_both(r, pf_bytes_head(host, dot), PF_LIT(""));
    r->recipient = PF_LIT("");
}

static void read_split(struct reader *r, struct pf_bytes name, char c)
{
    size_t at = last(name, c);

    if (at < name.len)
        read_person(r, pf_bytes_head(name, at), pf_bytes_skip(name, at + 1));
}

/* As it stands; where it may have parts, then as a user and his folder, then as a person at a host. */
static void read_user(struct reader *r, struct pf_bytes name, bool parts)
{
    size_t at = last(name, '@');
    struct pf_bytes local = pf_bytes_head(name, at), domain = pf_bytes_skip(name, at);

    add_user(r, local, domain, PF_LIT(""));
    if (parts && r->conf && r->conf->folders)
        read_folder(r, local, domain);
    if (parts && r->conf && r->conf->sdps) {
        read_split(r, name, '@');
        read_split(r, name, '+');
    }
}

size_t pf_names_read(const struct pf_conf *conf, struct pf_bytes name,
                     struct pf_names_reading out[PF_NAMES_READINGS])
{
    struct reader r = {.conf = conf, .out = out};
    size_t star = conf && conf->master_file ? last(name, conf->master_separator[0]) : name.len;
    bool acts = star > 0 && star + 1 < name.len;

    read_user(&r, name, !acts);
    r.master = pf_bytes_skip(name, star + 1);
    if (acts)
        read_user(&r, pf_bytes_head(name, star), true);
    return r.count;
}

void pf_names_counted(const struct pf_conf *conf, struct pf_bytes name, char out[PF_AUTH_NAME_MAX + 1])
{
    struct pf_names_reading readings[PF_NAMES_READINGS];
    size_t count = pf_names_read(conf, name, readings);
    const struct pf_names_reading *last_one = count ? &readings[count - 1] : NULL;

    if (last_one)
        memcpy(out, last_one->master[0] ? last_one->master : last_one->user, PF_AUTH_NAME_MAX + 1);
    else
        put(out, PF_AUTH_NAME_MAX + 1, pf_bytes_head(name, PF_AUTH_NAME_MAX));
}
