#include "store/maildir/box.h"

#include "store/maildir/table.h"

#include <stdlib.h>

/* Of several files with the message's base name the one with its inode is the better. */
static uint32_t best(const struct pf_twin_box *box, const struct pf_maildir_table *table,
                     uint32_t index)
{
    struct pf_bytes base = pf_maildir_image_base(&box->image, index);
    uint32_t cursor = 0, any = PF_MAILDIR_NONE;

    for (;;) {
        uint32_t i = pf_maildir_scan_find(box->maildir->seed, &box->found, table, base, &cursor);

        if (i == PF_MAILDIR_NONE)
            return any;
        if (box->found.files[i].ino == box->image.files[index].ino)
            return i;
        if (any == PF_MAILDIR_NONE)
            any = i;
    }
}

static enum pf_code assign(struct pf_twin_box *box, bool quiet, struct pf_err *err)
{
    struct pf_maildir_table table;

    if (!box->found_at)
        box->found_at = calloc(box->image.count, sizeof *box->found_at);
    if (!box->found_at || !pf_maildir_scan_index(box->maildir->seed, &box->found, &table))
        return pf_fail(err, PF_NO_MEMORY, 0, "maildir_find", "no memory to search %s", box->path);
    for (uint32_t i = 0; i < box->image.count; i++) {
        uint32_t at = best(box, &table, i);

        box->found_at[i] = at == PF_MAILDIR_NONE ? 0 : at + 1;
        if (at == PF_MAILDIR_NONE && quiet)
            box->image.files[i].flags |= PF_MAILDIR_GONE;
        else
            box->image.files[i].flags &= (uint8_t)~PF_MAILDIR_GONE;
    }
    pf_maildir_table_done(&table);
    return PF_OK;
}

enum pf_code pf_maildir_search(struct pf_twin_box *box, struct pf_err *err)
{
    const struct pf_maildir_scanner scanner = pf_maildir_scanner_of(box);
    struct pf_maildir_scan scan;
    enum pf_code code = pf_maildir_scan(&scanner, &scan, err);

    if (code)
        return code;
    pf_maildir_image_done(&box->found);
    box->found = scan.image;
    code = assign(box, scan.quiet, err);
    if (code) { /* names of an older search would point into what is no more */
        free(box->found_at);
        box->found_at = NULL;
    }
    return code;
}

bool pf_maildir_place(const struct pf_twin_box *box, uint32_t index, int *out_dir,
                      const char **out_name)
{
    const struct pf_maildir_image *image = &box->image;
    const char *name;

    if (box->image.files[index].flags & PF_MAILDIR_GONE)
        return false;
    if (box->found_at && box->found_at[index]) {
        image = &box->found;
        index = box->found_at[index] - 1;
    }
    name = image->blob + image->files[index].name_at;
    *out_dir = name[0] == 'c' ? box->dirs.cur : box->dirs.fresh;
    *out_name = name + PF_MAILDIR_FOLDER_LEN;
    return !strchr(*out_name, '/') && (*out_name)[0] != '.';
}
