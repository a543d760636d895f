#include "store/maildir/box.h"
#include "store/maildir/parcel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static void maildir_free(struct pf_twin *twin)
{
    struct pf_maildir *maildir = (struct pf_maildir *)twin;

    pf_maildir_kept_empty(&maildir->keeper);
    free(maildir->host);
    free(maildir);
}

static const struct pf_twin_kind kind = {
    .name = "maildir",
    .box_open = pf_maildir_box_open,
    .box_read = pf_maildir_box_read,
    .box_expunge = pf_maildir_box_expunge,
    .box_close = pf_maildir_box_close,
    .parcel_begin = pf_maildir_parcel_begin,
    .parcel_write = pf_maildir_parcel_write,
    .parcel_seal = pf_maildir_parcel_seal,
    .parcel_drop = pf_maildir_parcel_drop,
    .free = maildir_free,
    .parcel_ask = pf_maildir_parcel_ask,
    .parcel_ready = pf_maildir_parcel_ready,
    .box_leave = pf_maildir_box_leave,
};

struct pf_twin *pf_maildir_new(const struct pf_maildir_settings *settings, struct pf_err *err)
{
    struct pf_maildir *maildir = calloc(1, sizeof *maildir);
    char machine[256] = "localhost";

    if (!settings->host && gethostname(machine, sizeof machine - 1) != 0)
        memcpy(machine, "localhost", sizeof "localhost");
    if (maildir) {
        maildir->twin.kind = &kind;
        maildir->settings = *settings;
        maildir->keeper.most = settings->keep;
        maildir->settings.host = NULL; /* the caller's string need not live on */
        maildir->host = pf_maildir_host(settings->host ? settings->host : machine);
    }
    if (!maildir || !maildir->host) {
        free(maildir);
        pf_fail(err, PF_NO_MEMORY, 0, "maildir_new", "no memory for a store");
        return NULL;
    }
    if (getrandom(&maildir->seed, sizeof maildir->seed, 0) != sizeof maildir->seed)
        maildir->seed = (uint64_t)(uintptr_t)maildir; /* only tables suffer */
    return &maildir->twin;
}

bool pf_maildir_entry(const struct pf_twin_box *box, uint32_t index,
                      struct pf_maildir_entry *out_entry)
{
    const struct pf_maildir_file *f;

    if (index >= box->image.count)
        return false;
    f = &box->image.files[index];
    *out_entry = (struct pf_maildir_entry){
        .name = box->image.blob + f->name_at,
        .size = f->size == PF_MAILDIR_NO_SIZE ? 0 : f->size,
        .arrival = f->arrival / 1000000,
    };
    return true;
}
