#include "store/mbox/box.h"

#include "store/maildir/mix.h"
#include "store/maildir/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static const char where[] = "mbox_list";

/* Time stamps of some file systems have a grain of two seconds: a stamp proves something only when it
 * was older when it was taken. */
#define GRAIN 2000000000

enum { SAMPLES = 1024 }; /* From_ lines looked at in the old part of a file that has grown */

static bool settled(const struct pf_twin_box *box, const struct stat *st)
{
    struct timespec t = {0};
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &t);
    return !__builtin_sub_overflow(pf_maildir_ns(t) + box->mbox->clock_ahead, pf_maildir_ns(st->st_mtim), &age) &&
           age >= GRAIN;
}

static enum pf_code no_memory(const struct pf_twin_box *box, struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", box->place.path);
}

bool pf_mbox_new_uidl(char out_uidl[PF_MBOX_UIDL_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[(PF_MBOX_UIDL_LEN - 1) / 2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    out_uidl[0] = 'B';
    for (size_t i = 0; i < sizeof random; i++) {
        out_uidl[1 + 2 * i] = digits[random[i] >> 4];
        out_uidl[2 + 2 * i] = digits[random[i] & 15];
    }
    out_uidl[PF_MBOX_UIDL_LEN] = 0;
    return true;
}

static struct pf_mbox_scanner scanner_of(const struct pf_twin_box *box, int fd, const struct pf_mbox_list *l)
{
    return (struct pf_mbox_scanner){fd, box->place.path, (uint64_t)l->st.st_size, l->state.seed,
                                    box->mbox->settings.mboxrd, &l->state.mails};
}

static bool stands(const struct pf_mbox_scanner *how, const struct pf_mbox_mail *m)
{
    uint64_t sum;

    return pf_mbox_from_stands(how, m->from_at, &sum) && sum == m->from_sum;
}

static uint32_t placed_count(const struct pf_mbox_mails *m)
{
    uint32_t count = 0;

    while (count < m->count && !(m->at[count].flags & PF_MBOX_FLOAT))
        count++;
    return count;
}

/* How many of the old lines still hold without reading the messages: all, or when something was added
 * behind, all but the last. */
static uint32_t trusted(const struct pf_twin_box *box, const struct pf_mbox_scanner *how, bool sure,
                        const struct pf_mbox_list *l)
{
    const struct pf_mbox_state *s = &l->state;
    uint32_t count = placed_count(&s->mails), stride = count / SAMPLES + 1;
    struct pf_mbox_stamp now;

    pf_mbox_stamp_of(&l->st, &now);
    if (!s->scanned || !s->placed || !s->settled || s->unquote != box->mbox->settings.mboxrd || !count)
        return 0;
    if (pf_mbox_stamp_equal(&now, &s->stamp))
        return stands(how, &s->mails.at[0]) ? count : 0;
    if (sure || now.ino != s->stamp.ino || now.dev != s->stamp.dev || now.size <= s->stamp.size)
        return 0;
    for (uint32_t i = 0; i < count; i += stride)
        if (!stands(how, &s->mails.at[i]))
            return 0;
    return stands(how, &s->mails.at[count - 1]) ? count - 1 : 0;
}

static bool take_old(struct pf_mbox_list *l, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!pf_mbox_mails_add(&l->mails, &l->state.mails.at[i], pf_mbox_uidl(&l->state.mails, i)))
            return false;
        l->state.mails.at[i].flags |= PF_MBOX_TAKEN;
    }
    return true;
}

/* Messages from `first` on get the UIDLs of records with the same digest: those at the same place first. */
static void match(struct pf_mbox_list *l, uint32_t first, const struct pf_maildir_table *table, bool same_place)
{
    struct pf_mbox_mails *old = &l->state.mails;

    for (uint32_t i = first; i < l->mails.count; i++) {
        struct pf_mbox_mail *m = &l->mails.at[i];
        uint32_t cursor = 0, k;

        if (m->flags & PF_MBOX_TAKEN)
            continue;
        while ((k = pf_maildir_table_next(table, (uint32_t)m->id[0], &cursor)) != PF_MAILDIR_NONE) {
            struct pf_mbox_mail *o = &old->at[k];

            if (o->flags & PF_MBOX_TAKEN || o->id[0] != m->id[0] || o->id[1] != m->id[1] ||
                (same_place && (o->flags & PF_MBOX_FLOAT || o->from_at != m->from_at)))
                continue;
            o->flags |= PF_MBOX_TAKEN;
            m->flags |= PF_MBOX_TAKEN | (o->flags & PF_MBOX_SEEN);
            /* What was shown stays shown, also when it came to the head since. */
            if (l->state.vouched && !(o->flags & (PF_MBOX_FLOAT | PF_MBOX_HIDDEN)))
                m->flags &= ~(uint32_t)PF_MBOX_HIDDEN;
            m->uidl_at = k; /* until names are given */
            break;
        }
    }
}

static bool is_used(const struct pf_mbox_list *l, const struct pf_maildir_table *used, struct pf_bytes uidl)
{
    uint32_t cursor = 0, k;

    for (uint32_t i = 0; i < l->state.mails.count; i++) /* adopting happens once, so this may take its time */
        if (pf_bytes_equal(pf_mbox_uidl(&l->state.mails, i), uidl))
            return true;
    while ((k = pf_maildir_table_next(used, pf_maildir_hash(0, uidl), &cursor)) != PF_MAILDIR_NONE)
        if (pf_bytes_equal(pf_mbox_uidl(&l->mails, k), uidl))
            return true;
    return false;
}

/* What is new: an X-UIDL that stood there before any session of ours, when nobody else has it; else one made at
 * random. Later an X-UIDL line would be a stranger's, who may know one that a client has seen already. */
static bool name_new(struct pf_mbox_list *l, uint32_t i, struct pf_maildir_table *adopted)
{
    struct pf_mbox_mail *m = &l->mails.at[i];
    char uidl[PF_MBOX_UIDL_LEN + 1];

    if (!l->state.scanned && m->uidl_len && !is_used(l, adopted, pf_mbox_uidl(&l->mails, i))) {
        pf_maildir_table_put(adopted, pf_maildir_hash(0, pf_mbox_uidl(&l->mails, i)), i);
        return true;
    }
    return pf_mbox_new_uidl(uidl) && pf_mbox_mail_name(&l->mails, i, pf_bytes_from(uidl, PF_MBOX_UIDL_LEN));
}

static bool name_all(struct pf_mbox_list *l, uint32_t first, struct pf_maildir_table *adopted)
{
    bool ok = true;

    for (uint32_t i = first; i < l->mails.count && ok; i++) {
        struct pf_mbox_mail *m = &l->mails.at[i];

        if (m->flags & PF_MBOX_TAKEN)
            ok = pf_mbox_mail_name(&l->mails, i, pf_mbox_uidl(&l->state.mails, (uint32_t)m->uidl_at));
        else
            ok = name_new(l, i, adopted);
        l->mails.at[i].flags &= ~(uint32_t)PF_MBOX_TAKEN;
    }
    return ok;
}

static bool identify(struct pf_mbox_list *l, uint32_t first)
{
    struct pf_maildir_table table = {0}, adopted = {0};
    const struct pf_mbox_mails *old = &l->state.mails;
    bool ok = pf_maildir_table_init(&table, old->count) && pf_maildir_table_init(&adopted, l->mails.count);

    if (ok) {
        for (uint32_t i = 0; i < old->count; i++)
            if (!(old->at[i].flags & PF_MBOX_TAKEN))
                pf_maildir_table_put(&table, (uint32_t)old->at[i].id[0], i);
        match(l, first, &table, true);
        match(l, first, &table, false);
        ok = name_all(l, first, &adopted);
    }
    pf_maildir_table_done(&table);
    pf_maildir_table_done(&adopted);
    return ok;
}

static enum pf_code scan(struct pf_twin_box *box, struct pf_mbox_locks *locks, uint32_t count,
                         struct pf_mbox_list *l, struct pf_err *err)
{
    const struct pf_mbox_scanner how = scanner_of(box, locks->fd, l);
    uint64_t from = count ? l->state.mails.at[count].from_at : 0;
    enum pf_code code = pf_mbox_scan_locked(&how, from, locks, &l->mails, err);

    box->counts.scans++;
    box->counts.scanned += how.size - from;
    if (code)
        return code;
    return identify(l, count) ? PF_OK : no_memory(box, err);
}

enum pf_code pf_mbox_list_save(struct pf_twin_box *box, const struct pf_mbox_locks *locks,
                               struct pf_mbox_list *l, struct pf_err *err)
{
    struct pf_mbox_state *s = &l->state;

    pf_mbox_stamp_of(&l->st, &s->stamp);
    s->settled = settled(box, &l->st);
    s->scanned = true;
    s->unquote = box->mbox->settings.mboxrd;
    box->counts.saves++;
    return pf_mbox_state_save(locks->place, s, &l->mails, &s->mails, err);
}

static enum pf_code fill(struct pf_twin_box *box, struct pf_mbox_locks *locks, bool sure,
                         struct pf_mbox_list *l, struct pf_err *err)
{
    struct pf_mbox_scanner how;
    enum pf_code code;
    uint32_t count;

    if (fstat(locks->fd, &l->st) != 0)
        return pf_mbox_failed(locks->place, where, "cannot be looked at", err);
    code = pf_mbox_state_load(locks->place, &l->state, err);
    if (code)
        return code;
    how = scanner_of(box, locks->fd, l);
    count = trusted(box, &how, sure, l);
    if (!take_old(l, count))
        return no_memory(box, err);
    memcpy(box->seed, l->state.seed, sizeof box->seed);
    if (count && count == placed_count(&l->state.mails))
        return PF_OK;
    if (!how.size && !l->state.scanned)
        return PF_OK; /* X-UIDL lines still count when mail of another server is put here */
    if (!how.size && l->state.scanned && l->state.settled && l->state.placed && !l->state.stamp.size)
        return PF_OK; /* was empty and is */
    code = scan(box, locks, count, l, err);
    return code ? code : pf_mbox_list_save(box, locks, l, err);
}

void pf_mbox_list_done(struct pf_mbox_list *l)
{
    pf_mbox_mails_done(&l->mails);
    pf_mbox_state_done(&l->state);
}

enum pf_code pf_mbox_list(struct pf_twin_box *box, struct pf_mbox_locks *locks, bool sure,
                          struct pf_mbox_list *out_list, struct pf_err *err)
{
    enum pf_code code;

    *out_list = (struct pf_mbox_list){0};
    code = fill(box, locks, sure, out_list, err);
    if (code)
        pf_mbox_list_done(out_list);
    return code;
}
