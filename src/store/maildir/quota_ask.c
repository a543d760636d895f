#include "store/maildir/dirs.h"
#include "store/maildir/parcel.h"
#include "store/maildir/quota.h"

#include <fcntl.h>
#include <unistd.h>

/* What a delivery would find, without making any of it. */
static enum pf_code look(const struct pf_maildir_settings *settings, const char *path, struct pf_err *err)
{
    static const char *const parts[] = {"tmp", "new"};
    int root = -1, part;
    enum pf_code code = pf_maildir_root_open(settings, path, false, &root, err);

    for (size_t i = 0; !code && i < sizeof parts / sizeof parts[0]; i++) {
        part = -1;
        code = pf_maildir_folder_open(root, path, parts[i], false, &part, err);
        if (part >= 0)
            close(part);
    }
    if (root >= 0)
        close(root);
    return code;
}

enum pf_code pf_maildir_parcel_ask(struct pf_twin *twin, const struct pf_box_where *w, uint64_t size,
                                   struct pf_err *err)
{
    const struct pf_maildir_settings *settings = &((struct pf_maildir *)twin)->settings;
    const struct pf_maildir_quota quota = {w->quota_octets, w->quota_messages};
    enum pf_code code = look(settings, w->path, err);

    if (code == PF_NO_BOX && settings->create) /* it will be made, and be empty */
        return !quota.octets || size <= quota.octets
                   ? PF_OK
                   : pf_fail(err, PF_OVER_QUOTA, 0, "maildir_quota", "%s: %llu octets are over the quota", w->path,
                             (unsigned long long)size);
    return code ? code : pf_maildir_quota_ask(w->path, &quota, size, w->now, err);
}

bool pf_maildir_parcel_ready(struct pf_twin *twin, const struct pf_box_where *w)
{
    struct pf_maildir_dirs d;
    int tmp;

    if (w->quota_octets || w->quota_messages ||
        !pf_maildir_dirs_open_cached(&((struct pf_maildir *)twin)->settings, w->path, &d))
        return false;
    tmp = pf_maildir_open_cached(d.root, "tmp", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tmp >= 0)
        close(tmp);
    pf_maildir_dirs_close(&d);
    return tmp >= 0;
}
