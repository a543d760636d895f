/* Line files: what administrators write, a record a line, found by a name.
 *
 * Users and tokens stand in such files. A line that is empty or begins with `#` is a comment, CRLF is taken as LF.
 * All or nothing: one line that is wrong makes the whole file bad, and the error tells how many are and what is wrong
 * with the first. */
#ifndef POSTFACH_AUTH_LINE_FILE_H
#define POSTFACH_AUTH_LINE_FILE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_line_file {
    const char *name, *where; /* for err: the file's, and the room's */
    size_t line_max;          /* octets of a line */
    /* A record, cut off by a NUL: NULL, or what is wrong with it (valid until the next call). */
    const char *(*take)(void *self, char *line);
    void *self;
};

/* The most records that a text can hold: one a line. */
size_t pf_line_file_most(const char *text, size_t len);
/* `text` has room for one octet more than `len`; it is cut into lines. PF_OK or PF_CONFIG. */
enum pf_code pf_line_file_read(const struct pf_line_file *, char *text, size_t len, struct pf_err *err);

/* Which record has a name: open addressing, record numbers from one, 0 is free. */
struct pf_line_index {
    uint32_t *at;
    size_t slots; /* a power of two, at least twice the records */
    const char *(*name_of)(const void *records, uint32_t number);
    const void *records;
};

/* Room for `most` records; false without memory. `name_of` and `records` are the caller's to set. */
bool pf_line_index_init(struct pf_line_index *, size_t most);
void pf_line_index_done(struct pf_line_index *);
/* The slot of the name, or the free one where it would stand. */
uint32_t *pf_line_index_slot(const struct pf_line_index *, struct pf_bytes name);

#endif
