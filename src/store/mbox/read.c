#include "store/mbox/box.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static const char where[] = "mbox_read";

static struct pf_mbox_mail *mail_of(struct pf_twin_box *box, uint32_t index)
{
    return &box->mails.at[box->shown[index]];
}

static enum pf_code changed(struct pf_twin_box *box, uint32_t index, struct pf_err *err)
{
    box->doubts = true;
    return pf_fail(err, PF_CHANGED, 0, where, "%s: message %u was changed since it was listed",
                   box->place.path, index + 1);
}

static void start(struct pf_twin_box *box, uint32_t index)
{
    struct pf_mbox_reader *r = &box->reader;

    *r = (struct pf_mbox_reader){.open = true, .index = index};
    r->quote.how = box->mbox->settings.mboxrd ? PF_MBOX_UNQUOTE_RD : PF_MBOX_AS_IS;
    r->ready = (struct pf_span){box->memory + PF_MBOX_PIECE, 0, PF_MBOX_QUOTE_ROOM(PF_MBOX_PIECE)};
    pf_mbox_digest_init(&r->sum, box->seed);
}

/* The next octets of the message as they stand in the file. PF_AGAIN changes nothing. */
static enum pf_code fetch(struct pf_twin_box *box, struct iovec piece, bool may_block, size_t *out_got,
                          struct pf_err *err)
{
    struct pf_mbox_reader *r = &box->reader;
    const struct pf_mbox_mail *m = mail_of(box, r->index);
    ssize_t got;

    if (piece.iov_len > m->len - r->raw)
        piece.iov_len = (size_t)(m->len - r->raw);
    *out_got = 0;
    if (!piece.iov_len)
        return PF_OK;
    do
        got = preadv2(box->fd, &piece, 1, (off_t)(m->text_at + r->raw), may_block ? 0 : RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && !may_block) {
        box->no_try = box->no_try || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
        return pf_fail(err, PF_AGAIN, 0, where, "not in memory");
    }
    if (got < 0)
        return pf_mbox_failed(&box->place, where, "cannot be read", err);
    if (got == 0)
        return changed(box, r->index, err); /* the file was cut */
    r->raw += (uint64_t)got;
    *out_got = (size_t)got;
    return PF_OK;
}

/* Fills r->ready where quoting is undone. */
static enum pf_code refill(struct pf_twin_box *box, bool may_block, struct pf_err *err)
{
    struct pf_mbox_reader *r = &box->reader;
    enum pf_code code = PF_OK;
    size_t got = 1;

    while (!code && r->taken == r->ready.len && !r->ended) {
        code = fetch(box, (struct iovec){box->memory, PF_MBOX_PIECE}, may_block, &got, err);
        if (code)
            break;
        r->ready.len = r->taken = 0;
        if (got)
            pf_mbox_quote_add(&r->quote, pf_bytes_from(box->memory, got), &r->ready);
        else
            pf_mbox_quote_end(&r->quote, &r->ready);
        r->ended = !got;
    }
    return code;
}

static enum pf_code next_unquoted(struct pf_twin_box *box, struct iovec to, bool may_block, size_t *out_got,
                                  struct pf_err *err)
{
    struct pf_mbox_reader *r = &box->reader;
    enum pf_code code = refill(box, may_block, err);
    size_t len = r->ready.len - r->taken;

    if (code)
        return code;
    if (len > to.iov_len)
        len = to.iov_len;
    if (len)
        memcpy(to.iov_base, r->ready.at + r->taken, len);
    r->taken += len;
    *out_got = len;
    return PF_OK;
}

static enum pf_code next(struct pf_twin_box *box, struct iovec to, bool may_block, size_t *out_got,
                         struct pf_err *err)
{
    struct pf_mbox_reader *r = &box->reader;
    enum pf_code code = r->quote.how == PF_MBOX_AS_IS ? fetch(box, to, may_block, out_got, err)
                                                      : next_unquoted(box, to, may_block, out_got, err);

    if (!code) {
        pf_mbox_digest_add(&r->sum, pf_bytes_from(to.iov_base, *out_got));
        r->offset += *out_got;
    }
    return code;
}

/* All was handed out: is it what was listed? */
static enum pf_code vouch(struct pf_twin_box *box, struct pf_err *err)
{
    struct pf_mbox_reader *r = &box->reader;
    uint64_t sum[2];

    pf_mbox_digest_end(&r->sum, sum);
    return sum[0] == mail_of(box, r->index)->sum ? PF_OK : changed(box, r->index, err);
}

static bool is_last(const struct pf_twin_box *box, uint64_t len)
{
    const struct pf_mbox_reader *r = &box->reader;

    if (r->raw < len)
        return false;
    if (r->quote.how == PF_MBOX_AS_IS)
        return true;
    /* At the end nothing may be held back: then one more round shows it. */
    return r->taken == r->ready.len && (r->ended || (!r->quote.held && !r->quote.matched));
}

/* The reader stands at op->offset; a caller that jumps is led there from the beginning. */
static enum pf_code seek(struct pf_twin_box *box, const struct pf_box_read *op, bool may_block, struct pf_err *err)
{
    struct pf_mbox_reader *r = &box->reader;
    enum pf_code code = PF_OK;
    size_t got = 1;

    if (!r->open || r->index != op->index || op->offset == 0 || r->offset > op->offset)
        start(box, op->index);
    while (!code && got && r->offset < op->offset) {
        size_t left = op->offset - r->offset < op->cap ? (size_t)(op->offset - r->offset) : op->cap;

        code = next(box, (struct iovec){op->at, left}, may_block, &got, err);
    }
    return code;
}

static enum pf_code check(struct pf_twin_box *box, const struct pf_box_read *op, bool may_block, struct pf_err *err)
{
    if (op->index >= box->count)
        return pf_fail(err, PF_NO_MESSAGE, 0, where, "%s: no message %u", box->place.path, op->index);
    if (mail_of(box, op->index)->flags & PF_MBOX_GONE)
        return pf_fail(err, PF_GONE, 0, where, "%s: message %u was removed", box->place.path, op->index + 1);
    if (!may_block && box->no_try)
        return pf_fail(err, PF_AGAIN, 0, where, "this file system cannot tell");
    if (!box->memory && box->mbox->settings.mboxrd) {
        box->memory = malloc(PF_MBOX_PIECE + PF_MBOX_QUOTE_ROOM(PF_MBOX_PIECE));
        if (!box->memory)
            return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to read %s", box->place.path);
    }
    return PF_OK;
}

enum pf_code pf_mbox_box_read(struct pf_twin_box *box, struct pf_box_read *op, bool may_block, struct pf_err *err)
{
    enum pf_code code = check(box, op, may_block, err);
    size_t got = 0;
    bool last;

    if (code)
        return code;
    code = seek(box, op, may_block, err);
    if (!code)
        code = next(box, (struct iovec){op->at, op->cap}, may_block, &got, err);
    last = !code && is_last(box, mail_of(box, op->index)->len);
    if (last)
        code = vouch(box, err);
    if (last || (code && code != PF_AGAIN))
        box->reader.open = false;
    if (code)
        return code;
    op->got = got;
    op->last = last;
    op->clean = false;
    return PF_OK;
}
