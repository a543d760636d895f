#include "store/conform.h"
#include "store/maildir/maildir.h"

static bool make(struct world *w)
{
    const struct pf_maildir_settings settings = {
        .create = true, .cache = true, .keep = 1 << 20, .host = "test.example"};
    struct pf_twin *twin = pf_maildir_new(&settings, NULL);

    w->drive.store = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;
    return w->drive.store != NULL;
}

int main(void)
{
    static const struct rig rig = {.name = "maildir", .folder = true, .quota = true, .make = make, .lasting = true,
                                .makes = true};

    return conform(&rig);
}
