#include "proto/lmtp_text.h"

void pf_lmtp_text_begin(struct pf_lmtp_text *t, uint64_t size_max, bool bare_ends)
{
    *t = (struct pf_lmtp_text){.size_max = size_max, .bare_ends = bare_ends};
    pf_undot_init(&t->undo);
}

static bool has(const unsigned char *at, size_t len, unsigned char c)
{
    return len && memchr(at, c, len);
}

/* True when an LF without CR before it, or a CR without LF behind it, lies in `in`. */
static bool bare(bool *after_cr, struct pf_bytes in)
{
    const unsigned char *at = in.at, *end = in.len ? in.at + in.len : in.at;

    if (at == end)
        return false;
    if (*after_cr && *at++ != '\n')
        return true;
    *after_cr = false;
    while (at < end) {
        const unsigned char *cr = memchr(at, '\r', (size_t)(end - at));

        if (has(at, (size_t)((cr ? cr : end) - at), '\n'))
            return true;
        if (!cr)
            return false;
        if (cr + 1 == end) {
            *after_cr = true;
            return false;
        }
        if (cr[1] != '\n')
            return true;
        at = cr + 2;
    }
    return false;
}

/* `in` was taken and gave what lies behind `from` in `into`. */
static void judge(struct pf_lmtp_text *t, struct pf_bytes in, struct pf_span *into, size_t from)
{
    if (__builtin_add_overflow(t->octets, (uint64_t)(into->len - from), &t->octets) ||
        (t->size_max && t->octets > t->size_max))
        t->fault = PF_LMTP_TEXT_TOO_LARGE;
    else if (!t->bare_ends && bare(&t->after_cr, in))
        t->fault = PF_LMTP_TEXT_BARE;
    if (t->fault)
        into->len = from;
}

size_t pf_lmtp_text_data(struct pf_lmtp_text *t, struct pf_bytes in, struct pf_span *into)
{
    size_t from = into->len;
    size_t taken = pf_undot(&t->undo, in, into);

    judge(t, pf_bytes_head(in, taken), into, from);
    return taken;
}

static size_t of_chunk(const struct pf_lmtp_text *t, size_t n)
{
    return n < t->left ? n : (size_t)t->left;
}

size_t pf_lmtp_text_chunk(struct pf_lmtp_text *t, struct pf_bytes in, struct pf_span *into)
{
    size_t from = into->len, room = pf_span_room(into);
    struct pf_bytes piece = pf_bytes_head(in, of_chunk(t, in.len < room ? in.len : room));

    pf_span_put(into, piece);
    t->left -= piece.len;
    judge(t, piece, into, from);
    return piece.len;
}

size_t pf_lmtp_text_data_away(struct pf_lmtp_text *t, struct pf_bytes in)
{
    unsigned char nowhere[4096]; /* pf_undot writes what it takes */
    size_t taken = 0;

    while (taken < in.len && !t->undo.done) {
        struct pf_span into = {nowhere, 0, sizeof nowhere};

        taken += pf_undot(&t->undo, pf_bytes_skip(in, taken), &into);
    }
    return taken;
}

size_t pf_lmtp_text_chunk_away(struct pf_lmtp_text *t, struct pf_bytes in)
{
    size_t n = of_chunk(t, in.len);

    t->left -= n;
    return n;
}

void pf_lmtp_text_end(struct pf_lmtp_text *t)
{
    if (t->after_cr && !t->bare_ends && !t->fault)
        t->fault = PF_LMTP_TEXT_BARE;
}
