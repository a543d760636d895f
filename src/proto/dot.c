#include "proto/dot_block.h"
#include <postfach/dot.h>

enum {
    IN_MARGIN = 2 * DOT_BLOCK,  /* a move behind an insertion reads up to a block too far */
    OUT_MARGIN = 3 * DOT_BLOCK, /* a block doubled at worst, and the excess of its last move */
    EDGE_LEAST = 32,            /* octets; for fewer the margins cost more than they save */
    DENSE = 12                  /* moves in a block before going octet by octet is quicker */
};

/* Where an encoding stands: all four move or limit along `in` and `out`. */
struct run {
    const unsigned char *from, *end;
    unsigned char *to, *stop;
    size_t stuffed;
};

size_t pf_dot_encode_scalar(struct pf_dot *d, struct pf_bytes in, struct pf_span *out)
{
    size_t taken;

    for (taken = 0; taken < in.len; taken++) {
        unsigned char c = in.at[taken];
        bool line_end = c == '\n' && !d->after_cr;
        bool dot = c == '.' && !d->mid_line;

        if (pf_span_room(out) < (size_t)(line_end || dot) + 1)
            break;
        if (line_end)
            out->at[out->len++] = '\r';
        else if (dot)
            out->at[out->len++] = '.';
        out->at[out->len++] = c;
        d->octets += line_end ? 2 : 1;
        d->mid_line = c != '\n';
        d->after_cr = c == '\r';
    }
    return taken;
}

/* The rest of a block in which nearly every octet grows: no branch depends on
 * the text. */
static unsigned char *expand_dense(unsigned char *to, const unsigned char *from, size_t n,
                                   uint64_t grows, size_t *stuffed)
{
    for (size_t i = 0; i < n; i++, grows >>= 1) {
        size_t one = grows & 1;

        *to = from[i] == '\n' ? '\r' : from[i];
        to += one;
        *to++ = from[i];
        *stuffed += one & (from[i] != '\n');
    }
    return to;
}

/* Writes the block of n octets at `from`; each octet marked in `grows` gets
 * one in front. What stands behind an insertion is simply copied again, one
 * place further: in ordinary mail a block has one line end, and a move of
 * fixed length costs less than a branch that cannot be foretold. Each move is
 * loaded before the store of the one before it: a processor that confuses the
 * two addresses (they may be equal in their low bits) would make it wait.
 * Reads and writes up to the margins. Returns the end of what it wrote. */
static inline unsigned char *expand(unsigned char *to, const unsigned char *from, size_t n,
                                    uint64_t grows, size_t *stuffed)
{
    struct dot_four move = dot_load_64(from);
    size_t at = 0;

    for (size_t moves = 0; grows && moves < DENSE; moves++) {
        size_t here = (size_t)__builtin_ctzll(grows);
        struct dot_four next = dot_load_64(from + here);

        dot_store_64(to + at, move);
        *stuffed += from[here] != '\n';
        to[here] = from[here] == '\n' ? '\r' : '.';
        to++;
        move = next;
        at = here;
        grows &= grows - 1;
    }
    dot_store_64(to + at, move);
    if (!grows)
        return to + n;
    at = (size_t)__builtin_ctzll(grows);
    return expand_dense(to + at, from + at, n - at, grows >> at, stuffed);
}

static void encode_blocks(struct run *r)
{
    struct run here = *r;

    while ((size_t)(here.end - here.from) >= IN_MARGIN && (size_t)(here.stop - here.to) >= OUT_MARGIN) {
        here.to = expand(here.to, here.from, DOT_BLOCK, dot_grows_64(here.from), &here.stuffed);
        here.from += DOT_BLOCK;
    }
    *r = here;
}

/* One block near the end of input or output, through memory that has the
 * margins. False when little input is left, or what it makes would not fit:
 * the rest is for the scalar twin. */
static bool encode_edge(struct run *r)
{
    unsigned char in[1 + IN_MARGIN] = {0}, out[OUT_MARGIN];
    size_t n = (size_t)(r->end - r->from), made, stuffed = r->stuffed;

    if (n < EDGE_LEAST)
        return false;
    if (n > DOT_BLOCK)
        n = DOT_BLOCK;
    memcpy(in, r->from - 1, n + 1);
    made = (size_t)(expand(out, in + 1, n, dot_grows_64(in + 1), &stuffed) - out);
    if (made > (size_t)(r->stop - r->to))
        return false;
    memcpy(r->to, out, made);
    r->to += made;
    r->from += n;
    r->stuffed = stuffed;
    return true;
}

static void note_last(struct pf_dot *d, unsigned char last)
{
    d->mid_line = last != '\n';
    d->after_cr = last == '\r';
}

size_t pf_dot_encode(struct pf_dot *d, struct pf_bytes in, struct pf_span *out)
{
    /* Blocks look one octet back; what came before the first is in the state. */
    size_t first = pf_dot_encode_scalar(d, pf_bytes_head(in, 1), out), taken;
    struct run r;

    if (first == 0 || in.len == 1)
        return first;
    r = (struct run){in.at + 1, in.at + in.len, out->at + out->len, out->at + out->cap, 0};
    encode_blocks(&r);
    while (encode_edge(&r))
        ;
    taken = (size_t)(r.from - in.at);
    d->octets += (size_t)(r.to - (out->at + out->len)) - r.stuffed;
    out->len = (size_t)(r.to - out->at);
    note_last(d, in.at[taken - 1]);
    return taken + pf_dot_encode_scalar(d, pf_bytes_skip(in, taken), out);
}

bool pf_dot_finish(struct pf_dot *d, struct pf_span *out)
{
    if (!d->mid_line)
        return true;
    if (!pf_span_put(out, PF_LIT("\r\n")))
        return false;
    pf_dot_measure_end(d);
    return true;
}

/* Bare LFs; reads one octet before `at`. */
static size_t count_bare_lf(const unsigned char *at, size_t len)
{
    enum { TURNS = 255 / 4 }; /* a lane of the tally is an octet and grows by up to four a turn */
    size_t count = 0;

    while (len >= DOT_BLOCK) {
        size_t turns = len / DOT_BLOCK < TURNS ? len / DOT_BLOCK : TURNS;
        struct dot_vec sum = dot_zero();

        len -= turns * DOT_BLOCK;
        for (; turns; turns--, at += DOT_BLOCK)
            for (size_t i = 0; i < DOT_BLOCK; i += 16)
                sum = dot_tally(sum, dot_bare_lf(at + i));
        count += dot_total(sum);
    }
    for (; len; len--, at++)
        count += at[0] == '\n' && at[-1] != '\r';
    return count;
}

void pf_dot_measure(struct pf_dot *d, struct pf_bytes in)
{
    if (in.len == 0)
        return;
    d->octets += in.len + (in.at[0] == '\n' && !d->after_cr);
    d->octets += count_bare_lf(in.at + 1, in.len - 1);
    note_last(d, in.at[in.len - 1]);
}

void pf_dot_measure_end(struct pf_dot *d)
{
    if (d->mid_line)
        d->octets += 2;
    d->mid_line = d->after_cr = false;
}
