#include "store/mbox/append.h"

#include "base/text.h"
#include "store/mbox/from.h"
#include "store/mbox/journal.h"
#include "store/mbox/rewrite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char where[] = "mbox_mend";

enum {
    PIECE = 16384,
    LEADS = 2, /* line ends that a program may put before its From_ line */
    LINE = PF_MBOX_FROM_MAX
};

/* How the octets behind the old end compare with the copy. */
struct compared {
    uint64_t same; /* so many from the beginning on are ours */
    bool holes;    /* some of them are NUL, where ours are not */
};

static int compare(const struct pf_mbox_locks *l, const struct pf_mbox_appends *a, uint64_t len,
                   struct compared *out)
{
    unsigned char ours[PIECE], there[PIECE];

    while (out->same < len) {
        size_t n = len - out->same < PIECE ? (size_t)(len - out->same) : PIECE;

        if (pf_mbox_read_at(a->fd, ours, n, a->end + PF_MBOX_RECORD + out->same) != (int64_t)n ||
            pf_mbox_read_at(l->fd, there, n, a->last.at + out->same) != (int64_t)n) {
            errno = EIO;
            return -1;
        }
        for (size_t i = 0; i < n; i++) {
            if (ours[i] != there[i] && there[i] != 0)
                return 0;
            out->holes = out->holes || ours[i] != there[i];
            out->same++;
        }
    }
    return 0;
}

/* Where the message of another begins behind `same` octets of ours: a From_ line that is not one of the copy, so it
 * ends behind them; its first octets may be as ours by chance. The last such place; 0: none. -1 with errno. */
static int64_t find_foreign(const struct pf_mbox_locks *l, const struct pf_mbox_record *r, uint64_t same)
{
    char text[LINE + LEADS + LINE];
    uint64_t from = same > LINE ? same - LINE : 0;
    int64_t got = pf_mbox_read_at(l->fd, text, (size_t)(same - from) + LEADS + LINE, r->at + from);

    for (int64_t i = got < 0 ? -1 : (int64_t)(same - from) + LEADS; i >= 0; i--) {
        struct pf_bytes rest = i < got ? pf_bytes_from(text + i, (size_t)(got - i)) : (struct pf_bytes){0};
        struct pf_bytes line = pf_bytes_head(rest, pf_find(rest, '\n') + 1);
        int64_t arrival;

        if (from + (uint64_t)i + line.len > same && pf_mbox_from(line, &arrival))
            return (int64_t)from + i;
    }
    return got < 0 ? -1 : 0;
}

/* All from the lead up to a foreign message goes. A lead of which a power cut left NUL is written once more. */
static enum pf_code take_out(struct pf_mbox_locks *l, const struct pf_mbox_appends *a, uint64_t upto,
                             struct pf_err *err)
{
    const struct pf_mbox_record *r = &a->last;
    struct pf_mbox_mail two[2] = {{.from_at = r->at + r->lead, .flags = PF_MBOX_GONE}, {.from_at = r->at + upto}};
    struct pf_mbox_mails mails = {.at = two, .count = 2};
    struct pf_mbox_sink to = {.fd = l->fd, .at = r->at, .locks = l};
    struct stat st;

    if (pf_mbox_copy(a->fd, a->end + PF_MBOX_RECORD, r->lead, &to) != 0 || fstat(l->fd, &st) != 0)
        return pf_mbox_failed(l->place, where, "cannot be freed from half a message", err);
    return pf_mbox_journal_rewrite(l, &mails, &st, err);
}

static enum pf_code cut(struct pf_mbox_locks *l, const struct pf_mbox_record *r, struct pf_err *err)
{
    if (ftruncate(l->fd, (off_t)r->at) == 0 && fsync(l->fd) == 0)
        return PF_OK;
    return pf_mbox_failed(l->place, where, "cannot be freed from half a message", err);
}

/* Whether the record is about this file as it stands now, and its copy is whole. -1 with errno. */
static int is_about(const struct pf_mbox_locks *l, const struct pf_mbox_appends *a, const struct stat *st)
{
    const struct pf_mbox_record *r = &a->last;
    uint64_t front[2], sum[2];
    struct stat log;

    if (r->ino != st->st_ino || r->dev != st->st_dev || (uint64_t)st->st_size < r->at)
        return 0;
    if (fstat(a->fd, &log) != 0)
        return -1;
    if ((uint64_t)log.st_size < a->end + PF_MBOX_RECORD + r->len)
        return 0;
    if (pf_mbox_front_sum(l->fd, r->at, front) != 0 ||
        pf_mbox_sum_part(a->fd, a->end + PF_MBOX_RECORD, r->len, sum) != 0)
        return -1;
    return memcmp(front, r->front, sizeof front) == 0 && memcmp(sum, r->sum, sizeof sum) == 0;
}

/* *out_keep: the message is there, or may be. */
static enum pf_code judge(struct pf_mbox_locks *l, const struct pf_mbox_appends *a, bool *out_keep,
                          struct pf_err *err)
{
    const struct pf_mbox_record *r = &a->last;
    struct compared c = {0};
    struct stat st;
    int64_t foreign;
    uint64_t len;
    int about = fstat(l->fd, &st) == 0 ? is_about(l, a, &st) : -1;

    *out_keep = about == 0;
    if (about == 0)
        return PF_OK;
    len = about > 0 ? (uint64_t)st.st_size - r->at : 0;
    if (about < 0 || compare(l, a, len < r->len ? len : r->len, &c) != 0)
        return pf_mbox_failed(l->place, where, "cannot be compared with what was appended last", err);
    *out_keep = c.same == r->len && !c.holes;
    if (*out_keep)
        return PF_OK;
    if (c.same == len)
        return cut(l, r, err);
    foreign = find_foreign(l, r, c.same);
    if (foreign < 0)
        return pf_mbox_failed(l->place, where, "cannot be compared with what was appended last", err);
    return (uint64_t)foreign > r->lead ? take_out(l, a, (uint64_t)foreign, err) : PF_OK;
}

enum pf_code pf_mbox_mend(struct pf_mbox_locks *l, struct pf_err *err)
{
    struct pf_mbox_appends a;
    enum pf_code code = pf_mbox_appends_open(l, false, &a, err);
    bool keep;

    if (code || a.fd < 0)
        return code;
    if (a.live) {
        code = judge(l, &a, &keep, err);
        if (!code && keep)
            pf_mbox_append_done(&a, a.last.len);
        else if (!code)
            pf_mbox_append_drop(&a);
    }
    pf_mbox_appends_close(&a);
    return code;
}

static bool put_line(struct pf_maildir_text *lines, const struct pf_mbox_record *r)
{
    char line[PF_MBOX_UIDL_LEN + 64];
    int len = snprintf(line, sizeof line, "n %s %" PRIx64 " %" PRIx64 "\n", r->uidl, r->id[0], r->id[1]);

    return pf_maildir_text_put(lines, pf_bytes_from(line, (size_t)len));
}

static enum pf_code settle(struct pf_mbox_locks *l, struct pf_mbox_appends *a, struct pf_err *err)
{
    struct pf_mbox_state state;
    struct pf_maildir_text lines = {0};
    struct pf_mbox_record r;
    enum pf_code code = pf_mbox_state_head(l->place, &state, err);

    if (code)
        return code;
    pf_mbox_state_done(&state); /* it is there, that is all */
    for (uint32_t i = 0; i < a->count && !code; i++) {
        if (!pf_mbox_appends_get(a, i, &r))
            code = pf_mbox_failed(l->place, where, "has a list of appends that cannot be read", err);
        else if (!put_line(&lines, &r))
            code = pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the state of %s", l->place->path);
    }
    if (!code)
        code = pf_mbox_state_add(l->place, pf_bytes_from(lines.at, lines.len), err);
    free(lines.at);
    /* Synced, for a UIDL that came back after its message left could be given again. */
    if (!code && (!pf_mbox_appends_clear(a) || fsync(a->fd) != 0))
        code = pf_mbox_failed(l->place, where, "has a list of appends that cannot be emptied", err);
    return code;
}

enum pf_code pf_mbox_settle(struct pf_mbox_locks *l, struct pf_err *err)
{
    struct pf_mbox_appends a;
    enum pf_code code = pf_mbox_appends_open(l, false, &a, err);

    if (code || a.fd < 0)
        return code;
    if (a.count)
        code = settle(l, &a, err);
    pf_mbox_appends_close(&a);
    return code;
}
