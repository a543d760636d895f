#include "store/conform.h"
#include "store/twin.h"

static bool make(struct world *w)
{
    struct pf_twin *twin = twin_new();

    w->drive.store = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "lifted", .make = make};

    return conform(&rig);
}
