#include "proto/dot_block.h"
#include <postfach/dot.h>

enum { MARGIN = 2 * DOT_BLOCK }; /* a move behind a dot reads and writes up to a block too far */

/* Where the last octet left us. Only CRLF makes a line's start: who takes
 * LF.LF or LF.CRLF for an end lets a stranger write the next command (RFC
 * 5321 section 4.1.1.4). START is zero, as pf_undot_init leaves it. */
enum { START, DOT, DOT_CR, TEXT, CR };

static bool put(struct pf_span *out, unsigned char c)
{
    if (out->len == out->cap)
        return false;
    out->at[out->len++] = c;
    return true;
}

static unsigned char after_text(unsigned char last, unsigned char c)
{
    if (c == '\n' && last == CR)
        return START;
    return c == '\r' ? CR : TEXT;
}

/* One octet. False when there is no room for what it needs. */
static bool step(struct pf_undot *u, unsigned char c, struct pf_span *out)
{
    if (u->state == START && c == '.') {
        u->state = DOT;
        return true;
    }
    if (u->state == DOT && c == '\r') {
        u->state = DOT_CR;
        return true;
    }
    if (u->state == DOT_CR) {
        if (c == '\n') {
            u->done = true;
            return true;
        }
        /* The CR was text after all: it goes out first, and only then counts as written. */
        if (!put(out, '\r'))
            return false;
        u->state = CR;
    }
    if (!put(out, c))
        return false;
    u->state = after_text(u->state, c);
    return true;
}

/* Copies one block without the dots in front of its lines; what stands behind
 * a dot is copied again, one place nearer. Ends before a dot that a CR
 * follows, which may be the last. Returns input octets taken, which is less
 * than a block only then. */
static size_t copy_block(const unsigned char *from, struct pf_span *out)
{
    unsigned char *to = out->at + out->len;
    uint64_t dots = dot_stuffed_64(from);
    size_t taken = DOT_BLOCK;

    dot_store_64(to, dot_load_64(from));
    for (; dots; dots &= dots - 1) {
        size_t dot = (size_t)__builtin_ctzll(dots);

        if (from[dot + 1] == '\r') {
            taken = dot;
            break;
        }
        dot_store_64(to + dot, dot_load_64(from + dot + 1));
        to--;
    }
    out->len = (size_t)(to - out->at) + taken;
    return taken;
}

/* Looks two octets back, so `from` is two at least. */
static size_t copy_blocks(struct pf_bytes in, size_t from, struct pf_span *out)
{
    size_t at = from, taken = DOT_BLOCK;

    while (taken == DOT_BLOCK && in.len - at >= MARGIN && pf_span_room(out) >= MARGIN) {
        taken = copy_block(in.at + at, out);
        at += taken;
    }
    return at - from;
}

static unsigned char state_behind(const unsigned char *at)
{
    if (at[-1] == '\n' && at[-2] == '\r')
        return START;
    return at[-1] == '\r' ? CR : TEXT;
}

size_t pf_undot(struct pf_undot *u, struct pf_bytes in, struct pf_span *out)
{
    size_t taken = 0;

    while (taken < in.len && !u->done) {
        if (taken >= 2 && u->state >= TEXT && in.len - taken >= MARGIN && pf_span_room(out) >= MARGIN) {
            taken += copy_blocks(in, taken, out);
            u->state = state_behind(in.at + taken);
            continue;
        }
        if (!step(u, in.at[taken], out))
            break;
        taken++;
    }
    return taken;
}
