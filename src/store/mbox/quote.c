#include "store/mbox/quote.h"

#include "base/text.h"

static const char from[] = "From ";

enum { FROM_LEN = sizeof from - 1 };

void pf_mbox_quote_end(struct pf_mbox_quote *q, struct pf_span *out)
{
    if (q->held)
        pf_span_put(out, PF_LIT(">"));
    pf_span_put(out, pf_bytes_from(from, q->matched));
    q->held = false;
    q->matched = 0;
    q->mid_line = true;
}

static void complete(struct pf_mbox_quote *q, struct pf_span *out)
{
    if (q->how != PF_MBOX_UNQUOTE_RD)
        pf_span_put(out, PF_LIT(">"));
    pf_span_put(out, pf_bytes_from(from, FROM_LEN));
    *q = (struct pf_mbox_quote){.how = q->how, .mid_line = true};
}

/* One octet of a line that may still turn out to be quoted. False: it cannot, and c is not taken. */
static bool look(struct pf_mbox_quote *q, unsigned char c, struct pf_span *out)
{
    if (c == '>' && !q->matched) {
        if (q->how == PF_MBOX_QUOTE_O)
            return false;
        if (q->how == PF_MBOX_UNQUOTE_RD && !q->held)
            q->held = true;
        else
            pf_span_put(out, PF_LIT(">"));
        return true;
    }
    if (c != (unsigned char)from[q->matched] || (q->how == PF_MBOX_UNQUOTE_RD && !q->held))
        return false;
    if (++q->matched == FROM_LEN)
        complete(q, out);
    return true;
}

void pf_mbox_quote_add(struct pf_mbox_quote *q, struct pf_bytes in, struct pf_span *out)
{
    if (q->how == PF_MBOX_AS_IS) {
        pf_span_put(out, in);
        return;
    }
    while (in.len) {
        size_t len;

        if (!q->mid_line && look(q, in.at[0], out)) {
            in = pf_bytes_skip(in, 1);
            continue;
        }
        pf_mbox_quote_end(q, out);
        len = pf_find(in, '\n');
        q->mid_line = len == in.len;
        len += !q->mid_line;
        pf_span_put(out, pf_bytes_head(in, len));
        in = pf_bytes_skip(in, len);
    }
}
