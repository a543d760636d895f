#include "sys/slot_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

enum pf_code pf_slot_memory_failed(const char *what, const char *where, struct pf_err *err)
{
    int sys = errno;

    return pf_fail(err, pf_code_of_errno(sys), sys, where, "%s: %s", what, strerror(sys));
}

int pf_slot_memory_new(const char *name, struct pf_err *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        pf_slot_memory_failed("cannot make memory to share", __func__, err);
    return fd;
}

enum pf_code pf_slot_memory_seal(int fd, int seals, struct pf_err *err)
{
    return fcntl(fd, F_ADD_SEALS, seals) == 0 ? PF_OK : pf_slot_memory_failed("cannot seal memory", __func__, err);
}

enum pf_code pf_slot_memory_look(int fd, int seals, uint64_t *out_octets, struct pf_err *err)
{
    int has = fcntl(fd, F_GET_SEALS);
    off_t octets;

    if (has < 0 || (has & seals) != seals)
        return pf_fail(err, PF_PERM, 0, __func__, "memory that was sent has not the seals that it must have");
    /* Not fstat: in the C library that is a call which takes paths too, and a gate may not have it. */
    octets = lseek(fd, 0, SEEK_END);
    if (octets < 0)
        return pf_slot_memory_failed("cannot look at memory that was sent", __func__, err);
    *out_octets = (uint64_t)octets;
    return PF_OK;
}
