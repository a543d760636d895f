#include "store/conform.h"
#include "store/kinds.h"

#include <stdio.h>
#include <string.h>

/* A kind in front of two maildrops, and none before the third. */
static bool make(struct world *w)
{
    const struct pf_kinds_settings settings = {.maildir = {.create = true, .cache = true, .host = "test.example"},
                                               .mbox = {.create = true}};
    struct pf_twin *twin = pf_kinds_new(&settings, NULL);

    for (unsigned i = 0; i < 2; i++)
        if (w->paths[i][0] == '/') {
            char path[WORLD_PATH];

            memcpy(path, w->paths[i], sizeof path);
            snprintf(w->paths[i], sizeof w->paths[i], "maildir:%.100s", path);
        }
    w->drive.store = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "kinds", .folder = true, .quota = true, .make = make, .lasting = true,
                                .makes = true};

    return conform(&rig);
}
