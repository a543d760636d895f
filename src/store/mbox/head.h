/* Header lines that mail programs keep their own notes in. */
#ifndef POSTFACH_STORE_MBOX_HEAD_H
#define POSTFACH_STORE_MBOX_HEAD_H

#include <postfach/bytes.h>

enum pf_mbox_header {
    PF_MBOX_OTHER,
    PF_MBOX_STATUS,
    PF_MBOX_CONTENT_LENGTH,
    PF_MBOX_X_UIDL,
    PF_MBOX_X_IMAP, /* also X-IMAPbase */
    PF_MBOX_NOTE,   /* another that readers write: X-Status, X-Keywords, X-UID, X-Mozilla-... */
    PF_MBOX_SUBJECT,
    PF_MBOX_RETURN_PATH,
    PF_MBOX_LINES /* mutt counts them when it writes; also of netnews, so it may come in */
};

/* What the beginning of a header line says; *out_value: what stands behind the colon, without white
 * space around it. */
enum pf_mbox_header pf_mbox_header(struct pf_bytes line, struct pf_bytes *out_value);

/* Who delivers strips these. */
static inline bool pf_mbox_is_note(enum pf_mbox_header h)
{
    return h != PF_MBOX_OTHER && h < PF_MBOX_SUBJECT;
}

/* Readers rewrite these, so a message is known without them. */
static inline bool pf_mbox_is_rewritten(enum pf_mbox_header h)
{
    return pf_mbox_is_note(h) || h == PF_MBOX_LINES;
}

/* An empty line: LF or CRLF. */
static inline bool pf_mbox_is_empty(struct pf_bytes line)
{
    return (line.len == 1 && line.at[0] == '\n') ||
           (line.len == 2 && line.at[0] == '\r' && line.at[1] == '\n');
}

#endif
