#include "store/conform.h"
#include "store/faulty.h"
#include "store/memory.h"

/* Without faults it must be as if it were not there. */
static bool make(struct world *w)
{
    struct pf_store *inner = pf_memory_new(w->drive.loop);

    w->drive.store = inner ? pf_faulty_new(inner) : NULL;
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "faulty", .quota = true, .make = make};

    return conform(&rig);
}
