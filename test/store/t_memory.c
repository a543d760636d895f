#include "store/conform.h"
#include "store/memory.h"

static bool make(struct world *w)
{
    w->drive.store = pf_memory_new(w->drive.loop);
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "memory", .quota = true, .make = make};

    return conform(&rig);
}
