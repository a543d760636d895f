#include "store/mbox/box.h"

#include <stdlib.h>

static void mbox_free(struct pf_twin *twin)
{
    struct pf_mbox *mbox = (struct pf_mbox *)twin;

    free(mbox->state_folder);
    free(mbox);
}

static const struct pf_twin_kind kind = {
    .name = "mbox",
    .box_open = pf_mbox_box_open,
    .box_read = pf_mbox_box_read,
    .box_expunge = pf_mbox_box_expunge,
    .box_close = pf_mbox_box_close,
    .parcel_begin = pf_mbox_parcel_begin,
    .parcel_write = pf_mbox_parcel_write,
    .parcel_seal = pf_mbox_parcel_seal,
    .parcel_drop = pf_mbox_parcel_drop,
    .free = mbox_free,
};

struct pf_twin *pf_mbox_new(const struct pf_mbox_settings *settings, struct pf_err *err)
{
    struct pf_mbox *mbox = calloc(1, sizeof *mbox);

    if (mbox) {
        mbox->twin.kind = &kind;
        mbox->settings = *settings;
        if (settings->state_folder)
            mbox->state_folder = strdup(settings->state_folder);
        mbox->settings.state_folder = mbox->state_folder;
    }
    if (mbox && (mbox->state_folder || !settings->state_folder))
        return &mbox->twin;
    free(mbox);
    pf_fail(err, PF_NO_MEMORY, 0, "mbox_new", "no memory for a store");
    return NULL;
}
