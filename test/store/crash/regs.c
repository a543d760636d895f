/* The registers of a stopped child: the one place that depends on the processor. */
#include "store/crash/trace.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#if defined __x86_64__

static bool registers(pid_t pid, bool set, struct user_regs_struct *r)
{
    struct iovec v = {r, sizeof *r};

    return ptrace(set ? PTRACE_SETREGSET : PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v) == 0;
}

bool crash_regs_known(void)
{
    return true;
}

bool crash_regs_skip(pid_t pid)
{
    struct user_regs_struct r;

    if (!registers(pid, false, &r))
        return false;
    r.orig_rax = (unsigned long long)-1;
    return registers(pid, true, &r);
}

bool crash_regs_third(pid_t pid, uint64_t value)
{
    struct user_regs_struct r;

    if (!registers(pid, false, &r))
        return false;
    r.rdx = value;
    return registers(pid, true, &r);
}

bool crash_regs_result(pid_t pid, int64_t value)
{
    struct user_regs_struct r;

    if (!registers(pid, false, &r))
        return false;
    r.rax = (unsigned long long)value;
    return registers(pid, true, &r);
}

#elif defined __aarch64__

static bool set_one(pid_t pid, unsigned index, uint64_t value)
{
    struct user_regs_struct r;
    struct iovec v = {&r, sizeof r};

    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v) != 0)
        return false;
    r.regs[index] = value;
    return ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &v) == 0;
}

bool crash_regs_known(void)
{
    return true;
}

bool crash_regs_skip(pid_t pid)
{
    int none = -1;
    struct iovec v = {&none, sizeof none};

    return ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &v) == 0;
}

bool crash_regs_third(pid_t pid, uint64_t value)
{
    return set_one(pid, 2, value);
}

bool crash_regs_result(pid_t pid, int64_t value)
{
    return set_one(pid, 0, (uint64_t)value);
}

#else

bool crash_regs_known(void)
{
    return false;
}

bool crash_regs_skip(pid_t pid)
{
    return pid < 0;
}

bool crash_regs_third(pid_t pid, uint64_t value)
{
    return pid < 0 && value;
}

bool crash_regs_result(pid_t pid, int64_t value)
{
    return pid < 0 && value;
}

#endif
