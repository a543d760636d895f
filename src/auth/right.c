#include "auth/right.h"

#include "base/kind.h"

#include <stdio.h>

/* A folder of a Maildir++ lies in it under its name with a dot in front. */
static enum pf_code add_folder(const struct pf_user *user, char path[PF_AUTH_PATH_MAX], struct pf_err *err)
{
    size_t len = strlen(path), room = PF_AUTH_PATH_MAX - len;
    struct pf_bytes bare;

    if (!user->folder[0])
        return PF_OK;
    if (pf_kind_of(pf_bytes_of(path), &bare) != PF_KIND_MAILDIR)
        return pf_fail(err, PF_NO_BOX, 0, "right", "the maildrop of %s is no Maildir: it has no folders", user->name);
    if ((size_t)snprintf(path + len, room, "/.%s", user->folder) >= room)
        return pf_fail(err, PF_NO_BOX, 0, "right", "the path of a folder of %s is too long", user->name);
    return PF_OK;
}

static enum pf_code find_path(const struct pf_conf *conf, const struct pf_user *user, char path[PF_AUTH_PATH_MAX],
                              struct pf_err *err)
{
    if (user->maildrop[0])
        memcpy(path, user->maildrop, PF_AUTH_PATH_MAX);
    else if (!pf_conf_maildrop(conf, user->name, path, PF_AUTH_PATH_MAX))
        return pf_fail(err, PF_NO_BOX, 0, "right", "the name %s does not fit the template `path` of mail or its domain",
                       user->name);
    return add_folder(user, path, err);
}

static int32_t expire_of(const struct pf_conf *conf, const struct pf_user *user)
{
    const struct pf_conf_domain *domain = pf_conf_domain_of(conf, pf_bytes_of(user->name));

    if (user->read_only || user->no_delete) /* then nothing goes for it, now or at QUIT */
        return PF_EXPIRE_NEVER;
    if (user->recipient[0]) /* expiry is the whole maildrop's, and goes on when that is opened */
        return PF_EXPIRE_NEVER;
    if (user->expire_days != -2)
        return user->expire_days;
    return domain && domain->expire_days != -2 ? domain->expire_days : conf->expire_days;
}

enum pf_code pf_right_of(const struct pf_conf *conf, const struct pf_user *user, struct pf_right *out,
                         struct pf_err *err)
{
    struct pf_conf_quota quota = pf_conf_quota(conf, user->name, user->quota_octets, user->quota_messages);
    struct pf_right right = {
        .expire_days = expire_of(conf, user),
        .login_delay = user->login_delay == -2 ? conf->login_delay : (uint32_t)user->login_delay,
        .quota_octets = quota.octets,
        .quota_messages = quota.messages,
    };
    enum pf_code code = find_path(conf, user, right.path, err);

    if (code == PF_OK)
        *out = right;
    return code;
}
