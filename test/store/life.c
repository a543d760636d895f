#include "store/life.h"

#include "sys/slot.h"
#include "unit/cm.h"

#include <stdlib.h>

enum { PIECE = 100000 /* octets of a write: more than a slot */ };

static size_t size_of(unsigned number)
{
    return number == LIFE_MAIL - 1 ? LIFE_LARGE : 20 + number * 3000;
}

/* Octet `at` of message `number`. */
static unsigned char octet(unsigned number, size_t at)
{
    if (at == 0)
        return (unsigned char)('a' + number);
    return at % 70 == 69 ? '\n' : (unsigned char)('A' + (at * 7 + number) % 26);
}

static struct pf_bytes text_of(struct life *life, unsigned number)
{
    for (size_t i = 0; i < size_of(number); i++)
        life->room[i] = octet(number, i);
    return pf_bytes_from(life->room, size_of(number));
}

static void deliver(struct life *life, unsigned number)
{
    struct pf_box_where where = at_box(life->w, 0);
    struct pf_parcel *parcel;
    struct pf_parcel_seal seal;
    struct pf_bytes rest = text_of(life, number);
    enum pf_code code = drive_begin(&life->w->drive, &where, &parcel);

    life->failures += code != PF_OK;
    while (code == PF_OK && rest.len) {
        code = drive_write(&life->w->drive, parcel, pf_bytes_head(rest, PIECE));
        rest = pf_bytes_skip(rest, PIECE);
        if (code != PF_OK) {
            life->failures++;
            drive_drop(&life->w->drive, parcel);
        }
    }
    if (code != PF_OK)
        return; /* never sealed: absent */
    code = drive_seal(&life->w->drive, parcel, &seal);
    life->fates[number] = code == PF_OK ? LIFE_PRESENT : LIFE_EITHER;
    life->failures += code != PF_OK;
}

static enum pf_code open_box(struct life *life)
{
    struct pf_box_where where = at_box(life->w, 0);
    enum pf_code code = drive_open_where(&life->w->drive, &where, &life->o);

    if (code != PF_OK)
        assert_null(life->o.box);
    return code;
}

/* Which message it is, every octet looked at; LIFE_MAIL when it could not be read. */
static unsigned fetch(struct life *life, uint32_t index)
{
    struct pf_box_read r = {.index = index};
    size_t len = 0;
    unsigned number;

    do {
        assert_true(len < LIFE_LARGE);
        r.offset = len;
        r.at = life->room + len;
        r.cap = LIFE_LARGE - len < PF_SLOT_OCTETS ? LIFE_LARGE - len : PF_SLOT_OCTETS;
        if (drive_read(&life->w->drive, life->o.box, &r) != PF_OK) {
            assert_false(r.last);
            return LIFE_MAIL;
        }
        len += r.got;
    } while (!r.last);
    number = life->room[0] - (unsigned)'a';
    assert_true(number < LIFE_MAIL && len == size_of(number));
    for (size_t i = 0; i < len; i++)
        assert_true(life->room[i] == octet(number, i));
    return number;
}

/* Removes every second message, of those that could be read. */
static void expunge(struct life *life, const unsigned *numbers)
{
    uint64_t mask = 0, all = ((uint64_t)1 << life->o.listing.count) - 1;
    struct pf_marks marks = {&mask, life->o.listing.count};
    struct pf_box_expunge e;
    enum pf_code code;

    for (uint32_t i = 0; i < life->o.listing.count; i += 2)
        if (numbers[i] < LIFE_MAIL)
            mask |= (uint64_t)1 << i;
    mask &= all;
    code = drive_expunge(&life->w->drive, life->o.box, &marks, &e);
    life->failures += code != PF_OK;
    for (uint32_t i = 0; i < life->o.listing.count; i++)
        if (mask >> i & 1)
            life->fates[numbers[i]] = code == PF_OK ? LIFE_ABSENT : LIFE_EITHER;
}

void life_prepare(struct life *life, struct world *w)
{
    *life = (struct life){.w = w, .room = malloc(LIFE_LARGE)};
    assert_non_null(life->room);
    put(w, 0, PF_LIT("to make it"));
    life->o = enter(w, 0);
    expunge_mask(w, &life->o, 1);
    leave(w, &life->o);
}

void life_play(struct life *life)
{
    unsigned numbers[LIFE_MAIL];

    for (unsigned i = 0; i < LIFE_MAIL; i++)
        deliver(life, i);
    if (open_box(life) != PF_OK) {
        life->failures++;
        return;
    }
    assert_true(life->o.listing.count <= LIFE_MAIL);
    for (uint32_t i = 0; i < life->o.listing.count; i++) {
        numbers[i] = fetch(life, i);
        life->failures += numbers[i] == LIFE_MAIL;
    }
    expunge(life, numbers);
    leave(life->w, &life->o);
}

static void count(struct life *life, struct life_sum *sum)
{
    unsigned there[LIFE_MAIL] = {0};

    for (uint32_t i = 0; i < life->o.listing.count; i++) {
        unsigned number = fetch(life, i);

        assert_true(number < LIFE_MAIL);
        there[number]++;
    }
    for (unsigned i = 0; i < LIFE_MAIL; i++) {
        sum->lost += life->fates[i] == LIFE_PRESENT && !there[i];
        sum->invented += there[i] > (life->fates[i] != LIFE_ABSENT);
    }
}

/* A thread of the pool may still be closing it; who has it then is stuck. */
enum { FREE_WITHIN = 30000 };

void life_judge(struct life *life, struct life_sum *sum)
{
    struct pf_loop *loop = life->w->drive.loop;
    pf_time end = pf_loop_now_fresh(loop) + FREE_WITHIN;
    enum pf_code code;

    sum->tried++;
    do {
        remote_settle(loop);
        code = open_box(life);
    } while (code == PF_IN_USE && pf_loop_now_fresh(loop) < end);
    if (code != PF_OK) {
        print_message("# stuck: %s\n", life->o.op.err.log);
        sum->stuck++;
        return;
    }
    count(life, sum);
    leave(life->w, &life->o);
}

void life_end(struct life *life)
{
    free(life->room);
}

void life_report(const char *what, const struct life_sum *sum)
{
    print_message("# %s: %u faults tried, %u messages lost, %u invented, %u boxes stuck\n", what, sum->tried,
                  sum->lost, sum->invented, sum->stuck);
    assert_int_equal(sum->lost, 0);
    assert_int_equal(sum->invented, 0);
    assert_int_equal(sum->stuck, 0);
}
