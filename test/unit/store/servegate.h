/* A gate that says what it likes: frames by hand to a store that serves, on one loop, with a memory store
 * behind the faulty one. */
#ifndef POSTFACH_TEST_SERVEGATE_H
#define POSTFACH_TEST_SERVEGATE_H

#include "store/faulty.h"
#include "store/memory.h"
#include "store/store_serve.h"
#include "store/store_wire.h"

enum { SERVE_NUMBER = 5, SERVE_SLOTS = 8 };

struct serverig {
    struct pf_loop *loop;
    struct pf_store *memory, *store; /* store wraps memory */
    struct pf_seal *seal;
    struct pf_store_serve *serve;
    unsigned troubles, idles;
    char trouble[PF_ERR_LOG];
    bool ended;
};

struct servegate {
    struct serverig *rig;
    uint32_t number;
    struct pf_ipc *ipc;
    struct pf_slots *slots;
    bool gone;
    /* the last answer */
    unsigned answers;
    enum pf_code verdict; /* of the frame */
    union pf_store_say said;
    bool good;    /* it has a form */
    int fd;       /* that came with it, or -1 */
    unsigned char room[PF_IPC_PAYLOAD_MAX];
    /* what the store asks */
    unsigned wanted;
    struct pf_store_say_wanted answer;
    bool mute; /* does not answer what the store asks */
    uint64_t unanswered;
};

void serverig_up(struct serverig *);
/* Every box is to be closed, every parcel gone: asserted. */
void serverig_down(struct serverig *);
void serverig_turn(struct serverig *); /* until nothing moves */

void servegate_come(struct serverig *, struct servegate *, uint32_t number);
void servegate_leave(struct servegate *);
/* Sends, and turns until the answer is there or the gate was dropped. True: answered. */
bool servegate_ask(struct servegate *, enum pf_store_frame, const union pf_store_ask *);
bool servegate_ask_with(struct servegate *, enum pf_store_frame, const union pf_store_ask *, int fd);
bool servegate_raw(struct servegate *, uint16_t kind, struct pf_bytes payload, int fd);
/* Sends only. */
void servegate_send(struct servegate *, enum pf_store_frame, const union pf_store_ask *);

/* For /m/anna, all rights, this gate, good for half a minute. */
struct pf_ticket servegate_ticket(const struct servegate *);
struct pf_bytes servegate_seal(struct serverig *, struct pf_ticket *); /* lives until the next */
/* The box or parcel that a fresh ticket gives; asserted. */
uint32_t servegate_open(struct servegate *, uint8_t rights);
uint32_t servegate_begin(struct servegate *);
void servegate_close(struct servegate *, uint32_t box);
bool servegate_number(struct servegate *, enum pf_store_frame, uint32_t number);
/* Reads with a slot of this gate's arena, which goes with the first. */
bool servegate_read(struct servegate *, uint32_t box, uint32_t index, uint64_t offset);
/* A message of at most 64 octets and `more` behind it, with a slot that was not used before. */
bool servegate_read_more(struct servegate *, uint32_t box, uint32_t index, uint32_t more, unsigned char at[256]);
bool servegate_expunge(struct servegate *, uint32_t box, uint64_t remove, uint64_t seen);

#endif
