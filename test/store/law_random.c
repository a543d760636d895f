#include "store/conform.h"
#include "store/laws.h"
#include "unit/cm.h"

#include <stdlib.h>

enum {
    HELD_MAX = 48,   /* messages in the model at a time */
    TEXT_MAX = 9000, /* octets of the longest of them */
    USED_MAX = 2000,
    STEPS = 150
};

struct known {
    unsigned char *at;
    size_t len;
    char uidl[PF_UIDL_MAX + 1];
};

/* What a maildrop must hold. */
struct model {
    struct world *w;
    struct dice dice;
    unsigned seed, step;
    struct known held[HELD_MAX];
    uint32_t count;
    struct pf_box_open o; /* o.box is NULL while no session is open */
    uint32_t listed;      /* how many of `held` the open session can see: the first ones */
    char used[USED_MAX][PF_UIDL_MAX + 1];
    unsigned used_count;
};

static void *check(struct model *m, void *at)
{
    if (!at)
        fail_msg("no memory in step %u of seed %u", m->step, m->seed);
    return at;
}

#define EXPECT(m, truth) \
    do { \
        if (!(truth)) \
            fail_msg("seed %u, step %u: %s", (m)->seed, (m)->step, #truth); \
    } while (0)

static void remember_uidl(struct model *m, const char *uidl)
{
    for (unsigned i = 0; i < m->used_count; i++)
        EXPECT(m, strcmp(m->used[i], uidl) != 0);
    EXPECT(m, m->used_count < USED_MAX);
    memcpy(m->used[m->used_count++], uidl, PF_UIDL_MAX + 1);
}

static void make_text(struct model *m, struct known *k)
{
    static const char letters[] = "ab\n\r.\r\n\0\xff";

    k->len = roll(&m->dice, roll(&m->dice, 4) ? 200 : TEXT_MAX);
    k->at = check(m, malloc(k->len + 1));
    for (size_t i = 0; i < k->len; i++)
        k->at[i] = (unsigned char)letters[roll(&m->dice, sizeof letters)];
}

static void step_deliver(struct model *m)
{
    struct pf_box_where where = at_box(m->w, 0);
    struct pf_parcel_seal s;
    struct known k = {0};

    if (m->count == HELD_MAX)
        return;
    make_text(m, &k);
    EXPECT(m, drive_deliver(&m->w->drive, &where, pf_bytes_from(k.at, k.len), 1 + roll(&m->dice, 5000), &s)
                  == PF_OK);
    EXPECT(m, s.octets == wire_octets(pf_bytes_from(k.at, k.len)));
    remember_uidl(m, s.uidl);
    memcpy(k.uidl, s.uidl, sizeof k.uidl);
    m->held[m->count++] = k;
}

static void step_drop(struct model *m)
{
    struct pf_box_where where = at_box(m->w, 0);
    struct pf_parcel *parcel = NULL;

    EXPECT(m, drive_begin(&m->w->drive, &where, &parcel) == PF_OK);
    for (uint32_t i = roll(&m->dice, 3); i > 0; i--)
        EXPECT(m, drive_write(&m->w->drive, parcel, PF_LIT("never to be seen\n")) == PF_OK);
    drive_drop(&m->w->drive, parcel);
}

static void check_listing(struct model *m)
{
    uint64_t octets = 0;

    EXPECT(m, m->o.listing.count == m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct known *k = &m->held[i];
        uint64_t wire = wire_octets(pf_bytes_from(k->at, k->len));

        EXPECT(m, m->o.listing.rows[i].octets == wire);
        EXPECT(m, pf_bytes_equal(pf_listing_uidl(&m->o.listing, i), pf_bytes_of(k->uidl)));
        octets += wire;
    }
    EXPECT(m, m->o.listing.octets == octets);
}

static void step_open(struct model *m)
{
    struct pf_box_where where = at_box(m->w, 0);
    struct pf_box_open second;

    if (m->o.box) {
        EXPECT(m, drive_open_where(&m->w->drive, &where, &second) == PF_IN_USE);
        return;
    }
    EXPECT(m, drive_open_where(&m->w->drive, &where, &m->o) == PF_OK);
    m->listed = m->count;
    check_listing(m);
}

static void step_close(struct model *m)
{
    if (!m->o.box)
        return;
    leave(m->w, &m->o);
    if (roll(&m->dice, 3) == 0)
        world_restart(m->w);
}

static void step_read(struct model *m)
{
    struct drive_text text;
    uint32_t index;

    if (!m->o.box || m->listed == 0)
        return;
    index = roll(&m->dice, m->listed);
    EXPECT(m, drive_fetch(&m->w->drive, m->o.box, index, 100 + roll(&m->dice, 5000), &text) == PF_OK);
    EXPECT(m, pf_bytes_equal(pf_bytes_from(text.at, text.len),
                             pf_bytes_from(m->held[index].at, m->held[index].len)));
    free(text.at);
}

/* An expunge is followed by the close, as QUIT does it. */
static void step_expunge(struct model *m)
{
    uint64_t remove = 0;
    struct pf_marks marks = {&remove, m->listed};
    struct pf_box_expunge e;
    uint32_t kept = 0;

    if (!m->o.box)
        return;
    for (uint32_t i = 0; i < m->listed; i++)
        pf_marks_set(&marks, i, roll(&m->dice, 3) == 0);
    EXPECT(m, drive_expunge(&m->w->drive, m->o.box, &marks, &e) == PF_OK);
    EXPECT(m, e.removed == (uint32_t)__builtin_popcountll(remove));
    for (uint32_t i = 0; i < m->count; i++) {
        if (pf_marks_has(&marks, i))
            free(m->held[i].at);
        else
            m->held[kept++] = m->held[i];
    }
    m->count = kept;
    step_close(m);
}

static void run(struct world *w, unsigned seed)
{
    static void (*const steps[])(struct model *) = {
        step_deliver, step_deliver, step_deliver, step_drop,  step_open,    step_open,
        step_read,    step_read,    step_read,    step_close, step_expunge,
    };
    struct model *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->w = w;
    m->seed = seed;
    m->dice.state = seed;
    print_message("# %s: seed %u, %u steps\n", w->rig->name, seed, (unsigned)STEPS);
    step_deliver(m);
    for (m->step = 1; m->step <= STEPS; m->step++)
        steps[roll(&m->dice, sizeof steps / sizeof steps[0])](m);
    step_close(m);
    step_open(m);
    while (m->count > 0) {
        free(m->held[--m->count].at);
        expunge_mask(w, &m->o, (uint64_t)1 << m->count);
    }
    step_close(m);
    free(m);
}

/* SEED in the environment runs that one. */
void many_random_operations_match_the_model(void **state)
{
    const char *chosen = getenv("SEED");

    if (chosen) {
        run(*state, (unsigned)strtoul(chosen, NULL, 10));
        return;
    }
    for (unsigned seed = 1; seed <= 4; seed++)
        run(*state, seed);
}
