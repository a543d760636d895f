#include "proto/line.h"

#include <stdlib.h>

#include "base/text.h"

static unsigned char *start(struct pf_line *l)
{
    return l->heap ? l->heap : l->small;
}

void pf_line_init(struct pf_line *l)
{
    *l = (struct pf_line){.cap = PF_LINE_SMALL};
}

void pf_line_done(struct pf_line *l)
{
    pf_wipe(start(l), l->len);
    free(l->heap);
    l->heap = NULL;
    l->cap = PF_LINE_SMALL;
    l->len = 0;
    l->head_len = 0;
    l->swallow = false;
}

static void note_head(struct pf_line *l, struct pf_bytes in)
{
    for (size_t i = 0; l->head_len < PF_LINE_HEAD && i < in.len; i++)
        l->head[l->head_len++] = in.at[i];
}

static bool begins(const struct pf_line *l, struct pf_bytes word)
{
    return pf_equal_nocase(pf_bytes_from(l->head, l->head_len), word);
}

/* Not realloc, which may leave a copy of a secret behind. */
static bool grow(struct pf_line *l, size_t need)
{
    size_t cap = l->cap * 2;
    unsigned char *heap;

    if (cap < PF_LINE_FIRST)
        cap = PF_LINE_FIRST;
    if (cap < need)
        cap = need;
    heap = malloc(cap);
    if (!heap)
        return false;
    if (l->len)
        memcpy(heap, start(l), l->len);
    pf_wipe(start(l), l->len);
    free(l->heap);
    l->heap = heap;
    l->cap = cap;
    return true;
}

static bool append(struct pf_line *l, struct pf_bytes in)
{
    if (in.len > l->cap - l->len && !grow(l, l->len + in.len))
        return false;
    if (in.len)
        memcpy(start(l) + l->len, in.at, in.len);
    l->len += in.len;
    return true;
}

static struct pf_bytes without_cr(struct pf_bytes line)
{
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

void pf_line_take(struct pf_line *l, struct pf_bytes in, const struct pf_line_limits *limits,
                  struct pf_line_got *out_got)
{
    size_t before_lf = pf_find(in, '\n');
    struct pf_bytes piece = pf_bytes_head(in, before_lf);
    bool ended = before_lf < in.len;
    bool auth;

    note_head(l, piece);
    auth = begins(l, PF_LIT("AUTH"));
    *out_got = (struct pf_line_got){.end = PF_LINE_PART,
                                    .taken = before_lf + ended,
                                    .secret = auth || begins(l, PF_LIT("PASS"))};
    /* With its LF the line has one octet more than what stands before that. */
    if (!l->swallow && l->len + piece.len >= (auth ? limits->auth : limits->plain)) {
        pf_wipe(start(l), l->len);
        l->len = 0;
        l->swallow = true;
    }
    if (l->swallow) {
        if (ended)
            out_got->end = PF_LINE_TOO_LONG;
    } else if (ended && l->len == 0) {
        out_got->end = PF_LINE_WHOLE;
        out_got->line = without_cr(piece);
    } else if (!append(l, piece)) {
        out_got->end = PF_LINE_NO_MEMORY;
    } else if (ended) {
        out_got->end = PF_LINE_WHOLE;
        out_got->line = without_cr(pf_bytes_from(start(l), l->len));
    }
}
