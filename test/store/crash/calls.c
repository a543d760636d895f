/* Which system calls there are, and which errors they may give (section 2 of the manual, and what
 * copy-on-write and network file systems add: a removal or a close without space). */
#include "store/crash/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
    READS = CRASH_IO,
    WRITES = CRASH_NO_SPACE | CRASH_IO | CRASH_QUOTA,
    OPENS = CRASH_IO | CRASH_NO_FILES
};

#define CALL(name, shape, errors) {SYS_##name, #name, shape, errors, false}
#define MEMORY(name) {SYS_##name, #name, CRASH_PLAIN, 0, true}

static const struct crash_row rows[] = {
    CALL(openat, CRASH_AT, OPENS),
    CALL(openat2, CRASH_AT, OPENS),
    CALL(close, CRASH_FD, WRITES),
    CALL(read, CRASH_FD, READS),
    CALL(readv, CRASH_FD, READS),
    CALL(pread64, CRASH_FD, READS),
    CALL(preadv, CRASH_FD, READS),
    CALL(preadv2, CRASH_FD, READS),
    CALL(write, CRASH_FD, WRITES),
    CALL(writev, CRASH_FD, WRITES),
    CALL(pwrite64, CRASH_FD, WRITES),
    CALL(pwritev, CRASH_FD, WRITES),
    CALL(copy_file_range, CRASH_PLAIN, WRITES),
    CALL(sendfile, CRASH_FD, WRITES),
    CALL(fallocate, CRASH_FD, WRITES),
    CALL(ftruncate, CRASH_FD, WRITES),
    CALL(fsync, CRASH_FD, WRITES),
    CALL(fdatasync, CRASH_FD, WRITES),
    CALL(fstat, CRASH_FD, READS),
    CALL(newfstatat, CRASH_AT, READS),
    CALL(statx, CRASH_AT, READS),
    CALL(faccessat, CRASH_AT, READS),
    CALL(faccessat2, CRASH_AT, READS),
    CALL(getdents64, CRASH_FD, READS),
    CALL(lseek, CRASH_FD, 0),
    CALL(fcntl, CRASH_FD, 0),
    CALL(dup, CRASH_FD, CRASH_NO_FILES),
    CALL(dup3, CRASH_FD, CRASH_NO_FILES),
    CALL(linkat, CRASH_AT_AT, WRITES),
    CALL(symlinkat, CRASH_PLAIN, WRITES),
    CALL(renameat2, CRASH_AT_AT, WRITES),
    CALL(unlinkat, CRASH_AT, WRITES),
    CALL(mkdirat, CRASH_AT, WRITES),
    CALL(fchown, CRASH_FD, CRASH_IO | CRASH_QUOTA),
    CALL(fchmod, CRASH_FD, CRASH_IO),
    CALL(utimensat, CRASH_AT, CRASH_IO),
#ifdef SYS_renameat
    CALL(renameat, CRASH_AT_AT, WRITES),
#endif
#ifdef SYS_open /* processors that have a past */
    CALL(open, CRASH_PATH, OPENS),
    CALL(stat, CRASH_PATH, READS),
    CALL(lstat, CRASH_PATH, READS),
    CALL(access, CRASH_PATH, READS),
    CALL(mkdir, CRASH_PATH, WRITES),
    CALL(unlink, CRASH_PATH, WRITES),
    CALL(link, CRASH_PATH_PATH, WRITES),
    CALL(rename, CRASH_PATH_PATH, WRITES),
    CALL(dup2, CRASH_FD, CRASH_NO_FILES),
#endif
    MEMORY(mmap),
    MEMORY(munmap),
    MEMORY(mremap),
    MEMORY(mprotect),
    MEMORY(madvise),
    MEMORY(brk),
    MEMORY(futex),
    MEMORY(prctl),
    MEMORY(sched_yield),
    MEMORY(gettid),
    MEMORY(sigaltstack),
    MEMORY(rt_sigprocmask),
    MEMORY(rt_sigaction),
};

static const struct crash_row other = {-1, "another call", CRASH_PLAIN, 0, false};
static const struct crash_row file_map = {SYS_mmap, "mmap of a file", CRASH_PLAIN, 0, false};

static const struct {
    unsigned bit;
    int error;
    const char *name;
} errors[CRASH_ERRORS] = {
    {CRASH_NO_SPACE, ENOSPC, "ENOSPC"},
    {CRASH_IO, EIO, "EIO"},
    {CRASH_QUOTA, EDQUOT, "EDQUOT"},
    {CRASH_NO_FILES, EMFILE, "EMFILE"},
};

const struct crash_row *crash_row(long number, const uint64_t args[6])
{
    if (number == SYS_mmap && !(args[3] & MAP_ANONYMOUS))
        return &file_map;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].number == number)
            return &rows[i];
    return &other;
}

unsigned crash_errors(const struct crash_row *row, const uint64_t args[6])
{
    if (row->number == SYS_openat && args[2] & O_CREAT)
        return row->errors | WRITES;
#ifdef SYS_open
    if (row->number == SYS_open && args[1] & O_CREAT)
        return row->errors | WRITES;
#endif
    if (row->number == SYS_fcntl && (args[1] == F_DUPFD || args[1] == F_DUPFD_CLOEXEC))
        return CRASH_NO_FILES;
    return row->errors;
}

int crash_errno(unsigned bit)
{
    for (size_t i = 0; i < CRASH_ERRORS; i++)
        if (errors[i].bit == bit)
            return errors[i].error;
    return 0;
}

const char *crash_error_name(int error)
{
    for (size_t i = 0; i < CRASH_ERRORS; i++)
        if (errors[i].error == error)
            return errors[i].name;
    return "?";
}
