/* Slots: 256 KiB pieces of memory that a gate and a store share, for the octets of messages.
 *
 * One arena for each pair of processes: a memfd, sealed so that neither can make it shorter (which would
 * kill the other with SIGBUS at the next touch), mapped by both. At any moment a slot is free, ours or
 * theirs, and each side keeps that in its own memory: who holds which is said by the frames that
 * carry a slot's number (sys/ipc.h) and by nothing else. No locks, flags or lengths lie in the shared
 * memory, so there is nothing in it that the other side could bend.
 *
 *     gate                                            store
 *     pf_slot_take    free  -> ours
 *     pf_slot_lend    ours  -> theirs   [ask READ, slot 7]
 *                                                     pf_slot_receive   theirs -> ours, filled
 *                                                     pf_slot_lend      ours -> theirs
 *     pf_slot_receive theirs -> ours    [7, 4711 octets]
 *     pf_slot_put     ours  -> free
 *
 * pf_slot_receive is the question that must be asked of every number that comes in: false means that the
 * peer claims what it does not hold, and is to be dropped (pf_ipc_drop). Back-pressure needs no code: a slow
 * guest leaves its slots full, and there is nothing to ask the next piece for.
 *
 * Caveat: a peer in the hands of a stranger may write into a slot that is not its own; nothing can stop it.
 * It can spoil only what it could have sent wrongly anyway, as long as who reads a slot takes each octet
 * once, and decides nothing by octets that it reads again. And since it may do so until it is dead, an arena
 * whose peer was dropped is freed, and never shared with another.
 *
 * The memory is given back when both have freed their mapping; slots that were never touched cost
 * nothing, and pf_slots_trim gives back those that are free now. */
#ifndef POSTFACH_SYS_SLOT_H
#define POSTFACH_SYS_SLOT_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_slots;

enum {
    PF_SLOT_OCTETS = 262144, /* so many that to wake the other side costs little beside copying them */
    PF_SLOTS_MAX = 2048 /* 512 MiB; a guest has two at most, and only while octets move */
};

/* Makes an arena, all slots free (the gate's side). */
struct pf_slots *pf_slots_new(unsigned count, struct pf_err *err);
/* Maps the arena that came by a frame, all slots theirs (the store's side). PF_PERM when it is not what it
 * must be: sealed against shrinking and growing, and of exactly `count` slots. `fd` stays the caller's. */
struct pf_slots *pf_slots_map(int fd, unsigned count, struct pf_err *err);
void pf_slots_free(struct pf_slots *); /* NULL is allowed */
int pf_slots_fd(const struct pf_slots *); /* to be sent; -1 on the side that mapped it */
unsigned pf_slots_count(const struct pf_slots *);
unsigned pf_slots_room(const struct pf_slots *); /* how many are free */

/* A free slot becomes ours; false when there is none. */
bool pf_slot_take(struct pf_slots *, uint32_t *out_slot);
/* Ours becomes free (asserted that it was ours). */
void pf_slot_put(struct pf_slots *, uint32_t slot);
/* Ours becomes theirs (asserted). */
void pf_slot_lend(struct pf_slots *, uint32_t slot);
/* Theirs becomes ours; false, and nothing changed, for any number that they do not hold. */
bool pf_slot_receive(struct pf_slots *, uint32_t slot);
/* PF_SLOT_OCTETS octets of a slot that is ours (asserted). */
unsigned char *pf_slot_at(struct pf_slots *, uint32_t slot);
/* Gives the memory of free slots back to the system; they read as zeros then. */
void pf_slots_trim(struct pf_slots *);

#endif
