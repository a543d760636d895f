#include "store/mbox/convert.h"

#include "base/text.h"
#include "store/mbox/from.h"
#include "store/mbox/head.h"
#include "store/mbox/lines.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK = 8192 };

struct work {
    struct pf_mbox_convert *c;
    struct pf_mbox_lines lines;
    struct pf_mbox_quote quote;
    struct pf_span out;
    uint64_t crs; /* CRs at the end of what was taken, not yet put */
    bool in_head, strip;
};

static int flush(struct work *w)
{
    if (pf_mbox_write_at(w->c->to, pf_span_bytes(&w->out), w->c->at) != 0)
        return errno;
    w->c->at += w->out.len;
    w->out.len = 0;
    return 0;
}

static int put(struct work *w, struct pf_bytes b)
{
    int bad = 0;

    while (b.len && !bad) {
        struct pf_bytes part = pf_bytes_head(b, CHUNK);

        if (pf_span_room(&w->out) < PF_MBOX_QUOTE_ROOM(part.len))
            bad = flush(w);
        if (!bad)
            pf_mbox_quote_add(&w->quote, part, &w->out);
        b = pf_bytes_skip(b, part.len);
    }
    return bad;
}

static int put_crs(struct work *w)
{
    int bad = 0;

    for (; w->crs && !bad; w->crs--)
        bad = put(w, PF_LIT("\r"));
    return bad;
}

/* A line ends, with LF or with the message: the CR of CRLF goes, one that is text stays text. */
static int end_line(struct work *w, bool with_lf)
{
    int bad;

    if (with_lf && w->crs == 1)
        w->crs = 0;
    if (!with_lf && w->crs)
        w->crs++;
    bad = put_crs(w);
    return bad ? bad : put(w, PF_LIT("\n"));
}

static int text(struct work *w, const struct pf_mbox_piece *p)
{
    struct pf_bytes b = pf_bytes_head(p->text, p->text.len - p->ends);
    uint64_t crs = 0;
    int bad = 0;

    while (b.len && b.at[b.len - 1] == '\r') {
        b.len--;
        crs++;
    }
    if (b.len) {
        bad = put_crs(w);
        if (!bad)
            bad = put(w, b);
    }
    w->crs += crs;
    return bad || !p->ends ? bad : end_line(w, true);
}

static void judge(struct work *w, struct pf_bytes line)
{
    struct pf_bytes value;

    if (line.at[0] == ' ' || line.at[0] == '\t')
        return;
    w->in_head = !pf_mbox_is_empty(line);
    w->strip = w->in_head && pf_mbox_is_note(pf_mbox_header(line, &value));
}

static int put_all(struct work *w)
{
    struct pf_mbox_piece p;
    bool mid_line = false;
    int bad = 0, more = 0;

    while (!bad && (more = pf_mbox_lines_next(&w->lines, &p)) > 0) {
        if (w->in_head && p.begins)
            judge(w, p.text);
        if (w->in_head && w->strip)
            continue;
        bad = text(w, &p);
        mid_line = !p.ends;
    }
    if (more < 0)
        return errno;
    if (!bad && mid_line)
        bad = end_line(w, false);
    if (!bad)
        bad = put(w, PF_LIT("\n"));
    return bad ? bad : flush(w);
}

/* The sender for the From_ line stands in Return-Path, when the delivering side wrote one. */
static int put_from(struct work *w)
{
    struct pf_bytes sender = {0}, value;
    struct pf_mbox_lines rest = w->lines;
    struct pf_mbox_piece p;
    int more;

    while ((more = pf_mbox_lines_next(&rest, &p)) > 0 && !(p.begins && pf_mbox_is_empty(p.text)))
        if (p.begins && pf_mbox_header(p.text, &value) == PF_MBOX_RETURN_PATH) {
            sender = value;
            break;
        }
    if (more < 0)
        return errno;
    if (sender.len >= 2 && sender.at[0] == '<' && sender.at[sender.len - 1] == '>')
        sender = pf_bytes_from(sender.at + 1, sender.len - 2);
    return pf_mbox_from_put(&w->out, sender, w->c->when) ? 0 : EINVAL;
}

int pf_mbox_convert(struct pf_mbox_convert *c)
{
    size_t room = PF_MBOX_QUOTE_ROOM(CHUNK) + PF_MBOX_BUFFER;
    unsigned char *memory = malloc(PF_MBOX_BUFFER + room);
    struct work w = {.c = c, .in_head = true};
    int bad;

    if (!memory)
        return ENOMEM;
    w.lines = (struct pf_mbox_lines){.fd = c->from, .end = c->size, .buffer = memory};
    w.out = (struct pf_span){memory + PF_MBOX_BUFFER, 0, room};
    w.quote.how = c->mboxrd ? PF_MBOX_QUOTE_RD : PF_MBOX_QUOTE_O;
    bad = put_from(&w);
    if (!bad)
        bad = put_all(&w);
    free(memory);
    return bad;
}
