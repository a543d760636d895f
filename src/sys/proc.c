#include "sys/proc.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PASSWD_OCTETS = 16384 /* a passwd line with a home and a shell of any sane length */ };

static bool is_already(uid_t uid, gid_t gid)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    return getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid && saved == uid &&
           getresgid(&real_group, &effective_group, &saved_group) == 0 && real_group == gid &&
           effective_group == gid && saved_group == gid;
}

/* Groups first: once the uid is gone there is no right to change them. */
static enum pf_code change(const char *user, const struct passwd *pw, struct pf_err *err)
{
    if (initgroups(user, pw->pw_gid) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
        return pf_fail(err, PF_CONFIG, errno, __func__, "cannot become user %s: %s", user, strerror(errno));
    if (!is_already(pw->pw_uid, pw->pw_gid) || (pw->pw_uid != 0 && setuid(0) == 0))
        return pf_fail(err, PF_CONFIG, 0, __func__, "became user %s, but there is a way back to root", user);
    return PF_OK;
}

enum pf_code pf_proc_become(const char *user, struct pf_err *err)
{
    char text[PASSWD_OCTETS];
    struct passwd pw, *found = NULL;
    int sys = getpwnam_r(user, &pw, text, sizeof text, &found);

    if (!found)
        return pf_fail(err, PF_CONFIG, sys, __func__, "there is no user \"%s\"%s%s", user, sys ? ": " : "",
                       sys ? strerror(sys) : "");
    return is_already(pw.pw_uid, pw.pw_gid) ? PF_OK : change(user, &pw, err);
}

size_t pf_proc_descriptors(size_t descriptors)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)descriptors;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < wanted) {
        struct rlimit more = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};

        /* Root may go beyond the hard limit; all others up to it. */
        if (setrlimit(RLIMIT_NOFILE, &more) != 0) {
            more = (struct rlimit){limit.rlim_max, limit.rlim_max};
            setrlimit(RLIMIT_NOFILE, &more);
        }
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return (size_t)limit.rlim_cur;
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
    /* gethostname need not terminate a name that is cut. */
    if (gethostname(out_name, cap) != 0)
        out_name[0] = 0;
    out_name[cap - 1] = 0;
    if (!out_name[0])
        snprintf(out_name, cap, "localhost");
}
