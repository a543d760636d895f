#include "store/t_mbox_view.h"

static bool make(struct world *w)
{
    const struct pf_mbox_settings settings = {.mboxrd = true, .dotlock = true, .lock_wait = 10, .create = true};

    return view_make(w, &settings);
}

int main(void)
{
    static const struct rig rig = {
        .name = "mbox", .folder = true, .make = make, .break_down = view_forget, .lasting = true};

    return conform(&rig);
}
