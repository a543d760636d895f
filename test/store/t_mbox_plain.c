#include "store/t_mbox_view.h"

#include <stdio.h>
#include <sys/stat.h>

/* Quoting that is not undone, no dotlock, and the state elsewhere. */
static bool make(struct world *w)
{
    static char folder[WORLD_PATH];
    const struct pf_mbox_settings settings = {.lock_wait = 10, .state_folder = folder, .create = true};

    snprintf(folder, sizeof folder, "%s/state", w->folder);
    (void)!mkdir(folder, 0700);
    return view_make(w, &settings);
}

int main(void)
{
    static const struct rig rig = {
        .name = "mbox_plain", .folder = true, .make = make, .break_down = view_forget, .lasting = true};

    return conform(&rig);
}
