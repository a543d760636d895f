#include "conf/reader.h"

/* What a kind of userdb must have, and may have besides timeout, connections and cache-time. */
static const struct kind {
    const char *name;
    const char *needs[3], *may[9];
} kinds[] = {
    [PF_CONF_USERDB_FILE] = {"file", {"path"}, {NULL}},
    [PF_CONF_USERDB_SQLITE] = {"sqlite", {"path", "query"}, {"stored"}},
    [PF_CONF_USERDB_POSTGRESQL] = {"postgresql", {"connect", "query"}, {"secret-file", "ca", "stored"}},
    [PF_CONF_USERDB_MARIADB] = {"mariadb", {"connect", "query"}, {"secret-file", "ca", "stored"}},
    [PF_CONF_USERDB_LDAP] = {"ldap",
                             {"connect", "base"},
                             {"filter", "attributes", "bind-dn", "secret-file", "method", "starttls", "ca", "stored"}},
    [PF_CONF_USERDB_PAM] = {"pam", {NULL}, {"service"}},
    [PF_CONF_USERDB_DOVECOT] = {"dovecot", {"path"}, {"user-path", "service"}},
    [PF_CONF_USERDB_SASLAUTHD] = {"saslauthd", {"path"}, {"service", "realm"}},
};
static const char *const any[] = {"timeout", "connections", "cache-time", NULL};

static bool stands_in(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static const struct pf_conf_place *seen(const struct pf_conf_reader *r, const char *name)
{
    return &r->seen[pf_conf_row_find(PF_CONF_BLOCK_userdb, pf_bytes_of(name)) - pf_conf_rows];
}

bool pf_conf_userdb_takes(enum pf_conf_userdb_kind of, const struct pf_conf_row *row)
{
    const struct kind *kind = &kinds[of];

    return stands_in(row->name, kind->needs, 3) || stands_in(row->name, kind->may, 9) ||
           stands_in(row->name, any, 4);
}

bool pf_conf_check_userdb(struct pf_conf_reader *r, const struct pf_conf_place *head)
{
    const struct kind *kind = &kinds[r->draft.userdb.kind];
    bool good = true;

    for (size_t i = 0; i < 3 && kind->needs[i]; i++)
        if (!seen(r, kind->needs[i])->source) {
            pf_conf_wrong(&r->mistakes, head, "`userdb %s` lacks its `%s`", kind->name, kind->needs[i]);
            good = false;
        }
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];

        if (row->block != PF_CONF_BLOCK_userdb || !r->seen[i].source ||
            pf_conf_userdb_takes(r->draft.userdb.kind, row))
            continue;
        pf_conf_wrong(&r->mistakes, &r->seen[i], "`userdb %s` has no use for `%s`", kind->name, row->name);
        good = false;
    }
    return good;
}
