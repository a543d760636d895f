#include "auth/auth_source.h"

#include "auth/password.h"
#include "base/text.h"

enum { PROBE = 20 }; /* letters of a name that nobody has */

enum pf_code pf_auth_source_check(const struct pf_conf_userdb *userdb, struct pf_err *err)
{
    const struct pf_auth_source *row = pf_auth_source_row(userdb->kind);
    const struct pf_auth_settings settings = {.allow_weak_schemes = true};
    struct pf_auth_stamp stamp = {0};
    struct pf_auth_entry entry = {0};
    struct pf_err why = {0};
    char name[PROBE + 1];
    enum pf_code code;
    void *self;

    if (!row)
        return pf_fail(err, PF_CONFIG, 0, "auth", "this build has no support for that kind of userdb");
    self = row->open(userdb, &settings, &stamp, &why);
    if (!self) {
        if (err)
            *err = why;
        return why.code;
    }
    pf_password_random(name, PROBE);
    code = row->find(self, pf_bytes_of(name), &entry, err);
    row->close(self);
    pf_wipe(&entry, sizeof entry);
    return code == PF_NO_USER ? PF_OK : code;
}
