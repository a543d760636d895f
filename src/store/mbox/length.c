#include "store/mbox/length.h"

#include "base/text.h"
#include "store/mbox/from.h"
#include "store/mbox/head.h"
#include "store/mbox/lines.h"

enum {
    LOOK = 256,           /* octets of a line: no field has a longer name */
    TOUCH_EVERY = 1 << 20 /* octets, as in a pass */
};

/* Octets of the line end that stands there. */
static uint64_t line_end(const struct pf_mbox_scanner *how, uint64_t at)
{
    unsigned char two[2] = {0};
    int64_t got = at < how->size ? pf_mbox_read_at(how->fd, two, sizeof two, at) : 0;

    if (got > 0 && two[0] == '\n')
        return 1;
    return got == 2 && two[0] == '\r' && two[1] == '\n' ? 2 : 0;
}

static bool is_from(const struct pf_mbox_scanner *how, uint64_t at)
{
    uint64_t ignored;

    return pf_mbox_from_stands(how, at, &ignored);
}

/* MB-008: is `at`, where the length points to, the end of a message? The last line may lack its own end, which whoever
 * appends gives it. */
static bool is_end(const struct pf_mbox_scanner *how, uint64_t body_at, uint64_t at)
{
    unsigned char before[3] = {0};
    bool empty_before = at == body_at;
    uint64_t gap;

    if (at >= how->size)
        return at == how->size;
    if (!empty_before) {
        if (at < sizeof before || pf_mbox_read_at(how->fd, before, sizeof before, at - sizeof before) <= 0)
            return false;
        empty_before = before[2] == '\n' && (before[1] == '\n' || (before[1] == '\r' && before[0] == '\n'));
        if (before[2] != '\n') {
            gap = line_end(how, at);
            at += gap;
            if (!gap || at == how->size)
                return gap != 0;
        }
    }
    gap = line_end(how, at);
    return gap ? at + gap == how->size || is_from(how, at + gap) : empty_before && is_from(how, at);
}

static bool is_listed(const struct pf_mbox_scanner *how, uint64_t at)
{
    const struct pf_mbox_mails *m = how->known;
    uint32_t low = 0, high = m ? m->count : 0;
    uint64_t sum;

    while (high && m->at[high - 1].flags & PF_MBOX_FLOAT) /* those without place stand behind */
        high--;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (m->at[middle].from_at == at)
            return pf_mbox_from_stands(how, at, &sum) && sum == m->at[middle].from_sum;
        if (m->at[middle].from_at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Is the line behind a From_ line one that a message can begin with? RFC 5322 section 2.2: a field's name is of
 * printable ASCII without colon; section 4.5: white space may follow. A quoted From_ line is text, though UUCP
 * put such lines there. */
static bool begins_head(const struct pf_mbox_scanner *how, uint64_t at)
{
    unsigned char text[LOOK];
    uint64_t left = at < how->size ? how->size - at : 0;
    int64_t got = pf_mbox_read_at(how->fd, text, left < LOOK ? (size_t)left : LOOK, at);
    struct pf_bytes line = pf_bytes_from(text, got > 0 ? (size_t)got : 0);
    size_t i = 0;

    if (!line.len || line.at[0] == '\n' || (line.len > 1 && line.at[0] == '\r' && line.at[1] == '\n'))
        return true;
    while (i < line.len && line.at[i] > ' ' && line.at[i] < 0x7f && line.at[i] != ':')
        i++;
    if (!i)
        return false;
    while (i < line.len && (line.at[i] == ' ' || line.at[i] == '\t'))
        i++;
    return i == LOOK || (i < line.len && line.at[i] == ':');
}

/* 1: none; 0: `beginning` is one; -1: errno. */
static int look_inside(struct pf_mbox_length *l, uint64_t body_at, uint64_t end)
{
    struct pf_mbox_lines lines = {.fd = l->how->fd, .at = body_at, .end = l->how->size, .buffer = l->buffer};
    uint64_t touch_at = body_at + TOUCH_EVERY;
    bool after_empty = true;
    struct pf_mbox_piece piece;
    int64_t ignored;
    int more;

    while ((more = pf_mbox_lines_next(&lines, &piece)) > 0 && piece.at < end) {
        if (l->locks && piece.at >= touch_at) {
            pf_mbox_lock_touch(l->locks);
            touch_at = piece.at + TOUCH_EVERY;
        }
        if (after_empty && pf_mbox_is_from(&piece, lines.at == lines.end, &ignored) &&
            (is_listed(l->how, piece.at) || begins_head(l->how, piece.at + piece.text.len))) {
            l->beginning = piece.at;
            return 0;
        }
        after_empty = piece.begins && pf_mbox_is_empty(piece.text);
    }
    return more < 0 ? -1 : 1;
}

int pf_mbox_length_holds(struct pf_mbox_length *l, uint64_t body_at, uint64_t length, uint64_t *out_end)
{
    uint64_t end;
    int holds;

    if (__builtin_add_overflow(body_at, length, &end) || !is_end(l->how, body_at, end) ||
        (l->beginning >= body_at && l->beginning < end))
        return 0;
    holds = look_inside(l, body_at, end);
    if (holds > 0)
        *out_end = end;
    return holds;
}
