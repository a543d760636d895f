#include "store/conform.h"
#include "store/memory.h"
#include "store/sifted.h"

/* Without a recipient it must be as if it were not there. */
static bool make(struct world *w)
{
    struct pf_store *inner = pf_memory_new(w->drive.loop);

    w->drive.store = inner ? pf_sifted_new(inner) : NULL;
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "sifted", .quota = true, .make = make};

    return conform(&rig);
}
