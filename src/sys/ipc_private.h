/* Frames on the wire: one datagram with its descriptors, in and out. For ipc.c alone. */
#ifndef POSTFACH_SYS_IPC_PRIVATE_H
#define POSTFACH_SYS_IPC_PRIVATE_H

#include "sys/ipc.h"

enum pf_ipc_what { PF_IPC_REQUEST = 1, PF_IPC_ANSWER, PF_IPC_NOTICE };

/* Both ends are one program on one machine: the head goes as it lies in memory. */
struct pf_ipc_head {
    uint32_t mark;
    uint16_t kind;
    uint8_t what;
    uint8_t fd_count;
    uint64_t id;     /* 0 in a notice only */
    uint32_t length; /* of the payload */
    uint32_t zero;
};

enum { PF_IPC_FRAME_MAX = (int)sizeof(struct pf_ipc_head) + PF_IPC_PAYLOAD_MAX };

enum pf_ipc_took { PF_IPC_TOOK, PF_IPC_FULL, PF_IPC_BROKEN };

/* Sends one frame, whole or not at all; *out_sys is errno with PF_IPC_BROKEN. */
enum pf_ipc_took pf_ipc_wire_send(int fd, const struct pf_ipc_head *, const struct pf_ipc_frame *, int *out_sys);

enum pf_ipc_got { PF_IPC_GOT, PF_IPC_NOTHING, PF_IPC_END, PF_IPC_BAD };

/* Receives one frame into `buffer` (PF_IPC_FRAME_MAX octets). Only with PF_IPC_GOT are there descriptors to
 * close. *out_why says what is bad, a literal. */
enum pf_ipc_got pf_ipc_wire_receive(int fd, unsigned char *buffer, struct pf_ipc_head *out_head,
                                    struct pf_ipc_frame *out_frame, const char **out_why);

/* Closes what is not -1. */
void pf_ipc_close_fds(int *fds, unsigned count);

#endif
