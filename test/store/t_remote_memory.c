#include "store/conform.h"
#include "store/memory.h"
#include "store/remote.h"

static bool make(struct world *w)
{
    return remote_make(w, pf_memory_new(w->drive.loop));
}

int main(void)
{
    static const struct rig rig = {.name = "remote_memory", .quota = true, .make = make};

    return conform(&rig);
}
