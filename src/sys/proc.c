#include "sys/proc.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum pf_code pf_proc_become(const char *user, struct pf_err *err)
{
    const struct passwd *who = getpwnam(user);
    uid_t uid;
    gid_t gid;

    if (!who)
        return pf_fail(err, PF_CONFIG, 0, "become", "run-as %s: there is no such user", user);
    uid = who->pw_uid;
    gid = who->pw_gid;
    if (geteuid() == uid && getuid() == uid)
        return PF_OK;
    if (geteuid() != 0)
        return pf_fail(err, PF_CONFIG, 0, "become",
                       "run-as %s: only root can become another user; start as root or as %s", user, user);
    if (initgroups(user, gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return pf_fail(err, PF_CONFIG, errno, "become", "run-as %s failed", user);
    if (uid != 0 && (setuid(0) == 0 || getuid() != uid || geteuid() != uid || getegid() != gid))
        return pf_fail(err, PF_CONFIG, 0, "become", "run-as %s: there is still a way back to root", user);
    return PF_OK;
}

size_t pf_proc_descriptors(size_t descriptors)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < descriptors) {
        rlim_t before = limit.rlim_cur;

        if (limit.rlim_max < descriptors && geteuid() == 0)
            limit.rlim_max = descriptors;
        limit.rlim_cur = limit.rlim_max < descriptors ? limit.rlim_max : descriptors;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            return before;
    }
    return limit.rlim_cur;
}

void pf_proc_harden(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void pf_proc_hostname(char *out_name, size_t cap)
{
    if (gethostname(out_name, cap) != 0 || memchr(out_name, 0, cap) == NULL || !out_name[0])
        snprintf(out_name, cap, "localhost");
}
