#include "fetch/ledger_private.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    SLOTS_FIRST = 64,
    CAP_FIRST = 32,
    TEXT_FIRST = 1024,
    DEAD_FEW = 64 /* so few are not worth the walk when the table grows */
};

static uint64_t turn(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void stir(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), the `who` before the UID: keyed, short, quick on short words. */
static uint32_t hash_of(const struct pf_ledger_table *t, uint32_t who, struct pf_bytes uid)
{
    uint64_t v[4] = {t->seed[0] ^ 0x736f6d6570736575, t->seed[1] ^ 0x646f72616e646f6d,
                     t->seed[0] ^ 0x6c7967656e657261, t->seed[1] ^ 0x7465646279746573};
    uint64_t word = who, len = uid.len;

    for (bool last = false; !last;) {
        v[3] ^= word;
        stir(v);
        v[0] ^= word;
        last = uid.len < sizeof word;
        word = 0;
        if (uid.len)
            memcpy(&word, uid.at, last ? uid.len : sizeof word);
        uid = pf_bytes_skip(uid, sizeof word);
    }
    word |= len << 56;
    v[3] ^= word;
    stir(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        stir(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

void pf_ledger_table_begin(struct pf_ledger_table *t)
{
    memset(t, 0, sizeof *t);
    if (getrandom(t->seed, sizeof t->seed, GRND_NONBLOCK) != sizeof t->seed)
        t->seed[0] = (uint64_t)time(NULL) ^ (uintptr_t)t; /* early in a boot: better than nothing */
}

void pf_ledger_table_done(struct pf_ledger_table *t)
{
    free(t->entries);
    free(t->slots);
    free(t->text);
    free(t->before);
    pf_ledger_table_begin(t);
}

static struct pf_bytes uid_of(const struct pf_ledger_table *t, const struct pf_ledger_entry *e)
{
    return pf_bytes_from(t->text + e->text + e->name_len, e->uid_len);
}

/* The slot of that UID, or the free one where it belongs. There is always a free one. */
static uint32_t *slot_of(const struct pf_ledger_table *t, uint32_t hash, uint32_t who,
                         struct pf_bytes uid)
{
    size_t at = hash & (t->slot_count - 1);

    while (t->slots[at]) {
        const struct pf_ledger_entry *e = &t->entries[t->slots[at] - 1];

        if (e->hash == hash && e->who == who && pf_bytes_equal(uid_of(t, e), uid))
            break;
        at = (at + 1) & (t->slot_count - 1);
    }
    return &t->slots[at];
}

static void fill_slots(struct pf_ledger_table *t)
{
    memset(t->slots, 0, t->slot_count * sizeof *t->slots);
    for (size_t i = 0; i < t->count; i++) {
        struct pf_ledger_entry *e = &t->entries[i];

        *slot_of(t, e->hash, e->who, uid_of(t, e)) = (uint32_t)i + 1;
    }
}

/* Takes out what is gone. */
static void tidy(struct pf_ledger_table *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].state != PF_LEDGER_GONE)
            t->entries[kept++] = t->entries[i];
    t->count = kept;
    fill_slots(t);
}

static bool grow_entries(struct pf_ledger_table *t)
{
    size_t cap = t->cap ? t->cap * 2 : CAP_FIRST;
    struct pf_ledger_entry *bigger;

    if (t->count < t->cap)
        return true;
    if (t->count - t->live > DEAD_FEW && t->live < t->count / 2) {
        tidy(t);
        return true;
    }
    bigger = cap < UINT32_MAX / 4 ? reallocarray(t->entries, cap, sizeof *t->entries) : NULL;
    if (!bigger)
        return false;
    t->entries = bigger;
    t->cap = cap;
    return true;
}

/* At most three of four are taken. */
static bool grow_slots(struct pf_ledger_table *t)
{
    size_t count = t->slot_count ? t->slot_count * 2 : SLOTS_FIRST;
    uint32_t *bigger;

    if (t->slot_count && t->count + 1 <= t->slot_count / 4 * 3)
        return true;
    bigger = malloc(count * sizeof *bigger);
    if (!bigger)
        return false;
    free(t->slots);
    t->slots = bigger;
    t->slot_count = count;
    fill_slots(t);
    return true;
}

bool pf_ledger_table_reserve(struct pf_ledger_table *t, size_t more)
{
    size_t cap = t->text_cap ? t->text_cap : TEXT_FIRST, need;
    unsigned char *bigger;

    if (__builtin_add_overflow(t->text_len, more, &need))
        return false;
    if (need <= t->text_cap)
        return true;
    while (cap < need)
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            return false;
    bigger = malloc(cap);
    if (!bigger)
        return false;
    if (t->text_len)
        memcpy(bigger, t->text, t->text_len);
    free(t->before);
    t->before = t->text;
    t->text = bigger;
    t->text_cap = cap;
    return true;
}

void pf_ledger_table_settle(struct pf_ledger_table *t)
{
    free(t->before);
    t->before = NULL;
}

static void set_text(struct pf_ledger_table *t, struct pf_ledger_entry *e,
                     const struct pf_ledger_note *n)
{
    unsigned char *at = t->text + t->text_len;

    e->text = t->text_len;
    e->name_len = (uint8_t)n->name.len;
    e->uid_len = (uint16_t)n->uid.len;
    if (n->name.len)
        memcpy(at, n->name.at, n->name.len);
    memcpy(at + n->name.len, n->uid.at, n->uid.len);
    t->text_len += n->name.len + n->uid.len;
}

static void set_facts(struct pf_ledger_entry *e, const struct pf_ledger_note *n)
{
    e->state = (uint8_t)n->state;
    e->when = n->when;
    e->octets = n->octets;
    memcpy(e->head, n->head, sizeof e->head);
}

static void change(struct pf_ledger_table *t, struct pf_ledger_entry *e, const struct pf_ledger_note *n)
{
    if (n->name.len) {
        set_text(t, e, n);
    } else {
        e->text += e->name_len;
        e->name_len = 0;
    }
    set_facts(e, n);
    t->live -= n->state == PF_LEDGER_GONE;
}

static void add(struct pf_ledger_table *t, uint32_t *slot, const struct pf_ledger_entry *model,
                const struct pf_ledger_note *n)
{
    struct pf_ledger_entry *e = &t->entries[t->count++];

    *e = *model;
    set_text(t, e, n);
    set_facts(e, n);
    *slot = (uint32_t)t->count;
    t->live++;
}

bool pf_ledger_table_learn(struct pf_ledger_table *t, uint32_t who, const struct pf_ledger_note *n)
{
    struct pf_ledger_entry model = {.hash = hash_of(t, who, n->uid), .who = who};
    uint32_t *slot;

    if (n->uid.len > PF_LEDGER_UID_MAX || n->name.len > PF_LEDGER_NAME_MAX || !n->uid.len)
        return false;
    if (n->state == PF_LEDGER_GONE && !t->live)
        return true;
    if (!grow_entries(t) || !grow_slots(t) || !pf_ledger_table_reserve(t, n->uid.len + n->name.len))
        return false;
    slot = slot_of(t, model.hash, who, n->uid);
    if (*slot && t->entries[*slot - 1].state != PF_LEDGER_GONE)
        change(t, &t->entries[*slot - 1], n);
    else if (n->state != PF_LEDGER_GONE)
        add(t, slot, &model, n);
    return true;
}

static void show(const struct pf_ledger_table *t, const struct pf_ledger_entry *e,
                 struct pf_ledger_note *out)
{
    out->state = (enum pf_ledger_state)e->state;
    out->when = e->when;
    out->octets = e->octets;
    memcpy(out->head, e->head, sizeof out->head);
    out->name = pf_bytes_from(t->text + e->text, e->name_len);
    out->uid = uid_of(t, e);
}

bool pf_ledger_table_find(const struct pf_ledger_table *t, uint32_t who, struct pf_bytes uid,
                          struct pf_ledger_note *out)
{
    uint32_t slot = t->live ? *slot_of(t, hash_of(t, who, uid), who, uid) : 0;

    if (!slot || t->entries[slot - 1].state == PF_LEDGER_GONE)
        return false;
    show(t, &t->entries[slot - 1], out);
    return true;
}

void pf_ledger_table_at(struct pf_ledger_table *t, size_t i, struct pf_ledger_note *out,
                        uint32_t *out_who)
{
    if (t->live < t->count)
        tidy(t);
    show(t, &t->entries[i], out);
    if (out_who)
        *out_who = t->entries[i].who;
}

void pf_ledger_table_only(struct pf_ledger_table *t, uint32_t who)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].who != who && t->entries[i].state != PF_LEDGER_GONE) {
            t->entries[i].state = PF_LEDGER_GONE;
            t->live--;
        }
    if (t->live < t->count)
        tidy(t);
}
