#include "store/store_remote_private.h"

enum pf_code pf_remote_slot_take(struct pf_remote_link *link, uint32_t *out_slot, uint32_t *out_arena,
                                 struct pf_err *err)
{
    if (!link->slots)
        link->slots = pf_slots_new(PF_REMOTE_SLOTS, err);
    if (!link->slots)
        return err->code;
    if (!pf_slot_take(link->slots, out_slot))
        return pf_fail(err, PF_BUSY, 0, __func__, "all slots of store %u are in use", link->number);
    *out_arena = link->slots_sent ? 0 : PF_REMOTE_SLOTS;
    if (++link->slots_used > link->slots_peak)
        link->slots_peak = link->slots_used;
    return PF_OK;
}

void pf_remote_slot_sent(struct pf_remote_link *link, uint32_t slot)
{
    link->slots_sent = true;
    pf_slot_lend(link->slots, slot);
}

bool pf_remote_slot_back(struct pf_remote_link *link, uint32_t slot)
{
    return link->slots && pf_slot_receive(link->slots, slot);
}

void pf_remote_slot_give(struct pf_remote_link *link, uint32_t slot)
{
    if (!link->slots)
        return;
    pf_slot_put(link->slots, slot);
    if (--link->slots_used > 0 || link->slots_peak < PF_REMOTE_TRIM)
        return;
    pf_slots_trim(link->slots);
    link->slots_peak = 0;
}

/* Reading ahead leaves a slot for each request that could be open: a guest who takes nothing keeps nobody from it. */
bool pf_remote_slot_plenty(const struct pf_remote_link *link)
{
    return link->slots && pf_slots_room(link->slots) > PF_IPC_OPEN_MAX;
}
