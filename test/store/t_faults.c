/* Every n-th call of each kind fails once, for n = 1, 2, 3 until a whole scene
 * plays without meeting the fault. After each scene nothing is lost, nothing
 * is invented, and the store goes on as before. */
#include "store/conform.h"
#include "store/faulty.h"
#include "store/memory.h"
#include "store/twin.h"
#include "unit/cm.h"

#include <stdlib.h>

enum {
    MAIL = 6, /* messages that a scene tries to deliver */
    PIECE = 5
};

/* What the asker knows of each message after a scene. */
enum fate {
    ABSENT,  /* delivery was refused, or removal was confirmed */
    PRESENT, /* delivery was confirmed */
    EITHER   /* removal was asked for, and answered with an error */
};

struct scene {
    struct world *w;
    enum fate fates[MAIL];
    unsigned failures;
    struct pf_box_open o;
};

static struct pf_bytes text_of(unsigned number)
{
    static const char texts[MAIL][24] = {"a first one\n",   "b second\r\none\n", "c",
                                         "d\n.\n..\nfour", "e\n",               "f sixth and last\n"};

    return pf_bytes_of(texts[number]);
}

static void deliver(struct scene *s, unsigned number)
{
    struct pf_box_where where = at_box(s->w, 0);
    struct pf_parcel_seal seal;

    if (drive_deliver(&s->w->drive, &where, text_of(number), PIECE, &seal) == PF_OK)
        s->fates[number] = PRESENT;
    else
        s->failures++;
}

/* Which message this is, from its first octet; every octet must be right. */
static unsigned recognise(struct pf_bytes text)
{
    unsigned number = text.len ? text.at[0] - (unsigned)'a' : MAIL;

    assert_true(number < MAIL);
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

/* A failed read gives a true beginning, and the message can be read after it. */
static void read_all(struct scene *s, unsigned numbers[MAIL])
{
    for (uint32_t i = 0; i < s->o.listing.count; i++) {
        struct drive_text first, again;
        enum pf_code code = drive_fetch(&s->w->drive, s->o.box, i, PIECE, &first);

        if (code != PF_OK) {
            s->failures++;
            assert_int_equal(drive_fetch(&s->w->drive, s->o.box, i, PIECE, &again), PF_OK);
            assert_true(first.len < again.len);
            assert_true(first.len == 0 || memcmp(first.at, again.at, first.len) == 0);
            free(first.at);
            first = again;
        }
        numbers[i] = recognise(pf_bytes_from(first.at, first.len));
        free(first.at);
    }
}

/* Removes every second message. */
static void expunge(struct scene *s, const unsigned numbers[MAIL])
{
    uint64_t mask = 0x55555555u & (((uint64_t)1 << s->o.listing.count) - 1);
    struct pf_marks marks = {&mask, s->o.listing.count};
    struct pf_box_expunge e;
    enum pf_code code = drive_expunge(&s->w->drive, s->o.box, &marks, &e);

    assert_int_equal(e.removed + e.failed, __builtin_popcountll(mask));
    if (code != PF_OK)
        s->failures++;
    for (uint32_t i = 0; i < s->o.listing.count; i++)
        if (mask >> i & 1)
            s->fates[numbers[i]] = code == PF_OK ? ABSENT : EITHER;
}

static void play(struct scene *s)
{
    unsigned numbers[MAIL];

    for (unsigned i = 0; i < MAIL / 2; i++)
        deliver(s, i);
    if (open_box(s)) {
        for (unsigned i = MAIL / 2; i < MAIL; i++)
            deliver(s, i);
        read_all(s, numbers);
        expunge(s, numbers);
        leave(s->w, &s->o);
    }
    if (open_box(s))
        leave(s->w, &s->o);
}

static void expect_fates(struct scene *s)
{
    unsigned numbers[MAIL];
    bool there[MAIL] = {false};

    s->o = enter(s->w, 0);
    read_all(s, numbers);
    for (uint32_t i = 0; i < s->o.listing.count; i++) {
        assert_false(there[numbers[i]]); /* nothing twice */
        there[numbers[i]] = true;
    }
    for (unsigned i = 0; i < MAIL; i++)
        if (s->fates[i] != EITHER)
            assert_int_equal(there[i], s->fates[i] == PRESENT);
    leave(s->w, &s->o);
}

/* False when the fault was not met. */
static bool play_with(const struct rig *rig, enum pf_fault_at at, unsigned number, enum pf_code code)
{
    struct pf_fault fault = {.at = at, .number = number, .index = -1, .code = code};
    struct world w;
    struct scene s = {.w = &w};
    bool fired;

    assert_true(world_make(&w, rig));
    put(&w, 0, PF_LIT("")); /* the maildrop is there, whatever fails */
    s.o = enter(&w, 0);
    expunge_mask(&w, &s.o, 1);
    leave(&w, &s.o);
    pf_faulty_add(w.drive.store, &fault);
    play(&s);
    fired = pf_faulty_fired(w.drive.store) > 0;
    assert_int_equal(s.failures, fired);
    pf_faulty_clear(w.drive.store);
    expect_fates(&s);
    assert_int_equal(s.failures, fired);
    assert_true(world_break(&w));
    return fired;
}

static bool make_memory(struct world *w)
{
    struct pf_store *inner = pf_memory_new(w->drive.loop);

    w->drive.store = inner ? pf_faulty_new(inner) : NULL;
    return w->drive.store != NULL;
}

static bool make_lifted(struct world *w)
{
    struct pf_twin *twin = twin_new();
    struct pf_store *inner = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;

    w->drive.store = inner ? pf_faulty_new(inner) : NULL;
    return w->drive.store != NULL;
}

static void play_all(enum pf_fault_at at, enum pf_code code, unsigned least)
{
    static const struct rig rigs[] = {{.name = "faulty memory", .make = make_memory},
                                      {.name = "faulty lift", .make = make_lifted}};

    for (unsigned r = 0; r < 2; r++) {
        unsigned number = 1;

        while (play_with(&rigs[r], at, number, code))
            number++;
        assert_true(number > least); /* a scene that meets no fault proves nothing */
    }
}

static void every_open_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_OPEN, PF_IN_USE, 2);
}

static void every_read_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_READ, PF_IO, 6);
    play_all(PF_FAULT_READ, PF_GONE, 6);
}

static void every_expunge_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_EXPUNGE, PF_IO, 1);
    play_all(PF_FAULT_EXPUNGE, PF_PARTIAL, 1);
}

static void every_begin_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_BEGIN, PF_OVER_QUOTA, 6);
}

static void every_write_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_WRITE, PF_NO_SPACE, 10);
}

static void every_seal_fails_once(void **state)
{
    (void)state;
    play_all(PF_FAULT_SEAL, PF_IO, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_open_fails_once),  T(every_read_fails_once),  T(every_expunge_fails_once),
        T(every_begin_fails_once), T(every_write_fails_once), T(every_seal_fails_once),
    };

    return RUN(tests);
}
