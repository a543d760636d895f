#include "fetch/ledger_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

enum { PIECE = 65536 };

/* The reading of one file. */
struct reading {
    struct pf_ledger *ledger;
    const char *path;
    uint64_t line;  /* its number */
    uint64_t at;    /* octets before it */
    uint64_t bad;   /* the first line that is none; 0: all were good */
    bool nothing;   /* an octet of nothing stands in the bad line or behind it */
    bool skips;     /* the rest of a line that is too long is passed over */
    bool any;       /* a `who` has come */
    uint32_t other; /* the section's number in elsewhere */
};

static enum pf_code damaged(const struct reading *r, struct pf_err *err)
{
    return pf_fail(
        err, PF_DAMAGED, 0, "ledger",
        "%s is damaged in line %llu; hint: look at that line and delete it (the message it is about "
        "may then come a second time)",
        r->path, (unsigned long long)r->bad);
}

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, 0, "ledger", "no memory for the record of fetched mail");
}

static bool find_other(const struct pf_ledger *l, struct pf_bytes who, uint32_t *out)
{
    for (size_t i = l->other_count; i--;) {
        if (pf_bytes_equal(pf_bytes_of(l->others[i]), who)) {
            *out = (uint32_t)i;
            return true;
        }
    }
    return false;
}

static bool add_other(struct pf_ledger *l, struct pf_bytes who, uint32_t *out)
{
    char **more = reallocarray(l->others, l->other_count + 1, sizeof *more);
    char *copy = more ? pf_text_copy(who) : NULL;

    if (more)
        l->others = more;
    if (!copy)
        return false;
    *out = (uint32_t)l->other_count;
    l->others[l->other_count++] = copy;
    return true;
}

/* True: that section is the current one. */
static bool turn_to(struct reading *r, struct pf_bytes who)
{
    r->any = true;
    r->ledger->ours = pf_bytes_equal(who, r->ledger->who);
    return r->ledger->ours || find_other(r->ledger, who, &r->other) ||
           add_other(r->ledger, who, &r->other);
}

/* What stands under others is forgotten; the section goes on. */
static void settle(const struct reading *r)
{
    if (r->ledger->ours) {
        pf_ledger_table_done(&r->ledger->elsewhere);
    } else {
        pf_ledger_table_done(&r->ledger->own);
        pf_ledger_table_only(&r->ledger->elsewhere, r->other);
    }
}

static void count(struct pf_ledger *l, uint64_t number, int64_t last)
{
    if (__builtin_add_overflow(l->delivered, number, &l->delivered))
        l->delivered = UINT64_MAX;
    l->last = last > l->last ? last : l->last;
}

static bool learn(struct reading *r, const struct pf_ledger_note *note)
{
    struct pf_ledger *l = r->ledger;
    struct pf_ledger_table *table = l->ours ? &l->own : &l->elsewhere;
    uint32_t who = l->ours ? 0 : r->other;
    struct pf_ledger_note was;
    bool ok;

    if ((note->state == PF_LEDGER_DONE || note->state == PF_LEDGER_SKIPPED) &&
        pf_ledger_table_find(table, who, note->uid, &was) && was.state == PF_LEDGER_WILL)
        count(l, 1, note->when);
    ok = pf_ledger_table_learn(table, who, note);
    pf_ledger_table_settle(table);
    l->records++;
    return ok;
}

/* PF_SYNTAX: it is no line of ours. */
static enum pf_code take_line(struct reading *r, struct pf_bytes line)
{
    unsigned char room[PF_LEDGER_WHO_MAX];
    struct pf_ledger_note note;
    struct pf_bytes who;

    if (r->line == 1)
        return pf_bytes_equal(line, PF_LIT(PF_LEDGER_FIRST)) ? PF_OK : PF_SYNTAX;
    switch (pf_ledger_read_line(line, room, &note, &who)) {
    case PF_LEDGER_RECORD:
        if (!r->any)
            return PF_SYNTAX;
        return r->bad || learn(r, &note) ? PF_OK : PF_NO_MEMORY;
    case PF_LEDGER_WHO:
        if (memchr(who.at, 0, who.len))
            return PF_SYNTAX;
        return r->bad || turn_to(r, who) ? PF_OK : PF_NO_MEMORY;
    case PF_LEDGER_SETTLED:
        if (!r->any)
            return PF_SYNTAX;
        if (!r->bad)
            settle(r);
        return PF_OK;
    case PF_LEDGER_FETCHED:
        if (!r->bad)
            count(r->ledger, note.octets, note.when);
        return PF_OK;
    case PF_LEDGER_NONE:
        break;
    }
    return PF_SYNTAX;
}

/* The file's first line, when it is not what it should be. A creation that a power cut tore is no
 * damage. */
static enum pf_code judge_first(const struct reading *r, struct pf_bytes line, bool whole,
                                struct pf_err *err)
{
    struct pf_bytes first = PF_LIT(PF_LEDGER_FIRST "\n"), word = PF_LIT("postfach-ledger ");
    size_t same = 0;

    while (same < line.len && same < first.len && line.at[same] == first.at[same])
        same++;
    while (same < line.len && line.at[same] == 0)
        same++;
    if (!whole && same == line.len)
        return PF_OK;
    if (pf_bytes_equal(pf_bytes_head(line, word.len), word))
        return pf_fail(
            err, PF_DAMAGED, 0, "ledger",
            "%s was written by another version of Postfach, which this one does not understand; hint: "
            "use that version",
            r->path);
    return pf_fail(err, PF_DAMAGED, 0, "ledger",
                   "%s is no record of fetched mail; hint: is `state` of the account the right file?",
                   r->path);
}

/* A line that is none. It may be the torn end; what comes behind will tell. */
static void meet_bad(struct reading *r, struct pf_bytes line)
{
    if (!r->bad) {
        r->bad = r->line;
        r->ledger->whole = r->at;
    }
    if (line.len && memchr(line.at, 0, line.len))
        r->nothing = true;
}

static enum pf_code whole_line(struct reading *r, struct pf_bytes line, struct pf_err *err)
{
    enum pf_code code;

    r->line += !r->skips;
    code = r->skips ? PF_SYNTAX : take_line(r, line);
    if (code == PF_NO_MEMORY)
        return no_memory(err);
    if (code == PF_SYNTAX && r->line == 1)
        return judge_first(r, line, true, err);
    if (code == PF_SYNTAX)
        meet_bad(r, line);
    else if (r->bad)
        return damaged(r, err);
    r->skips = false;
    r->at += line.len + 1;
    return PF_OK;
}

/* The whole lines of a piece; `taken`: octets of them. */
static enum pf_code take_piece(struct reading *r, struct pf_bytes piece, size_t *taken,
                               struct pf_err *err)
{
    size_t end;

    *taken = 0;
    while ((end = pf_find(piece, '\n')) < piece.len) {
        enum pf_code code = whole_line(r, pf_bytes_head(piece, end), err);

        if (code != PF_OK)
            return code;
        piece = pf_bytes_skip(piece, end + 1);
        *taken += end + 1;
    }
    if (piece.len < PIECE)
        return PF_OK;
    r->line += !r->skips; /* longer than any line of ours */
    if (r->line == 1)
        return judge_first(r, piece, false, err);
    meet_bad(r, piece);
    r->skips = true;
    r->at += piece.len;
    *taken = piece.len;
    return PF_OK;
}

/* What has no newline behind it. */
static enum pf_code take_end(struct reading *r, struct pf_bytes rest, struct pf_err *err)
{
    if (r->line == 0) {
        r->ledger->whole = 0;
        return judge_first(r, rest, false, err);
    }
    if (!r->bad) {
        r->ledger->whole = r->at;
        return PF_OK;
    }
    meet_bad(r, rest);
    /* Where a power cut kept a file's length and lost its octets, they are zeros; else it is damage. */
    return r->nothing ? PF_OK : damaged(r, err);
}

static enum pf_code read_all(struct reading *r, int fd, unsigned char *room, struct pf_err *err)
{
    size_t len = 0, taken;

    for (;;) {
        ssize_t n = read(fd, room + len, PIECE - len);
        enum pf_code code;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return pf_fail(err, PF_IO, errno, "ledger", "%s cannot be read: %s", r->path,
                           strerror(errno));
        if (n == 0)
            return take_end(r, pf_bytes_from(room, len), err);
        len += (size_t)n;
        code = take_piece(r, pf_bytes_from(room, len), &taken, err);
        if (code != PF_OK)
            return code;
        len -= taken;
        memmove(room, room + taken, len);
    }
}

enum pf_code pf_ledger_read(struct pf_ledger *l, int fd, struct pf_err *err)
{
    struct reading r = {.ledger = l, .path = l->path};
    unsigned char *room = malloc(PIECE);
    enum pf_code code = room ? read_all(&r, fd, room, err) : no_memory(err);

    free(room);
    return code;
}
