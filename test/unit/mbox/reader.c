/* Lists an mbox and gives out each message, for tests that compare what other programs wrote:
 *
 *     mbox_reader FILE [mboxrd]
 *
 * prints for each message a line `UIDL' `wire octets' `octets' and the octets as they are stored. */
#include "store/mbox/mbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(const struct pf_err *err)
{
    fprintf(stderr, "mbox_reader: %s\n", err->log);
    return 1;
}

static enum pf_code put(const struct pf_twin *twin, struct pf_twin_opened *o, uint32_t i, struct pf_err *err)
{
    struct pf_bytes uidl = pf_listing_uidl(&o->listing, i);
    size_t cap = (size_t)o->listing.rows[i].octets + 1; /* stored text is never longer than on the wire */
    struct pf_box_read op = {.index = i};
    unsigned char *text = malloc(cap);
    enum pf_code code;

    if (!text)
        return pf_fail(err, PF_NO_MEMORY, 0, "reader", "no memory");
    do {
        op.at = text + op.offset;
        op.cap = cap - (size_t)op.offset;
        code = twin->kind->box_read(o->box, &op, true, err);
        op.offset += code ? 0 : op.got;
    } while (!code && !op.last);
    printf("%.*s %llu %zu\n", (int)uidl.len, (const char *)uidl.at, (unsigned long long)o->listing.rows[i].octets,
           (size_t)op.offset);
    fwrite(text, 1, (size_t)op.offset, stdout);
    free(text);
    return code;
}

int main(int argc, char **argv)
{
    struct pf_mbox_settings settings = {.dotlock = true, .lock_wait = 10};
    struct pf_err err = {0};
    struct pf_box_where where = {.user = "reader", .path = argc > 1 ? argv[1] : "", .expire_days = -1};
    struct pf_twin_opened o = {0};
    struct pf_twin *twin;
    enum pf_code code;

    settings.mboxrd = argc > 2 && strcmp(argv[2], "mboxrd") == 0;
    twin = pf_mbox_new(&settings, &err);
    if (!twin)
        return complain(&err);
    code = twin->kind->box_open(twin, &where, true, &o, &err);
    for (uint32_t i = 0; !code && i < o.listing.count; i++)
        code = put(twin, &o, i, &err);
    if (o.box)
        twin->kind->box_close(o.box);
    twin->kind->free(twin);
    return code || fflush(stdout) != 0 ? complain(&err) : 0;
}
