#include "store/mbox/head.h"

#include "base/text.h"

static bool is_white(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct pf_bytes trim(struct pf_bytes b)
{
    while (b.len && is_white(b.at[0]))
        b = pf_bytes_skip(b, 1);
    while (b.len && is_white(b.at[b.len - 1]))
        b.len--;
    return b;
}

enum pf_mbox_header pf_mbox_header(struct pf_bytes line, struct pf_bytes *out_value)
{
    static const struct {
        const char *name;
        enum pf_mbox_header kind;
    } names[] = {
        {"Status", PF_MBOX_STATUS},
        {"Content-Length", PF_MBOX_CONTENT_LENGTH},
        {"X-UIDL", PF_MBOX_X_UIDL},
        {"X-IMAP", PF_MBOX_X_IMAP},
        {"X-IMAPbase", PF_MBOX_X_IMAP},
        {"X-Status", PF_MBOX_NOTE},
        {"X-Keywords", PF_MBOX_NOTE},
        {"X-UID", PF_MBOX_NOTE},
        {"X-Mozilla-Status", PF_MBOX_NOTE},
        {"X-Mozilla-Status2", PF_MBOX_NOTE},
        {"X-Mozilla-Keys", PF_MBOX_NOTE},
        {"Subject", PF_MBOX_SUBJECT},
        {"Return-Path", PF_MBOX_RETURN_PATH},
        {"Lines", PF_MBOX_LINES},
    };
    size_t colon = pf_find(pf_bytes_head(line, 64), ':'); /* no name here is longer */
    struct pf_bytes name = pf_bytes_head(line, colon);

    if (colon >= line.len || line.at[colon] != ':' || !colon || is_white(line.at[0]))
        return PF_MBOX_OTHER;
    name = trim(name); /* RFC 5322 section 4.5: obsolete syntax has white space before the colon */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (pf_equal_nocase(name, pf_bytes_of(names[i].name))) {
            *out_value = trim(pf_bytes_skip(line, colon + 1));
            return names[i].kind;
        }
    return PF_MBOX_OTHER;
}
