/* A store by hand: it stands at the other end of a remote store's frames, on the same loop, and answers as it is
 * told to. */
#ifndef POSTFACH_TEST_FARSTORE_H
#define POSTFACH_TEST_FARSTORE_H

#include "store/drive.h"
#include "store/store_remote.h"
#include "store/store_wire.h"

struct far_store {
    struct pf_ipc *ipc;
    bool gone;
    unsigned asked[PF_STORE_FRAMES];
    uint64_t ids[PF_IPC_OPEN_MAX * 4];
    unsigned waiting;    /* requests that are not answered */
    bool mute;
    union pf_store_ask last; /* views are dead */
    struct pf_slots *slots;
    /* what it says */
    union pf_store_say say[PF_STORE_FRAMES];
    const char *raw[PF_STORE_FRAMES]; /* instead */
    size_t raw_len[PF_STORE_FRAMES];
    bool whole; /* READ: gives as many further messages as are wanted, each as long, of a letter of its own */
    int fd; /* with it */
    uint64_t bits; /* that were marked, in all */
    uint32_t pieces;
};

extern struct far_store far;

/* Another way to drive's store, which is a remote one. */
void far_joins(struct drive *, uint32_t number);
void far_answer(uint64_t id, uint16_t kind);

#endif
