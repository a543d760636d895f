/* Memory that two processes share: a memfd and its seals. For slot.c and slot_listing.c. */
#ifndef POSTFACH_SYS_SLOT_MEMORY_H
#define POSTFACH_SYS_SLOT_MEMORY_H

#include <fcntl.h>
#include <postfach/err.h>

enum {
    PF_SLOT_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, /* its length is for ever */
    PF_LISTING_SEALS = PF_SLOT_SEALS | F_SEAL_WRITE            /* and its octets */
};

/* A descriptor, close-on-exec and never executable where the kernel knows how; -1 on failure. */
int pf_slot_memory_new(const char *name, struct pf_err *err);
enum pf_code pf_slot_memory_seal(int fd, int seals, struct pf_err *err);
/* Of memory that somebody sent: has it these seals (PF_PERM when not), and how long is it? */
enum pf_code pf_slot_memory_look(int fd, int seals, uint64_t *out_octets, struct pf_err *err);
/* With errno. */
enum pf_code pf_slot_memory_failed(const char *what, const char *where, struct pf_err *err);

#endif
