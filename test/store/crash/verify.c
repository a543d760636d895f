#include "store/crash/crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { COMPLAINTS_MAX = 4 }; /* of a kind and a scenario, in words; the rest is in the counts */

/* What one look at the maildrop showed. */
struct sight {
    uint32_t copies[CRASH_MAILS];
    char uidl[CRASH_MAILS][PF_UIDL_MAX + 1];
    uint32_t listed;
};

void crash_complain(struct crash_scene *s, uint32_t *count, const char *format, ...)
{
    va_list list;

    ++*count;
    if (s->scenario->meant || *count > COMPLAINTS_MAX)
        return;
    printf("# %s, %s: ", s->scenario->name, s->point);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
}

static void see_row(struct crash_scene *s, const struct pf_twin_opened *opened, uint32_t i,
                    struct sight *sight)
{
    static unsigned char room[CRASH_TEXT_MAX];
    struct pf_bytes uidl = pf_listing_uidl(&opened->listing, i);
    int64_t len = crash_read(s, opened->box, i, room);
    int mail = len < 0 ? -1 : crash_mail_by_text(s, pf_bytes_from(room, (size_t)len));

    if (mail < 0) {
        crash_complain(s, &s->counts.torn, "row %u %s", i,
                       len < 0 ? "cannot be read" : "is none of the messages");
        return;
    }
    sight->copies[mail]++;
    memcpy(sight->uidl[mail], uidl.at, uidl.len);
    if (crash_mail_by_size(opened->listing.rows[i].octets) != mail)
        crash_complain(s, &s->counts.other, "message %d is listed with %llu octets", mail,
                       (unsigned long long)opened->listing.rows[i].octets);
    for (uint32_t k = 0; k < i; k++)
        if (pf_bytes_equal(uidl, pf_listing_uidl(&opened->listing, k)))
            crash_complain(s, &s->counts.uidls, "rows %u and %u have the same UIDL", k, i);
}

static bool look(struct crash_scene *s, struct sight *sight)
{
    const struct pf_box_where where = crash_where(s, 0);
    struct pf_twin_opened opened = {0};
    struct pf_err err;
    enum pf_code code = s->twin->kind->box_open(s->twin, &where, true, &opened, &err);

    *sight = (struct sight){0};
    if (code == PF_NO_BOX && s->scenario->empty && !(s->told->delivered && s->told->deliver == PF_OK))
        return false;
    if (code) {
        crash_complain(s, &s->counts.other, "the next session is refused: %s", err.log);
        return false;
    }
    sight->listed = opened.listing.count;
    for (uint32_t i = 0; i < opened.listing.count; i++)
        see_row(s, &opened, i, sight);
    s->twin->kind->box_close(opened.box);
    return true;
}

struct range {
    uint32_t least, most;
};

static struct range expected(const struct crash_scene *s, int mail)
{
    const struct crash_told *t = s->told;
    const struct crash_scenario *sc = s->scenario;

    if (mail == CRASH_PARCEL)
        return (struct range){t->delivered && t->deliver == PF_OK, t->delivering};
    if (sc->empty)
        return (struct range){0, 0};
    if (sc->old >> mail & 1)
        return (struct range){t->listed >> mail & 1, !t->opened || t->listed >> mail & 1};
    if (sc->remove >> mail & 1)
        return (struct range){!t->expunging, !(t->expunged && t->expunge == PF_OK)};
    return (struct range){1, 1};
}

static void check_copies(struct crash_scene *s, const struct sight *sight)
{
    uint32_t gone = 0;

    for (int i = 0; i < CRASH_MAILS; i++) {
        struct range want = expected(s, i);

        if (sight->copies[i] < want.least)
            crash_complain(s, &s->counts.losses, "message %d is lost", i);
        if (sight->copies[i] > want.most)
            crash_complain(s, &s->counts.duplicates, "message %d is there %u times, not %u", i,
                           sight->copies[i], want.most);
        gone += s->scenario->remove >> i & 1 && !sight->copies[i];
    }
    if (s->told->expunged && gone < s->told->removed)
        crash_complain(s, &s->counts.duplicates, "%u messages were said to be removed, %u are",
                       s->told->removed, gone);
}

/* Who was told a UIDL must be told the same now; and nobody else's. */
static void check_uidls(struct crash_scene *s, const struct sight *sight, char (*known)[PF_UIDL_MAX + 1],
                        const char *whose)
{
    for (int i = 0; i < CRASH_MAILS; i++)
        for (int k = 0; k < CRASH_MAILS; k++) {
            bool same = strcmp(sight->uidl[i], known[k]) == 0;

            if (known[k][0] && sight->uidl[i][0] && same != (i == k))
                crash_complain(s, &s->counts.uidls, "message %d has UIDL %s, message %d had %s %s", i,
                               sight->uidl[i], k, known[k], whose);
        }
}

void crash_verify(struct crash_scene *s)
{
    char left[CRASH_WORDS] = "";
    struct sight first, second;

    if (s->told->misread)
        crash_complain(s, &s->counts.torn, "%u bodies were vouched for and wrong", s->told->misread);
    if (s->told->strange)
        crash_complain(s, &s->counts.other, "%u rows had sizes of no message", s->told->strange);
    if (!look(s, &first) || !look(s, &second))
        return;
    check_copies(s, &first);
    check_uidls(s, &first, s->uidl, "in the earlier session");
    check_uidls(s, &first, s->told->uidl, "in this session");
    check_uidls(s, &second, first.uidl, "in the session before");
    if (memcmp(first.copies, second.copies, sizeof first.copies) != 0)
        crash_complain(s, &s->counts.other, "two sessions in a row see different mail");
    s->scenario->kind->sweep(s, left);
    if (left[0])
        crash_complain(s, &s->counts.leftovers, "%s is left behind", left);
}
