#include "store/mbox/state.h"

#include "base/text.h"
#include "store/maildir/mix.h"
#include "store/maildir/table.h"
#include "store/mbox/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char where[] = "mbox_state";
static const char head[] = "postfach-mbox 1 ";

enum {
    HEAD_LEN = sizeof head - 1,
    NUMBERS = 11,
    SUM_LEN = 16,
    TORN_MAX = HEAD_LEN + 3 * SUM_LEN + 2,
    FLOATS_MAX = 4096, /* UIDLs of messages that vanished are kept for so many, the newest */
    KEPT_FLAGS = PF_MBOX_SEEN | PF_MBOX_HIDDEN
};

static bool hex(struct pf_bytes b, uint64_t *out_number)
{
    uint64_t n = 0;

    if (!b.len || b.len > 16)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = b.at[i];

        if (!pf_is_digit(c) && !(c >= 'a' && c <= 'f'))
            return false;
        n = n << 4 | (uint64_t)(pf_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    *out_number = n;
    return true;
}

static struct pf_bytes word(struct pf_bytes *rest)
{
    struct pf_bytes w = pf_bytes_head(*rest, pf_find(*rest, ' '));

    *rest = pf_bytes_skip(*rest, w.len + 1);
    return w;
}

/* Exactly `count` numbers to the line's end. */
static bool numbers(struct pf_bytes rest, uint64_t *out, int count)
{
    for (int i = 0; i < count; i++)
        if (!hex(word(&rest), &out[i]))
            return false;
    return rest.len == 0;
}

static uint64_t sum_of(struct pf_bytes a, struct pf_bytes b)
{
    static const uint64_t fixed[2] = {0x706f737466616368u, 0x7374617465202031u};
    struct pf_mbox_digest d;
    uint64_t sum[2];

    pf_mbox_digest_init(&d, fixed);
    pf_mbox_digest_add(&d, a);
    pf_mbox_digest_add(&d, b);
    pf_mbox_digest_end(&d, sum);
    return sum[0];
}

static bool take_file(struct pf_mbox_state *s, struct pf_bytes rest)
{
    uint64_t n[9];

    if (!numbers(rest, n, 9))
        return false;
    s->stamp = (struct pf_mbox_stamp){n[0], (int64_t)n[1], n[2], n[3], (int64_t)n[7]};
    s->sum = n[8];
    s->settled = n[4] == 1;
    s->unquote = n[5] == 1;
    s->scanned = s->placed = true;
    s->promised = n[6];
    return true;
}

/* 1: kept; 0: passed over; -1: no memory. */
static int take_mail(struct pf_mbox_state *s, struct pf_bytes rest, bool placed)
{
    struct pf_bytes uidl = word(&rest);
    struct pf_mbox_mail mail = {.flags = PF_MBOX_FLOAT};
    uint64_t n[NUMBERS];

    if (!pf_mbox_uidl_legal(uidl) || !numbers(rest, n, placed ? 10 : 2))
        return 0;
    if (placed)
        mail = (struct pf_mbox_mail){
            .from_at = n[2],
            .text_at = n[3],
            .len = n[4],
            .octets = n[5],
            .sum = n[6],
            .from_sum = n[7],
            .arrival = (int64_t)n[8],
            .flags = (uint32_t)n[9] & KEPT_FLAGS,
        };
    mail.id[0] = n[0];
    mail.id[1] = n[1];
    return pf_mbox_mails_add(&s->mails, &mail, uidl) ? 1 : -1;
}

/* As many lines m as were promised, all before lines n, with places within the file, one behind the
 * other. */
static bool sane(const struct pf_mbox_state *s)
{
    uint64_t at = 0, placed = 0;

    for (uint32_t i = 0; i < s->mails.count; i++) {
        const struct pf_mbox_mail *m = &s->mails.at[i];
        uint64_t end;

        if (m->flags & PF_MBOX_FLOAT)
            continue;
        if (placed++ != i || m->from_at < at || m->text_at < m->from_at || m->octets > INT64_MAX / 2 ||
            __builtin_add_overflow(m->text_at, m->len, &end) || end > s->stamp.size)
            return false;
        at = end;
    }
    return placed == s->promised;
}

/* No UIDL twice: the first stays. */
static bool unify(struct pf_mbox_mails *m)
{
    struct pf_maildir_table table = {0};
    uint32_t kept = 0;

    if (!pf_maildir_table_init(&table, m->count))
        return false;
    for (uint32_t i = 0; i < m->count; i++) {
        uint32_t hash = pf_maildir_hash(0, pf_mbox_uidl(m, i)), cursor = 0, other;

        do
            other = pf_maildir_table_next(&table, hash, &cursor);
        while (other != PF_MAILDIR_NONE && !pf_bytes_equal(pf_mbox_uidl(m, other), pf_mbox_uidl(m, i)));
        if (other != PF_MAILDIR_NONE)
            continue;
        m->at[kept] = m->at[i];
        pf_maildir_table_put(&table, hash, kept++);
    }
    m->count = kept;
    pf_maildir_table_done(&table);
    return true;
}

/* What the sum of line f is about: all octets from the first to the last line m. */
struct vouched {
    struct pf_bytes before, behind; /* the sum */
};

/* 1: kept; 0: passed over; -1: no memory. */
static int take_line(struct pf_mbox_state *s, struct pf_bytes line, struct vouched *v)
{
    struct pf_bytes rest = line, kind = word(&rest);
    const unsigned char *end = line.at + line.len;
    int taken = 0;

    if (pf_bytes_equal(kind, PF_LIT("n")))
        return take_mail(s, rest, false);
    if (pf_bytes_equal(kind, PF_LIT("m"))) {
        taken = take_mail(s, rest, true);
        s->scanned = true; /* also when line f rotted */
    } else if (pf_bytes_equal(kind, PF_LIT("f")) && take_file(s, rest) && line.len > SUM_LEN) {
        taken = 1;
        v->before.len = (size_t)(end - v->before.at) - SUM_LEN;
        v->behind.at = end;
    }
    v->behind.len = v->behind.at ? (size_t)(end - v->behind.at) : 0;
    return taken;
}

static bool take_lines(struct pf_mbox_state *s, struct pf_bytes text, struct pf_bytes whole)
{
    struct vouched v = {.before = {whole.at, 0}};
    uint32_t unread = 0;

    while (text.len) {
        struct pf_bytes line = pf_bytes_head(text, pf_find(text, '\n'));
        int taken;

        if (line.len == text.len) /* torn */
            break;
        text = pf_bytes_skip(text, line.len + 1);
        taken = take_line(s, line, &v);
        if (taken < 0)
            return false;
        unread += !taken;
    }
    if (!unify(&s->mails))
        return false;
    s->vouched = sane(s) && sum_of(v.before, v.behind) == s->sum;
    if (unread || !s->vouched)
        s->placed = false;
    return true;
}

bool pf_mbox_state_torn(struct pf_bytes text)
{
    return text.len <= TORN_MAX && pf_find(text, '\n') == text.len &&
           memcmp(text.at, head, text.len < HEAD_LEN ? text.len : HEAD_LEN) == 0;
}

/* An older head has no check. */
static bool take_head(struct pf_mbox_state *s, struct pf_bytes line)
{
    struct pf_bytes seeds = pf_bytes_skip(line, HEAD_LEN);
    uint64_t n[3];

    if (line.len < HEAD_LEN || memcmp(line.at, head, HEAD_LEN) != 0)
        return false;
    if (numbers(seeds, n, 3) && line.len > SUM_LEN) {
        if (n[2] != sum_of(pf_bytes_head(line, line.len - SUM_LEN), (struct pf_bytes){0}))
            return false;
    } else if (!numbers(seeds, n, 2)) {
        return false;
    }
    s->seed[0] = n[0];
    s->seed[1] = n[1];
    return true;
}

enum pf_code pf_mbox_state_parse(struct pf_bytes text, const char *path, struct pf_mbox_state *s,
                                 struct pf_err *err)
{
    struct pf_bytes line = pf_bytes_head(text, pf_find(text, '\n'));

    if (line.len == text.len || !take_head(s, line))
        return pf_fail(err, PF_PERM, 0, where,
                       "the state of %s is of a later version, damaged, or something else: update Postfach, restore "
                       "it, or move it away (clients will fetch mail again)", path);
    s->there = true;
    if (take_lines(s, pf_bytes_skip(text, line.len + 1), text))
        return PF_OK;
    return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the state of %s", path);
}

static bool put_mail(struct pf_maildir_text *t, const struct pf_mbox_mails *m, uint32_t i, bool placed)
{
    const struct pf_mbox_mail *mail = &m->at[i];
    unsigned char line[PF_UIDL_MAX + 20 * (NUMBERS + 1)];
    struct pf_span s = {line, 0, sizeof line};
    struct pf_bytes uidl = pf_mbox_uidl(m, i);

    pf_span_format(&s, "%c %.*s %" PRIx64 " %" PRIx64, placed ? 'm' : 'n', (int)uidl.len,
                   (const char *)uidl.at, mail->id[0], mail->id[1]);
    if (placed)
        pf_span_format(&s, " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64
                       " %" PRIx64 " %x", mail->from_at, mail->text_at, mail->len, mail->octets,
                       mail->sum, mail->from_sum, (uint64_t)mail->arrival, mail->flags & KEPT_FLAGS);
    return pf_span_put(&s, PF_LIT("\n")) && pf_maildir_text_put(t, pf_span_bytes(&s));
}

static bool put_floats(struct pf_maildir_text *t, const struct pf_mbox_mails *old)
{
    uint32_t left = 0;
    bool ok = true;

    for (uint32_t i = 0; i < old->count; i++)
        left += !(old->at[i].flags & (PF_MBOX_TAKEN | PF_MBOX_GONE));
    for (uint32_t i = 0; i < old->count && ok; i++) {
        if (old->at[i].flags & (PF_MBOX_TAKEN | PF_MBOX_GONE))
            continue;
        if (left-- <= FLOATS_MAX)
            ok = put_mail(t, old, i, false);
    }
    return ok;
}

/* The sum has room, and comes when all that it is about stands. */
static void put_head(struct pf_span *out, const struct pf_mbox_state *s, uint32_t placed)
{
    pf_span_format(out, "%s%016" PRIx64 " %016" PRIx64 " ", head, s->seed[0], s->seed[1]);
    pf_span_format(out, "%016" PRIx64 "\n", sum_of(pf_span_bytes(out), (struct pf_bytes){0}));
    if (s->scanned)
        pf_span_format(out, "f %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %x %x %" PRIx32 " %" PRIx64
                       " %016x\n", s->stamp.size, (uint64_t)s->stamp.mtime, s->stamp.ino, s->stamp.dev,
                       s->settled, s->unquote, placed, (uint64_t)s->stamp.changed, 0u);
}

/* Line f ends at `end`, the last line m at `last`. */
static void put_sum(struct pf_maildir_text *t, size_t end, size_t last)
{
    char text[SUM_LEN + 1];

    snprintf(text, sizeof text, "%016" PRIx64,
             sum_of(pf_bytes_from(t->at, end - SUM_LEN), pf_bytes_from(t->at + end, last - end)));
    memcpy(t->at + end - SUM_LEN, text, SUM_LEN);
}

bool pf_mbox_state_print(struct pf_maildir_text *t, const struct pf_mbox_state *s,
                         const struct pf_mbox_mails *mails, const struct pf_mbox_mails *old)
{
    unsigned char line[300];
    struct pf_span out = {line, 0, sizeof line};
    uint32_t placed = 0;
    size_t last;
    bool ok;

    for (uint32_t i = 0; i < mails->count; i++)
        placed += !(mails->at[i].flags & (PF_MBOX_GONE | PF_MBOX_FLOAT));

    put_head(&out, s, placed);
    ok = pf_maildir_text_put(t, pf_span_bytes(&out));
    last = t->len;
    for (uint32_t i = 0; i < mails->count && ok; i++) {
        bool is_placed = !(mails->at[i].flags & PF_MBOX_FLOAT);

        if (mails->at[i].flags & PF_MBOX_GONE)
            continue;
        ok = put_mail(t, mails, i, is_placed);
        last = is_placed ? t->len : last;
    }
    if (ok && s->scanned)
        put_sum(t, out.len - 1, last - 1);
    return ok && put_floats(t, old);
}

void pf_mbox_state_done(struct pf_mbox_state *s)
{
    pf_mbox_mails_done(&s->mails);
    *s = (struct pf_mbox_state){0};
}
