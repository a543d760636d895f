/* A mail as a person reads it: what stands in its head, its text, what is attached.
 *
 * GMime takes it apart. Texts that come out are safe for a terminal (explore_text.h). A letter in a file
 * is not brought into memory: its parts are read from there, and of its text at most PF_EXPLORE_TEXT_MAX
 * octets. A letter that was cut (TOP) is as good as any. */
#ifndef POSTFACH_TOOL_EXPLORE_MIME_H
#define POSTFACH_TOOL_EXPLORE_MIME_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_EXPLORE_TEXT_MAX = 1 << 20, /* nobody reads on a terminal what is longer */
    PF_EXPLORE_PARTS_MAX = 200     /* attachments of a letter that are listed */
};

/* Once, before all others. */
void pf_explore_mime_begin(void);

/* Of a row. Texts are from malloc, or NULL. */
struct pf_explore_mime_head {
    char *from, *subject;
    int64_t date; /* or 0 */
};
/* The lines of a header, with or without the empty one and what is behind it. */
void pf_explore_mime_head(struct pf_bytes, struct pf_explore_mime_head *out);

struct pf_explore_letter;

/* From memory, which must live as long, or from a file, whose descriptor is copied. NULL: it cannot be
 * read. */
struct pf_explore_letter *pf_explore_letter_of(struct pf_bytes);
struct pf_explore_letter *pf_explore_letter_open(int fd);
void pf_explore_letter_free(struct pf_explore_letter *); /* NULL is allowed */

/* Head, list of attachments, text; lines end with LF. Lives as long as the letter. */
const char *pf_explore_letter_text(struct pf_explore_letter *);
/* Attachments, from 0. */
size_t pf_explore_letter_parts(const struct pf_explore_letter *);
/* The name that the sender gave it, and the type; safe for a terminal, the name perhaps "". */
const char *pf_explore_letter_part_name(const struct pf_explore_letter *, size_t part);
const char *pf_explore_letter_part_type(const struct pf_explore_letter *, size_t part);
/* What is in it, decoded, into a file; fd stays open. */
enum pf_code pf_explore_letter_write(const struct pf_explore_letter *, size_t part, int fd,
                                     struct pf_err *);

#endif
