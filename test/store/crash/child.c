#include "store/crash/crash.h"

#include <string.h>

static const struct pf_twin_kind *calls(const struct crash_scene *s)
{
    return s->twin->kind;
}

static enum pf_code write_parcel(struct crash_scene *s, struct pf_twin_parcel *p)
{
    struct pf_bytes rest = pf_bytes_of(crash_mails[CRASH_PARCEL].text);
    enum pf_code code = PF_OK;
    struct pf_err err;

    while (rest.len && !code) {
        struct pf_bytes piece = pf_bytes_head(rest, 250);

        code = calls(s)->parcel_write(p, piece, &err);
        rest = pf_bytes_skip(rest, piece.len);
    }
    return code;
}

static enum pf_code deliver(struct crash_scene *s, struct pf_parcel_seal *seal)
{
    const struct pf_box_where where = crash_where(s, 0);
    struct pf_twin_parcel *p;
    struct pf_err err;
    enum pf_code code = calls(s)->parcel_begin(s->twin, &where, &p, &err);

    if (code)
        return code;
    code = write_parcel(s, p);
    if (!code)
        return calls(s)->parcel_seal(p, seal, &err);
    calls(s)->parcel_drop(p);
    return code;
}

void crash_run_delivery(struct crash_scene *s)
{
    struct crash_told *told = s->told;
    struct pf_parcel_seal seal = {0};

    told->delivering = true;
    told->deliver = deliver(s, &seal);
    if (told->deliver == PF_OK) {
        memcpy(told->uidl[CRASH_PARCEL], seal.uidl, sizeof seal.uidl);
        crash_mark(CRASH_SEALED);
    }
    told->delivered = true;
}

/* Which message stands in which row. */
static void note_listing(struct crash_scene *s, const struct pf_listing *listing, int *mails)
{
    struct crash_told *told = s->told;

    for (uint32_t i = 0; i < listing->count && i < CRASH_MAILS; i++) {
        struct pf_bytes uidl = pf_listing_uidl(listing, i);

        mails[i] = crash_mail_by_size(listing->rows[i].octets);
        if (mails[i] < 0) {
            told->strange++;
            continue;
        }
        told->listed |= 1u << mails[i];
        memcpy(told->uidl[mails[i]], uidl.at, uidl.len);
    }
    told->opened = true;
    crash_mark(CRASH_LISTED);
}

static void read_all(struct crash_scene *s, const struct pf_twin_opened *opened, const int *mails)
{
    static unsigned char room[CRASH_TEXT_MAX];

    for (uint32_t i = 0; i < opened->listing.count && i < CRASH_MAILS; i++) {
        int64_t len = crash_read(s, opened->box, i, room);

        if (len >= 0 && crash_mail_by_text(s, pf_bytes_from(room, (size_t)len)) != mails[i])
            s->told->misread++;
    }
}

static void quit(struct crash_scene *s, const struct pf_twin_opened *opened, const int *mails)
{
    struct crash_told *told = s->told;
    uint64_t words[2][1] = {0};
    struct pf_marks remove = {words[0], opened->listing.count}, seen = {words[1], opened->listing.count};
    struct pf_box_expunge op = {.remove = &remove, .seen = &seen};
    struct pf_err err;

    for (uint32_t i = 0; i < opened->listing.count && i < CRASH_MAILS; i++) {
        pf_marks_set(&remove, i, mails[i] >= 0 && s->scenario->remove >> mails[i] & 1);
        pf_marks_set(&seen, i, mails[i] >= 0 && s->scenario->seen >> mails[i] & 1);
    }
    told->expunging = true;
    told->expunge = calls(s)->box_expunge(opened->box, &op, &err);
    told->removed = op.removed;
    told->expunged = true;
    if (told->expunge == PF_OK)
        crash_mark(CRASH_REMOVED);
}

void crash_run_session(struct crash_scene *s)
{
    const struct pf_box_where where = crash_where(s, s->scenario->expire_days);
    struct pf_twin_opened opened = {0};
    int mails[CRASH_MAILS] = {0};
    struct pf_err err;

    s->told->open = calls(s)->box_open(s->twin, &where, true, &opened, &err);
    if (s->told->open != PF_OK)
        return;
    note_listing(s, &opened.listing, mails);
    if (s->scenario->read)
        read_all(s, &opened, mails);
    if (s->scenario->remove || s->scenario->seen)
        quit(s, &opened, mails);
    calls(s)->box_close(opened.box);
}
