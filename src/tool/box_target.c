#include "tool/box.h"

#include "auth/auth_settings.h"
#include "auth/auth_tables.h"
#include "auth/right.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static const char default_conf[] = "/etc/postfach/postfach.conf";

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

/* Without -c a machine need not have settings: a maildrop by its path can be looked at all the same. */
static enum pf_code read_conf(struct pf_tool_box *b, struct pf_err *err)
{
    bool none = !b->conf_file && access(default_conf, F_OK) != 0 && errno == ENOENT;

    if (none)
        b->conf = pf_conf_parse("defaults", PF_LIT(""), print_mistake, NULL);
    else
        b->conf = pf_conf_read(b->conf_file ? b->conf_file : default_conf, print_mistake, NULL);
    return b->conf ? PF_OK : pf_fail(err, PF_CONFIG, 0, "box", "the settings cannot be used");
}

static bool is_path(const char *word)
{
    struct pf_bytes path;

    pf_kind_of(pf_bytes_of(word), &path);
    return strchr(word, '/') || path.len < strlen(word) || strcmp(word, ".") == 0;
}

/* Exactly this name, in the first source that knows it. Nobody logs in here, so a weak hash is no reason to refuse. */
static enum pf_code find_user(struct pf_tool_box *b, struct pf_err *err)
{
    struct pf_lookup_settings settings;
    struct pf_auth_tables *tables;
    struct pf_auth_entry entry;
    enum pf_code code = PF_NO_USER;

    pf_lookup_settings_of(b->conf, &settings);
    settings.users.allow_weak_schemes = true;
    tables = pf_auth_tables_open(&settings.users, err);
    if (!tables)
        return err->code;
    if (pf_auth_name_ok(pf_bytes_of(b->word)))
        code = pf_auth_tables_find(tables, pf_bytes_of(b->word), &entry, err);
    if (code == PF_OK)
        b->user = entry.user;
    pf_wipe(&entry, sizeof entry);
    pf_auth_tables_drop(tables);
    if (code != PF_NO_USER)
        return code;
    return pf_fail(err, PF_NO_USER, 0, "box", "there is no user %s in %s (a maildrop's path has a '/' in it)", b->word,
                   b->conf->userdb_count ? "any source of the settings" : b->conf->password_file);
}

/* A path is told from where the person is, as to any program; what comes later wants it whole. */
static bool whole_path(struct pf_tool_box *b)
{
    struct pf_bytes path;
    char here[PATH_MAX];
    int kind, len;

    pf_kind_of(pf_bytes_of(b->word), &path);
    kind = (int)(strlen(b->word) - path.len);
    while (path.len > 1 && path.at[0] == '.' && path.at[1] == '/')
        path = pf_bytes_skip(path, 2);
    if (path.len && path.at[0] != '/' && getcwd(here, sizeof here))
        len = snprintf(b->place, sizeof b->place, "%.*s%s%s%.*s", kind, b->word, here,
                       pf_bytes_equal(path, PF_LIT(".")) ? "" : "/",
                       pf_bytes_equal(path, PF_LIT(".")) ? 0 : (int)path.len, (const char *)path.at);
    else
        len = snprintf(b->place, sizeof b->place, "%s", b->word);
    return len > 0 && (size_t)len < sizeof b->place;
}

static enum pf_code find_place(struct pf_tool_box *b, struct pf_err *err)
{
    struct pf_right right;

    if (is_path(b->word))
        return whole_path(b) ? PF_OK : pf_fail(err, PF_NO_BOX, 0, "box", "%s: the path is too long", b->word);
    if (find_user(b, err) != PF_OK)
        return err->code;
    if (pf_right_of(b->conf, &b->user, &right, err) != PF_OK)
        return err->code;
    memcpy(b->place, right.path, sizeof b->place);
    return PF_OK;
}

enum pf_code pf_tool_box_find(struct pf_tool_box *b, struct pf_err *err)
{
    struct pf_bytes path;
    enum pf_code code = read_conf(b, err);

    if (code == PF_OK)
        code = find_place(b, err);
    if (code != PF_OK)
        return code;
    b->kind = pf_kind_of(pf_bytes_of(b->place), &path);
    b->path = b->place + (strlen(b->place) - path.len);
    return PF_OK;
}
