#include "store/maildir/lock.h"

#include "store/maildir/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char where[] = "maildir_lock";

static enum pf_code set_lock(int fd, const char *path, struct pf_err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return pf_fail(err, PF_PERM, 0, where, "%s/postfach-lock is not a file: remove it", path);
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return PF_OK;
    if (errno == EAGAIN || errno == EACCES)
        return pf_fail(err, PF_IN_USE, 0, where, "%s is locked by another session", path);
    return pf_fail(err, pf_code_of_errno(errno), errno, where,
                   "%s/postfach-lock cannot be locked: %s; does this file system have locks?",
                   path, strerror(errno));
}

/* Takes the descriptor over. */
static enum pf_code lock_by(int fd, const char *path, int *out_fd, struct pf_err *err)
{
    enum pf_code code = set_lock(fd, path, err);

    if (code)
        close(fd);
    else
        *out_fd = fd;
    return code;
}

enum pf_code pf_maildir_lock(int root, const char *path, int *out_fd, struct pf_err *err)
{
    int fd = pf_maildir_own_file(root, "postfach-lock", O_RDWR);

    if (fd < 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, where, "%s/postfach-lock: %s", path,
                       strerror(errno));
    return lock_by(fd, path, out_fd, err);
}

enum pf_code pf_maildir_lock_cached(int root, const char *path, int *out_fd, struct pf_err *err)
{
    int fd = pf_maildir_open_cached(root, "postfach-lock", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd < 0 ? PF_AGAIN : lock_by(fd, path, out_fd, err);
}

void pf_maildir_unlock(int fd)
{
    struct flock none = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    (void)fcntl(fd, F_OFD_SETLK, &none);
    close(fd);
}
