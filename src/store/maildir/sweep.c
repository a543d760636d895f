#include "store/maildir/parcel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char where[] = "maildir_sweep";

enum { STALE_SECONDS = 36 * 3600 }; /* writers give up after 24 hours */

static int64_t last_touch(const struct stat *st)
{
    return st->st_atim.tv_sec > st->st_mtim.tv_sec ? st->st_atim.tv_sec : st->st_mtim.tv_sec;
}

static void sweep_one(int tmp, const char *name, int64_t now, uint32_t *count)
{
    struct stat st;

    if (name[0] == '.' || fstatat(tmp, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(st.st_mode) || now - last_touch(&st) <= STALE_SECONDS)
        return;
    *count += unlinkat(tmp, name, 0) == 0;
}

enum pf_code pf_maildir_sweep_tmp(int tmp, const char *path, int64_t now, uint32_t *out_count,
                                  struct pf_err *err)
{
    int own = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    struct dirent *entry;
    uint32_t count = 0;

    if (!dir) {
        int sys = errno;

        if (own >= 0)
            close(own);
        return pf_fail(err, pf_code_of_errno(sys), sys, where, "%s/tmp: %s", path, strerror(sys));
    }
    while ((entry = readdir(dir)))
        sweep_one(tmp, entry->d_name, now, &count);
    closedir(dir);
    *out_count = count;
    return PF_OK;
}

enum pf_code pf_maildir_sweep(const char *path, int64_t now, uint32_t *out_count,
                              struct pf_err *err)
{
    const struct pf_maildir_settings settings = {.follow_root = true}; /* an administrator named it */
    int root = -1, tmp = -1;
    enum pf_code code = pf_maildir_root_open(&settings, path, false, &root, err);

    if (code)
        return code;
    code = pf_maildir_folder_open(root, path, "tmp", false, &tmp, err);
    close(root);
    if (code)
        return code;
    code = pf_maildir_sweep_tmp(tmp, path, now, out_count, err);
    close(tmp);
    return code;
}
