#include "sys/slot.h"

#include "sys/slot_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum holder { FREE, OURS, THEIRS };

struct pf_slots {
    unsigned char *at;
    size_t octets;
    int fd;
    unsigned count, free_count;
    uint16_t *free_list; /* a stack: what was used last is still in the cache */
    uint8_t holders[];
};

static_assert((PF_SLOTS_MAX) <= UINT16_MAX + 1, "numbers fit into the list of free slots");

static struct pf_slots *record(unsigned count, enum holder holder)
{
    struct pf_slots *slots = calloc(1, sizeof *slots + count);

    if (!slots)
        return NULL;
    slots->fd = -1;
    slots->count = count;
    slots->octets = (size_t)count * PF_SLOT_OCTETS;
    memset(slots->holders, holder, count);
    slots->free_list = calloc(count, sizeof *slots->free_list);
    if (slots->free_list)
        return slots;
    free(slots);
    return NULL;
}

static bool map(struct pf_slots *slots, int fd, struct pf_err *err)
{
    void *at = mmap(NULL, slots->octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at == MAP_FAILED) {
        pf_slot_memory_failed("cannot map slots", __func__, err);
        return false;
    }
    slots->at = at;
    return true;
}

static struct pf_slots *none(struct pf_slots *slots)
{
    pf_slots_free(slots);
    return NULL;
}

struct pf_slots *pf_slots_new(unsigned count, struct pf_err *err)
{
    struct pf_slots *slots;

    assert(count > 0 && count <= PF_SLOTS_MAX);
    slots = record(count, FREE);
    if (!slots) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for %u slots", count);
        return NULL;
    }
    while (slots->free_count < count) {
        slots->free_list[slots->free_count] = (uint16_t)(count - 1 - slots->free_count);
        slots->free_count++;
    }
    slots->fd = pf_slot_memory_new("postfach-slots", err);
    if (slots->fd < 0)
        return none(slots);
    if (ftruncate(slots->fd, (off_t)slots->octets) != 0) {
        pf_slot_memory_failed("cannot make room for slots", __func__, err);
        return none(slots);
    }
    if (pf_slot_memory_seal(slots->fd, PF_SLOT_SEALS, err) != PF_OK || !map(slots, slots->fd, err))
        return none(slots);
    return slots;
}

struct pf_slots *pf_slots_map(int fd, unsigned count, struct pf_err *err)
{
    struct pf_slots *slots;
    uint64_t octets;

    if (count == 0 || count > PF_SLOTS_MAX) {
        pf_fail(err, PF_PERM, 0, __func__, "%u slots are more or less than there may be", count);
        return NULL;
    }
    if (pf_slot_memory_look(fd, PF_SLOT_SEALS, &octets, err) != PF_OK)
        return NULL;
    if (octets != (uint64_t)count * PF_SLOT_OCTETS) {
        pf_fail(err, PF_PERM, 0, __func__, "memory for slots has %llu octets and should have %u slots",
                (unsigned long long)octets, count);
        return NULL;
    }
    slots = record(count, THEIRS);
    if (!slots) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for %u slots", count);
        return NULL;
    }
    return map(slots, fd, err) ? slots : none(slots);
}

void pf_slots_free(struct pf_slots *slots)
{
    if (!slots)
        return;
    if (slots->at)
        munmap(slots->at, slots->octets);
    if (slots->fd >= 0)
        close(slots->fd);
    free(slots->free_list);
    free(slots);
}

int pf_slots_fd(const struct pf_slots *slots)
{
    return slots->fd;
}

unsigned pf_slots_count(const struct pf_slots *slots)
{
    return slots->count;
}

unsigned pf_slots_room(const struct pf_slots *slots)
{
    return slots->free_count;
}

static bool held_by(const struct pf_slots *slots, uint32_t slot, enum holder holder)
{
    return slot < slots->count && slots->holders[slot] == holder;
}

bool pf_slot_take(struct pf_slots *slots, uint32_t *out_slot)
{
    if (!slots->free_count)
        return false;
    *out_slot = slots->free_list[--slots->free_count];
    slots->holders[*out_slot] = OURS;
    return true;
}

void pf_slot_put(struct pf_slots *slots, uint32_t slot)
{
    assert(held_by(slots, slot, OURS));
    slots->holders[slot] = FREE;
    slots->free_list[slots->free_count++] = (uint16_t)slot;
}

void pf_slot_lend(struct pf_slots *slots, uint32_t slot)
{
    assert(held_by(slots, slot, OURS));
    slots->holders[slot] = THEIRS;
}

bool pf_slot_receive(struct pf_slots *slots, uint32_t slot)
{
    if (!held_by(slots, slot, THEIRS))
        return false;
    slots->holders[slot] = OURS;
    return true;
}

unsigned char *pf_slot_at(struct pf_slots *slots, uint32_t slot)
{
    assert(held_by(slots, slot, OURS));
    return slots->at + (size_t)slot * PF_SLOT_OCTETS;
}

/* Failing to give memory back is no error: it is still ours. */
void pf_slots_trim(struct pf_slots *slots)
{
    for (unsigned i = 0; i < slots->count; i++)
        if (slots->holders[i] == FREE)
            (void)madvise(slots->at + (size_t)i * PF_SLOT_OCTETS, PF_SLOT_OCTETS, MADV_REMOVE);
}
