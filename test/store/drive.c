#include "store/drive.h"

#include "unit/cm.h"

#include <stdlib.h>

static void finished(struct pf_store_op *op)
{
    op->done = NULL;
}

void drive_ready(struct pf_store_op *op)
{
    op->done = finished;
}

bool drive_pending(const struct pf_store_op *op)
{
    return op->done != NULL;
}

enum pf_code drive_wait(struct drive *d, struct pf_store_op *op)
{
    while (drive_pending(op))
        if (!pf_loop_turn(d->loop, true) && drive_pending(op))
            fail_msg("nothing is left on the loop, and the op is not complete");
    return op->err.code;
}

/* What was asked just now. */
static enum pf_code complete(struct drive *d, struct pf_store_op *op)
{
    assert_true(drive_pending(op)); /* law: never inside the asking */
    return drive_wait(d, op);
}

struct pf_box_where drive_where(const char *path)
{
    return (struct pf_box_where){.user = "tester", .path = path, .now = 1700000000, .expire_days = -1};
}

enum pf_code drive_open_where(struct drive *d, const struct pf_box_where *where,
                              struct pf_box_open *out_open)
{
    *out_open = (struct pf_box_open){.where = *where};
    drive_ready(&out_open->op);
    pf_box_open(d->store, out_open);
    return complete(d, &out_open->op);
}

enum pf_code drive_open(struct drive *d, const char *path, struct pf_box_open *out_open)
{
    struct pf_box_where where = drive_where(path);

    return drive_open_where(d, &where, out_open);
}

enum pf_code drive_read(struct drive *d, struct pf_box *box, struct pf_box_read *r)
{
    drive_ready(&r->op);
    pf_box_read(box, r);
    return complete(d, &r->op);
}

enum pf_code drive_fetch(struct drive *d, struct pf_box *box, uint32_t index, size_t piece,
                         struct drive_text *out_text)
{
    struct pf_box_read r = {.index = index, .cap = piece};
    size_t room = 0;

    *out_text = (struct drive_text){0};
    do {
        if (room - out_text->len < piece) {
            room = room * 2 + piece;
            out_text->at = realloc(out_text->at, room);
            assert_non_null(out_text->at);
        }
        r.offset = out_text->len;
        /* A heap block of exactly `piece` octets, so that a sanitizer sees who writes beyond it. */
        r.at = malloc(piece);
        assert_non_null(r.at);
        drive_read(d, box, &r);
        memcpy(out_text->at + out_text->len, r.at, r.got);
        free(r.at);
        out_text->len += r.got;
        out_text->reads++;
    } while (r.op.err.code == PF_OK && !r.last);
    return r.op.err.code;
}

enum pf_code drive_expunge(struct drive *d, struct pf_box *box, const struct pf_marks *remove,
                           struct pf_box_expunge *out_expunge)
{
    *out_expunge = (struct pf_box_expunge){.remove = remove};
    drive_ready(&out_expunge->op);
    pf_box_expunge(box, out_expunge);
    return complete(d, &out_expunge->op);
}

void drive_close(struct drive *d, struct pf_box *box)
{
    struct pf_box_close c = {0};

    drive_ready(&c.op);
    pf_box_close(box, &c);
    assert_int_equal(complete(d, &c.op), PF_OK);
}

enum pf_code drive_begin(struct drive *d, const struct pf_box_where *where, struct pf_parcel **out_parcel)
{
    struct pf_parcel_begin b = {.where = *where};

    drive_ready(&b.op);
    pf_parcel_begin(d->store, &b);
    if (complete(d, &b.op) == PF_OK)
        *out_parcel = b.parcel;
    return b.op.err.code;
}

enum pf_code drive_write(struct drive *d, struct pf_parcel *parcel, struct pf_bytes bytes)
{
    struct pf_parcel_write w = {.bytes = bytes};

    drive_ready(&w.op);
    pf_parcel_write(parcel, &w);
    return complete(d, &w.op);
}

enum pf_code drive_seal(struct drive *d, struct pf_parcel *parcel, struct pf_parcel_seal *out_seal)
{
    *out_seal = (struct pf_parcel_seal){0};
    drive_ready(&out_seal->op);
    pf_parcel_seal(parcel, out_seal);
    return complete(d, &out_seal->op);
}

void drive_drop(struct drive *d, struct pf_parcel *parcel)
{
    struct pf_parcel_drop drop = {0};

    drive_ready(&drop.op);
    pf_parcel_drop(parcel, &drop);
    assert_int_equal(complete(d, &drop.op), PF_OK);
}

enum pf_code drive_deliver(struct drive *d, const struct pf_box_where *where, struct pf_bytes message,
                           size_t piece, struct pf_parcel_seal *out_seal)
{
    struct pf_parcel *parcel;
    enum pf_code code = drive_begin(d, where, &parcel);

    while (code == PF_OK && message.len > 0) {
        code = drive_write(d, parcel, pf_bytes_head(message, piece));
        message = pf_bytes_skip(message, piece);
        if (code != PF_OK)
            drive_drop(d, parcel);
    }
    return code == PF_OK ? drive_seal(d, parcel, out_seal) : code;
}

uint32_t drive_count(struct drive *d, const char *path)
{
    struct pf_box_open o;

    assert_int_equal(drive_open(d, path, &o), PF_OK);
    drive_close(d, o.box);
    return o.listing.count;
}
