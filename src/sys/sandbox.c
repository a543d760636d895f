#include "sys/sandbox_private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP(name) ((uint64_t)1 << (name))

enum { CAPS_MAX = 63 /* bits of the two words that the kernel takes */ };

static const struct role {
    const char *name;
    uint64_t capabilities; /* kept, where it has them */
    bool paths, network, landlock, children;
} roles[PF_SANDBOX_ROLES] = {
    /* It binds low ports, becomes its children's users, ends and watches them, and lets them empty their
     * bounding set. What is not root's it reads by its group, or not. */
    [PF_SANDBOX_KEEPER] = {"keeper",
                           CAP(CAP_NET_BIND_SERVICE) | CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_KILL) |
                               CAP(CAP_CHOWN) | CAP(CAP_SETPCAP),
                           .children = true},
    [PF_SANDBOX_GATE] = {"gate", 0, .landlock = true},
    [PF_SANDBOX_AUTH] = {"auth", 0, .paths = true, .network = true, .landlock = true, .children = true},
    [PF_SANDBOX_STORE] = {"store", 0, .paths = true, .landlock = true, .children = true},
};

const char *pf_sandbox_role_name(enum pf_sandbox_role role)
{
    return roles[role].name;
}

void pf_sandbox_lacks(struct pf_sandbox_report *report, const char *word)
{
    size_t len = strlen(report->missing);

    snprintf(report->missing + len, sizeof report->missing - len, "%s%s", len ? " " : "", word);
}

/* Landlock and capabilities are things of a thread. Where there is no /proc nobody can say. */
static bool has_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned count = 0;

    if (!tasks)
        return false;
    while ((entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count > 1;
}

static void set_limits(const struct role *role)
{
    static const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    if (!role->children && !PF_SANDBOX_LAX)
        setrlimit(RLIMIT_NPROC, &none);
}

static bool get_capabilities(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};

    return syscall(SYS_capget, &head, data) == 0;
}

static bool set_capabilities(uint64_t keep)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2], now[2];

    if (!get_capabilities(data))
        return false;
    for (int i = 0; i < 2; i++) {
        data[i].permitted &= (uint32_t)(keep >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, data) == 0 && get_capabilities(now) &&
           memcmp(data, now, sizeof now) == 0;
}

/* Without CAP_SETPCAP it cannot be done, and need not: with no new privileges nothing is ever taken from that
 * set again. Only who had the right and failed is told. */
static bool empty_bounding_set(uint64_t keep)
{
    struct __user_cap_data_struct data[2];
    bool good = true;

    if (!get_capabilities(data) || !(data[0].effective & CAP(CAP_SETPCAP)))
        return true;
    for (int cap = 0; cap <= CAPS_MAX; cap++)
        if (!(keep & CAP(cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            good &= prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0;
    return good;
}

static void drop_capabilities(const struct role *role, struct pf_sandbox_report *report)
{
    if (!empty_bounding_set(role->capabilities))
        pf_sandbox_lacks(report, "bounding-set");
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!set_capabilities(role->capabilities))
        pf_sandbox_lacks(report, "capabilities");
}

enum pf_code pf_sandbox_enter(const struct pf_sandbox *wanted, struct pf_sandbox_report *out, struct pf_err *err)
{
    const struct role *role = &roles[wanted->role];
    enum pf_code code = PF_OK;

    assert((role->paths || !wanted->count) && (role->network || !(wanted->network || wanted->sockets)));
    *out = (struct pf_sandbox_report){0};
    if (has_threads())
        return pf_fail(err, PF_CONFIG, 0, __func__, "the sandbox of %s must be entered before there are threads",
                       role->name);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return pf_fail(err, PF_CONFIG, errno, __func__, "cannot give up new privileges: %s", strerror(errno));
    set_limits(role);
    /* Who is not dumpable may not read its own /proc, as the address sanitizer must. */
    if (!PF_SANDBOX_LAX)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (role->landlock)
        code = pf_sandbox_landlock(wanted, out, err);
    if (code != PF_OK)
        return code;
    drop_capabilities(role, out);
    if (wanted->role != PF_SANDBOX_KEEPER && geteuid() == 0)
        pf_sandbox_lacks(out, "another-user");
    if (PF_SANDBOX_LAX)
        pf_sandbox_lacks(out, "strictness");
    return pf_sandbox_filter(wanted, out, err);
}
