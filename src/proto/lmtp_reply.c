#include "proto/lmtp_reply.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

/* The first row whose status begins that of the verdict. A full maildrop is 452, for it may be
 * emptied before the sender gives up; 421 is only for the end of a session. */
static unsigned code_of(const char *status)
{
    static const struct {
        const char *status;
        unsigned code;
    } rows[] = {
        {"2.", 250},    {"4.2.2", 452}, {"4.3.1", 452}, {"4.2.", 450}, {"4.", 451},
        {"5.2.2", 552}, {"5.3.4", 552}, {"5.3.", 554},  {"5.", 550},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(status, rows[i].status, strlen(rows[i].status)) == 0)
            return rows[i].code;
    return 554;
}

/* The table of verdicts speaks to people who read mail; a sender needs other words for some. */
static const char *words_of(enum pf_code code)
{
    if (code == PF_NO_USER)
        return "no such recipient here";
    if (code == PF_NO_BOX)
        return "maildrop cannot be opened";
    if (code == PF_OK)
        return "delivered";
    return pf_verdict(code)->say;
}

struct pf_lmtp_answer pf_lmtp_answer_of(enum pf_code code, const char *say)
{
    const char *status = pf_verdict(code)->lmtp;

    return (struct pf_lmtp_answer){code_of(status), status, *say ? say : words_of(code)};
}

void pf_lmtp_reply(struct pf_span *s, const struct pf_lmtp_answer *a, struct pf_bytes address)
{
    size_t limit = s->len + PF_LMTP_REPLY_MAX - 2;

    assert(pf_span_room(s) >= PF_LMTP_REPLY_MAX);
    pf_span_decimal(s, a->code);
    pf_span_put(s, PF_LIT(" "));
    if (*a->status) {
        pf_span_put(s, pf_bytes_of(a->status));
        pf_span_put(s, PF_LIT(" "));
    }
    if (address.len && address.len <= PF_LMTP_REPLY_ADDRESS_MAX) {
        pf_span_put(s, PF_LIT("<"));
        pf_span_put(s, address);
        pf_span_put(s, PF_LIT("> "));
    }
    for (const char *t = a->text; *t && s->len < limit; t++)
        s->at[s->len++] = (unsigned char)(*t >= 0x20 && *t < 0x7f ? *t : '?');
    pf_span_put(s, PF_LIT("\r\n"));
}
