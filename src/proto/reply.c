#include "proto/reply.h"

#include <assert.h>

enum { LINE_END = 2 };

/* What a client could take for something else: "[...]" for a response code, wherever its "]"
 * stands, and "<...>" for an APOP offer. */
static unsigned char safe(unsigned char c)
{
    switch (c) {
    case '[':
    case '<':
        return '(';
    case ']':
    case '>':
        return ')';
    default:
        return c >= 0x20 && c < 0x7f ? c : '?';
    }
}

static void put_safe(struct pf_span *s, struct pf_bytes text, size_t limit)
{
    for (size_t i = 0; i < text.len && s->len < limit; i++)
        s->at[s->len++] = safe(text.at[i]);
}

void pf_reply_ok(struct pf_span *s, struct pf_bytes text)
{
    assert(pf_span_room(s) >= PF_REPLY_MAX && (text.len == 0 || text.at[0] != '['));
    pf_span_put(s, PF_LIT("+OK "));
    pf_span_put(s, pf_bytes_head(text, PF_REPLY_MAX - LINE_END - 4));
    pf_span_put(s, PF_LIT("\r\n"));
}

void pf_reply_greeting(struct pf_span *s, struct pf_bytes code, struct pf_bytes text, struct pf_bytes timestamp)
{
    size_t behind = timestamp.len ? 1 + timestamp.len : 0;
    size_t limit = s->len + PF_REPLY_MAX - LINE_END - behind;

    assert(pf_span_room(s) >= PF_REPLY_MAX && timestamp.len <= PF_TIMESTAMP_MAX);
    pf_span_put(s, PF_LIT("+OK "));
    pf_span_put(s, code);
    pf_span_put(s, PF_LIT("POP3 "));
    put_safe(s, text, limit);
    if (behind)
        pf_span_put(s, PF_LIT(" "));
    pf_span_put(s, timestamp);
    pf_span_put(s, PF_LIT("\r\n"));
}

void pf_reply_err(struct pf_span *s, enum pf_code code, struct pf_bytes text)
{
    size_t limit = s->len + PF_REPLY_MAX - LINE_END;
    const char *response = pf_verdict(code)->pop3;

    assert(pf_span_room(s) >= PF_REPLY_MAX);
    pf_span_put(s, PF_LIT("-ERR "));
    if (*response) {
        pf_span_put(s, PF_LIT("["));
        pf_span_put(s, pf_bytes_of(response));
        pf_span_put(s, PF_LIT("] "));
    }
    put_safe(s, text, limit);
    pf_span_put(s, PF_LIT("\r\n"));
}
