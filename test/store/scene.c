#include "store/scene.h"

#include "unit/cm.h"

enum {
    PIECE = 5,
    TEXT_MAX = 32
};

static struct pf_bytes text_of(unsigned number)
{
    static const char texts[SCENE_MAIL][TEXT_MAX] = {
        "a first one\n", "b second\r\none\n", "c", "d\n.\n..\nfour", "e\n", "f sixth and last\n"};

    return pf_bytes_of(texts[number]);
}

static void deliver(struct scene *s, unsigned number)
{
    struct pf_box_where where = at_box(s->w, 0);
    struct pf_parcel_seal seal;

    if (drive_deliver(&s->w->drive, &where, text_of(number), PIECE, &seal) == PF_OK)
        s->fates[number] = SCENE_PRESENT;
    else
        s->failures++;
}

/* Which message this is, from its first octet; every octet must be right. */
static unsigned recognise(struct pf_bytes text)
{
    unsigned number = text.len ? text.at[0] - (unsigned)'a' : SCENE_MAIL;

    assert_true(number < SCENE_MAIL);
    assert_true(pf_bytes_equal(text, text_of(number)));
    return number;
}

static bool open_box(struct scene *s)
{
    struct pf_box_where where = at_box(s->w, 0);

    if (drive_open_where(&s->w->drive, &where, &s->o) == PF_OK)
        return true;
    assert_null(s->o.box);
    s->failures++;
    return false;
}

/* Reads until the end or a failure; text->len says how far it came. */
static enum pf_code fetch(struct scene *s, uint32_t index, struct pf_span *text)
{
    struct pf_box_read r = {.index = index};

    text->len = 0;
    do {
        assert_true(pf_span_room(text) >= PIECE);
        r.offset = text->len;
        r.at = text->at + text->len;
        r.cap = PIECE;
        drive_read(&s->w->drive, s->o.box, &r);
        text->len += r.got;
    } while (r.op.err.code == PF_OK && !r.last);
    return r.op.err.code;
}

/* A failed read gives a true beginning, and the message can be read after it. */
static void read_all(struct scene *s, unsigned numbers[SCENE_MAIL])
{
    unsigned char one[TEXT_MAX], two[TEXT_MAX];
    struct pf_span first = {one, 0, sizeof one}, again = {two, 0, sizeof two};

    assert_true(s->o.listing.count <= SCENE_MAIL);
    for (uint32_t i = 0; i < s->o.listing.count; i++) {
        enum pf_code code = fetch(s, i, &first);

        s->failures += code != PF_OK;
        if (code == PF_OK)
            again = first;
        else
            assert_int_equal(fetch(s, i, &again), PF_OK);
        numbers[i] = recognise(pf_span_bytes(&again));
        assert_true(code == PF_OK || first.len < again.len);
        assert_memory_equal(first.at, again.at, first.len);
        again.at = two;
    }
}

/* Removes every second message. */
static void expunge(struct scene *s, const unsigned numbers[SCENE_MAIL])
{
    uint64_t mask = 0x15u & (((uint64_t)1 << s->o.listing.count) - 1);
    struct pf_marks marks = {&mask, s->o.listing.count};
    struct pf_box_expunge e;
    enum pf_code code = drive_expunge(&s->w->drive, s->o.box, &marks, &e);

    assert_int_equal(e.removed + e.failed, __builtin_popcountll(mask));
    s->failures += code != PF_OK;
    for (uint32_t i = 0; i < s->o.listing.count; i++)
        if (mask >> i & 1)
            s->fates[numbers[i]] = code == PF_OK ? SCENE_ABSENT : SCENE_EITHER;
}

void scene_prepare(struct scene *s, struct world *w)
{
    *s = (struct scene){.w = w};
    put(w, 0, PF_LIT(""));
    s->o = enter(w, 0);
    expunge_mask(w, &s->o, 1);
    leave(w, &s->o);
}

void scene_play(struct scene *s)
{
    unsigned numbers[SCENE_MAIL];

    for (unsigned i = 0; i < SCENE_MAIL / 2; i++)
        deliver(s, i);
    if (open_box(s)) {
        for (unsigned i = SCENE_MAIL / 2; i < SCENE_MAIL; i++)
            deliver(s, i);
        read_all(s, numbers);
        expunge(s, numbers);
        leave(s->w, &s->o);
    }
    if (open_box(s))
        leave(s->w, &s->o);
}

void scene_expect(struct scene *s)
{
    unsigned numbers[SCENE_MAIL];
    bool there[SCENE_MAIL] = {false};

    s->o = enter(s->w, 0);
    read_all(s, numbers);
    for (uint32_t i = 0; i < s->o.listing.count; i++) {
        assert_false(there[numbers[i]]); /* nothing twice */
        there[numbers[i]] = true;
    }
    for (unsigned i = 0; i < SCENE_MAIL; i++)
        if (s->fates[i] != SCENE_EITHER)
            assert_int_equal(there[i], s->fates[i] == SCENE_PRESENT);
    leave(s->w, &s->o);
}
