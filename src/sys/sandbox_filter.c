#include "sys/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum verdict { ALLOW, KILL, ABSENT };

enum {
    OUR_PID = -2, /* stands for the process's own number, which is known when the filter is made */
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                 CLONE_NEWNET
};

struct row {
    const char *name, *roles;
    enum verdict verdict;
    unsigned conditions;
    struct {
        unsigned argument;
        int64_t mask, value;
    } when[2];
};

/* Of an argument that the kernel takes as int it does not look at what stands above 32 bits. */
#define INT INT64_C(0xFFFFFFFF)
#define WHOLE INT64_C(-1)

static const struct row rows[] = {
#define PF_CALL(name, roles) {#name, roles, ALLOW, 0, {{0, 0, 0}, {0, 0, 0}}},
#define PF_CALL_1(name, roles, n, mask, value) {#name, roles, ALLOW, 1, {{n, mask, value}, {0, 0, 0}}},
#define PF_CALL_2(name, roles, n, a, m, b) {#name, roles, ALLOW, 2, {{n, INT, a}, {m, INT, b}}},
#define PF_KILL(name, roles) {#name, roles, KILL, 0, {{0, 0, 0}, {0, 0, 0}}},
#define PF_ABSENT(name, roles) {#name, roles, ABSENT, 0, {{0, 0, 0}, {0, 0, 0}}},
#include "sys/sandbox_calls.def"
#undef PF_CALL
#undef PF_CALL_1
#undef PF_CALL_2
#undef PF_KILL
#undef PF_ABSENT
};

/* The letters of this process. */
static bool mine(const char *roles, const struct pf_sandbox *wanted)
{
    static const char letters[PF_SANDBOX_ROLES] = {
        [PF_SANDBOX_KEEPER] = 'k', [PF_SANDBOX_GATE] = 'g', [PF_SANDBOX_AUTH] = 'a', [PF_SANDBOX_STORE] = 's'};

    return strchr(roles, letters[wanted->role]) || (wanted->network && strchr(roles, 'n')) ||
           ((wanted->network || wanted->sockets) && strchr(roles, 'u')) ||
           (PF_SANDBOX_LAX && strchr(roles, 'z'));
}

static struct scmp_arg_cmp compare(const struct row *row, unsigned i)
{
    int64_t value = row->when[i].value == OUR_PID ? getpid() : row->when[i].value;

    return (struct scmp_arg_cmp){.arg = row->when[i].argument, .op = SCMP_CMP_MASKED_EQ,
                                 .datum_a = (scmp_datum_t)row->when[i].mask,
                                 .datum_b = (scmp_datum_t)(value & row->when[i].mask)};
}

/* A call that libseccomp or the machine does not know has no number to be called by. */
static int add(scmp_filter_ctx filter, const struct row *row)
{
    static const uint32_t actions[] = {
        [ALLOW] = SCMP_ACT_ALLOW, [KILL] = SCMP_ACT_KILL_PROCESS, [ABSENT] = SCMP_ACT_ERRNO(ENOSYS)};
    int number = seccomp_syscall_resolve_name(row->name);
    struct scmp_arg_cmp when[2];
    int failed;

    if (number < 0)
        return 0;
    for (unsigned i = 0; i < row->conditions; i++)
        when[i] = compare(row, i);
    failed = seccomp_rule_add_array(filter, actions[row->verdict], number, row->conditions, when);
    return failed == -EEXIST ? 0 : failed;
}

static int add_all(scmp_filter_ctx filter, const struct pf_sandbox *wanted)
{
    bool keeper = wanted->role == PF_SANDBOX_KEEPER;
    int failed = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && !failed; i++)
        if (rows[i].verdict == ALLOW ? !keeper && mine(rows[i].roles, wanted) : !mine(rows[i].roles, wanted))
            failed = add(filter, &rows[i]);
    return failed;
}

/* The order of a long list does not matter to who calls often: it becomes a tree (libseccomp 2.5). */
static int install(scmp_filter_ctx filter, const struct pf_sandbox *wanted)
{
    int failed = add_all(filter, wanted);

    if (failed)
        return failed;
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return seccomp_load(filter);
}

enum pf_code pf_sandbox_filter(const struct pf_sandbox *wanted, struct pf_sandbox_report *report, struct pf_err *err)
{
    uint32_t otherwise = wanted->role == PF_SANDBOX_KEEPER ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx filter = seccomp_init(otherwise);
    int failed;

    if (!filter)
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for a filter of system calls");
    failed = install(filter, wanted);
    seccomp_release(filter);
    if (failed == -ENOMEM)
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, __func__, "no memory for a filter of system calls");
    if (failed)
        pf_sandbox_lacks(report, "seccomp");
    return PF_OK;
}
