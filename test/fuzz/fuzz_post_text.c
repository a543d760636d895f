/* A message on its way into a store, against a plain reading of what post_text.h says. The first octet: bit 0
 * drops mbox's line, the others say how the text is cut; wherever that is, the same comes out. */
#include "base/text.h"
#include "session/post_text.h"

#include <stdlib.h>

enum { TEXT_MAX = 8192, NOTES = 8192 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    unsigned char text[TEXT_MAX + PF_POST_HELD], notes[NOTES];
    struct pf_span out, told;
    unsigned received;
};

static void note(void *self, struct pf_bytes address)
{
    struct outcome *o = self;

    must(address.len <= PF_POST_FIELD_MAX && pf_find(address, '\n') == address.len);
    if (pf_span_put(&o->told, address))
        pf_span_put(&o->told, PF_LIT("\n"));
}

/* Pieces of a length that `step` gives; each into a room that is just as large as is promised. */
static void pass(struct pf_bytes in, bool from_line, size_t step, struct outcome *o)
{
    static unsigned char room[TEXT_MAX + PF_POST_HELD];
    struct pf_post_text t;

    o->out = (struct pf_span){o->text, 0, sizeof o->text};
    o->told = (struct pf_span){o->notes, 0, sizeof o->notes};
    pf_post_text_init(&t);
    t.delivered_to = note;
    t.self = o;
    t.from_line = from_line;
    for (size_t turn = 0; in.len; turn++) {
        struct pf_bytes piece = pf_bytes_head(in, step ? 1 + turn * step % 7 : in.len);
        struct pf_span span = {room, 0, piece.len + PF_POST_HELD};

        pf_post_text_put(&t, piece, &span);
        must(pf_span_put(&o->out, pf_span_bytes(&span)));
        in = pf_bytes_skip(in, piece.len);
    }
    o->out.cap = o->out.len + PF_POST_HELD; /* of what waited no more is left than that */
    if (o->out.cap > sizeof o->text)
        o->out.cap = sizeof o->text;
    pf_post_text_end(&t, &o->out);
    o->received = t.received;
}

static struct pf_bytes first_line(struct pf_bytes text)
{
    size_t len = pf_find(text, '\n');

    return pf_bytes_head(text, len < text.len ? len + 1 : len);
}

static bool begins(struct pf_bytes text, const char *what)
{
    struct pf_bytes head = pf_bytes_head(text, strlen(what));

    return pf_equal_nocase(head, pf_bytes_of(what));
}

static struct pf_bytes skip_line(struct pf_bytes text)
{
    return pf_bytes_skip(text, first_line(text).len);
}

/* What the header says, read plainly: every CR before LF goes; mbox's line and Return-Path fields on top go with
 * the lines that continue them; nothing else is touched. */
static struct pf_bytes expected(struct pf_bytes in, bool from_line, unsigned char *room)
{
    struct pf_bytes text = {room, 0};

    for (size_t i = 0; i < in.len; i++)
        if (in.at[i] != '\r' || i + 1 == in.len || in.at[i + 1] != '\n')
            room[text.len++] = in.at[i];
    if (from_line && text.len > 5 && memcmp(text.at, "From ", 5) == 0 && text.at[5] != ':')
        do
            text = skip_line(text);
        while (text.len && (text.at[0] == ' ' || text.at[0] == '\t'));
    while (begins(text, "Return-Path:"))
        do
            text = skip_line(text);
        while (text.len && (text.at[0] == ' ' || text.at[0] == '\t'));
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, cut;
    static unsigned char room[TEXT_MAX];
    struct pf_bytes in, want;
    bool from_line;

    if (size == 0 || size > TEXT_MAX)
        return 0;
    from_line = data[0] & 1;
    in = pf_bytes_from(data + 1, size - 1);
    pass(in, from_line, 0, &whole);
    want = expected(in, from_line, room);
    must(pf_bytes_equal(pf_span_bytes(&whole.out), want));
    pass(in, from_line, 1 + data[0] / 2, &cut);
    must(pf_bytes_equal(pf_span_bytes(&whole.out), pf_span_bytes(&cut.out)));
    must(pf_bytes_equal(pf_span_bytes(&whole.told), pf_span_bytes(&cut.told)));
    must(whole.received == cut.received && whole.received <= in.len / 9);
    return 0;
}
