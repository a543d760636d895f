#include "auth/names.h"

#include "base/text.h"

#include <stdio.h>

/* What is taken apart, and where the readings go. */
struct reader {
    const struct pf_conf *conf;
    struct pf_names_reading *out;
    size_t count;
    struct pf_bytes master;
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
        !put(to->folder, sizeof to->folder, folder) || !put(to->master, sizeof to->master, r->master))
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

/* As it stands, then with the default domain; then the same as a user's folder. */
static void read_user(struct reader *r, struct pf_bytes name, bool folders)
{
    size_t at = last(name, '@'), plus;
    struct pf_bytes local = pf_bytes_head(name, at), domain = pf_bytes_skip(name, at), folder;
    char with_at[PF_AUTH_NAME_MAX + 2];
    struct pf_bytes home = {0};

    if (!domain.len && r->conf && r->conf->default_domain) {
        snprintf(with_at, sizeof with_at, "@%s", r->conf->default_domain);
        home = pf_bytes_of(with_at);
    }
    add(r, local, domain, PF_LIT(""));
    if (home.len)
        add(r, local, home, PF_LIT(""));
    plus = pf_find(local, '+');
    if (plus == local.len || !folders)
        return;
    folder = pf_bytes_skip(local, plus + 1);
    if (!is_folder(folder))
        return;
    if (pf_equal_nocase(folder, PF_LIT("inbox")))
        folder.len = 0;
    add(r, pf_bytes_head(local, plus), domain, folder);
    if (home.len)
        add(r, pf_bytes_head(local, plus), home, folder);
}

size_t pf_names_read(const struct pf_conf *conf, struct pf_bytes name,
                     struct pf_names_reading out[PF_NAMES_READINGS])
{
    struct reader r = {.conf = conf, .out = out};
    size_t star = conf && conf->master_file ? last(name, conf->master_separator[0]) : name.len;
    bool acts = star > 0 && star + 1 < name.len, folders = conf && conf->folders;

    read_user(&r, name, folders && !acts);
    r.master = pf_bytes_skip(name, star + 1);
    if (acts)
        read_user(&r, pf_bytes_head(name, star), folders);
    return r.count;
}
