/* Squeezed messages: files that Dovecot's zlib plugin wrote, served as the text that they hold.
 *
 * Such a file is a gzip (RFC 1952) or zstd (RFC 8878) stream under a common Maildir name; nothing
 * but its first octets tells. A message cannot begin with them: its first line is a header field,
 * whose name is printable ASCII without space or colon (RFC 5322 section 2.2), or an empty line, and neither
 * 1f 8b nor 28 b5 2f fd can stand there. In the name, S is the size of the text, not of the
 * file, and W the text's wire size.
 *
 * The text comes out in order, with bounded memory, and is vouched for only at its end: every member
 * or frame has ended as its format demands, the check sums agreed, and the file held nothing else. A zstd
 * frame may come without a check sum (Dovecot writes none): there a flipped octet shows only when the
 * format or the size betrays it, as in a plain file. */
#ifndef POSTFACH_STORE_MAILDIR_SQUEEZE_H
#define POSTFACH_STORE_MAILDIR_SQUEEZE_H

#include <postfach/bytes.h>

enum { PF_MAILDIR_MAGIC = 4 }; /* octets that suffice to tell */

/* Whether the first octets of a file (fewer where it is shorter) begin a squeezed message. */
bool pf_maildir_squeeze_is(struct pf_bytes head);

struct pf_maildir_squeeze;

/* For a file that begins so; it is lent, and read from its begin by position. NULL when memory lacks. */
struct pf_maildir_squeeze *pf_maildir_squeeze_new(int fd, struct pf_bytes head);
void pf_maildir_squeeze_free(struct pf_maildir_squeeze *); /* NULL is allowed */

/* The next octets of the text, `cap` of them unless it ends. 0, or an errno: EBADMSG when the file
 * is damaged or no honest message, and from then on. *out_end: it ended here, and is whole. */
int pf_maildir_squeeze_read(struct pf_maildir_squeeze *, unsigned char *at, size_t cap,
                            size_t *out_got, bool *out_end);

/* Octets of text given out so far. */
uint64_t pf_maildir_squeeze_at(const struct pf_maildir_squeeze *);
/* After EBADMSG: what is wrong, for the administrator. */
const char *pf_maildir_squeeze_fault(const struct pf_maildir_squeeze *);

#endif
