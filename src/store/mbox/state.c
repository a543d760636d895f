#include "store/mbox/state.h"

#include "base/text.h"
#include "store/maildir/mix.h"
#include "store/maildir/table.h"

#include <inttypes.h>
#include <stdlib.h>

static const char where[] = "mbox_state";
static const char head[] = "postfach-mbox 1 ";

enum {
    HEAD_LEN = sizeof head - 1,
    NUMBERS = 11,
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

static bool take_file(struct pf_mbox_state *s, struct pf_bytes rest)
{
    uint64_t n[7];

    if (!numbers(rest, n, 7))
        return false;
    s->stamp = (struct pf_mbox_stamp){n[0], (int64_t)n[1], n[2], n[3]};
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

static bool take_lines(struct pf_mbox_state *s, struct pf_bytes text)
{
    uint32_t unread = 0;

    while (text.len) {
        struct pf_bytes line = pf_bytes_head(text, pf_find(text, '\n'));
        struct pf_bytes rest = line, kind = word(&rest);
        int taken = 1;

        if (line.len == text.len) /* torn */
            break;
        text = pf_bytes_skip(text, line.len + 1);
        if (pf_bytes_equal(kind, PF_LIT("m")) || pf_bytes_equal(kind, PF_LIT("n")))
            taken = take_mail(s, rest, kind.at[0] == 'm');
        else if (pf_bytes_equal(kind, PF_LIT("f")))
            taken = take_file(s, rest);
        else
            taken = 0;
        if (taken < 0)
            return false;
        unread += !taken;
    }
    if (!unify(&s->mails))
        return false;
    if (unread || !sane(s))
        s->placed = false;
    return true;
}

enum pf_code pf_mbox_state_parse(struct pf_bytes text, const char *path, struct pf_mbox_state *s,
                                 struct pf_err *err)
{
    struct pf_bytes line = pf_bytes_head(text, pf_find(text, '\n'));

    if (line.len == text.len || line.len < HEAD_LEN || memcmp(line.at, head, HEAD_LEN) != 0 ||
        !numbers(pf_bytes_skip(line, HEAD_LEN), s->seed, 2))
        return pf_fail(err, PF_PERM, 0, where,
                       "the state of %s is of a later version, or something else: update Postfach, or move "
                       "it away (clients will fetch mail again)", path);
    s->there = true;
    if (take_lines(s, pf_bytes_skip(text, line.len + 1)))
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

bool pf_mbox_state_print(struct pf_maildir_text *t, const struct pf_mbox_state *s,
                         const struct pf_mbox_mails *mails, const struct pf_mbox_mails *old)
{
    unsigned char line[200];
    struct pf_span out = {line, 0, sizeof line};
    uint32_t placed = 0;
    bool ok;

    for (uint32_t i = 0; i < mails->count; i++)
        placed += !(mails->at[i].flags & (PF_MBOX_GONE | PF_MBOX_FLOAT));

    pf_span_format(&out, "%s%016" PRIx64 " %016" PRIx64 "\n", head, s->seed[0], s->seed[1]);
    if (s->scanned)
        pf_span_format(&out, "f %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %x %x %" PRIx32 "\n",
                       s->stamp.size, (uint64_t)s->stamp.mtime, s->stamp.ino, s->stamp.dev, s->settled,
                       s->unquote, placed);
    ok = pf_maildir_text_put(t, pf_span_bytes(&out));
    for (uint32_t i = 0; i < mails->count && ok; i++)
        if (!(mails->at[i].flags & PF_MBOX_GONE))
            ok = put_mail(t, mails, i, !(mails->at[i].flags & PF_MBOX_FLOAT));
    return ok && put_floats(t, old);
}

void pf_mbox_state_done(struct pf_mbox_state *s)
{
    pf_mbox_mails_done(&s->mails);
    *s = (struct pf_mbox_state){0};
}
