#include "sys/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's words, all of them, since the headers we are built with may be older than the kernel we
 * run on: Documentation/userspace-api/landlock.rst. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    WRITE_FILE = 1 << 1,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_DIR = 1 << 7,
    MAKE_FILE = 1 << 8,
    ALL_OF_1 = (1 << 13) - 1,
    REFER = 1 << 13,     /* since 2: links and renames between folders */
    TRUNCATE = 1 << 14,  /* since 3 */
    IOCTL_DEV = 1 << 15, /* since 5 */
    NETWORK = 1 | 2,     /* since 4: bind, connect */
    ABSTRACT = 1,        /* since 6: sockets without a path */
    SIGNALS = 2,         /* since 6 */
    VERSION_FLAG = 1,
    PATH_BENEATH = 1,
    OF_FILES = READ_FILE | WRITE_FILE | TRUNCATE
};

struct ruleset {
    uint64_t files, network, scopes;
};

struct beneath {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

static struct ruleset handled(int version, const struct pf_sandbox *wanted)
{
    struct ruleset all = {.files = ALL_OF_1};

    if (version >= 2)
        all.files |= REFER;
    if (version >= 3)
        all.files |= TRUNCATE;
    if (version >= 5)
        all.files |= IOCTL_DEV;
    if (version >= 4 && !wanted->network)
        all.network = NETWORK;
    if (version >= 6)
        all.scopes = wanted->network ? SIGNALS : ABSTRACT | SIGNALS;
    return all;
}

static void tell_what_lacks(int version, const struct pf_sandbox *wanted, struct pf_sandbox_report *report)
{
    if (version < 3 && wanted->count)
        pf_sandbox_lacks(report, "landlock-truncate");
    if (version < 4 && !wanted->network)
        pf_sandbox_lacks(report, "landlock-network");
    if (version < 6)
        pf_sandbox_lacks(report, "landlock-scope");
}

static enum pf_code allow(int rules, uint64_t files, const struct pf_sandbox_path *path, struct pf_err *err)
{
    struct beneath rule = {.fd = open(path->path, O_PATH | O_CLOEXEC)};
    struct stat info;
    int failed, sys;

    if (rule.fd < 0 && path->optional && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return PF_OK; /* what owners and modes forbid needs no rule */
    if (rule.fd < 0)
        return pf_fail(err, PF_CONFIG, errno, __func__, "%s: %s", path->path, strerror(errno));
    rule.allowed = READ_FILE | READ_DIR;
    if (path->write)
        rule.allowed |= WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_FILE | REFER | TRUNCATE;
    if (fstat(rule.fd, &info) == 0 && !S_ISDIR(info.st_mode))
        rule.allowed &= OF_FILES;
    rule.allowed &= files;
    failed = (int)syscall(SYS_landlock_add_rule, rules, PATH_BENEATH, &rule, 0);
    sys = errno;
    close(rule.fd);
    if (failed)
        return pf_fail(err, PF_CONFIG, sys, __func__, "landlock does not take %s: %s", path->path, strerror(sys));
    return PF_OK;
}

static enum pf_code allow_all(int rules, uint64_t files, const struct pf_sandbox *wanted, struct pf_err *err)
{
    static const struct pf_sandbox_path proc = {.path = "/proc", .optional = true};
    enum pf_code code = PF_OK;

    for (size_t i = 0; i < wanted->count && code == PF_OK; i++)
        code = allow(rules, files, &wanted->paths[i], err);
    return code == PF_OK && PF_SANDBOX_LAX ? allow(rules, files, &proc, err) : code;
}

/* Version 1 forbids every link and rename between folders, which is how a Maildir delivers. */
static bool useless(int version, const struct pf_sandbox *wanted)
{
    return version < 1 || (version < 2 && wanted->role == PF_SANDBOX_STORE);
}

enum pf_code pf_sandbox_landlock(const struct pf_sandbox *wanted, struct pf_sandbox_report *report, struct pf_err *err)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG), rules;
    struct ruleset all;
    enum pf_code code;

    report->landlock = version > 0 ? version : 0;
    all = handled(version, wanted);
    rules = useless(version, wanted) ? -1 : (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0) {
        pf_sandbox_lacks(report, "landlock");
        return PF_OK;
    }
    code = allow_all(rules, all.files, wanted, err);
    if (code == PF_OK && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        pf_sandbox_lacks(report, "landlock");
    else if (code == PF_OK)
        tell_what_lacks(version, wanted, report);
    close(rules);
    return code;
}
