/* Lines of a file, one after the other, through one buffer.
 *
 * A line comes whole when it fits; a long one comes in pieces, of which the first has
 * at least PF_MBOX_LOOK octets: enough to judge a From_ line or the name of a header. */
#ifndef POSTFACH_STORE_MBOX_LINES_H
#define POSTFACH_STORE_MBOX_LINES_H

#include <postfach/bytes.h>

enum {
    PF_MBOX_BUFFER = 65536, /* reads of this size cost no more than the copying */
    PF_MBOX_LOOK = 1024
};

struct pf_mbox_lines {
    int fd;
    uint64_t at;  /* in the file, of what comes next */
    uint64_t end; /* where to stop */
    unsigned char *buffer; /* PF_MBOX_BUFFER octets, lent */
    size_t pos, len;
    bool mid_line;
};

struct pf_mbox_piece {
    struct pf_bytes text; /* with its LF; until the next call */
    uint64_t at;
    bool begins; /* at the start of a line */
    bool ends;   /* with LF */
};

/* 1: a piece; 0: the end; -1: errno. A file that ends before `end` is EIO. */
int pf_mbox_lines_next(struct pf_mbox_lines *, struct pf_mbox_piece *out_piece);

/* Whole reads and writes; -1 with errno. A short read (end of file) returns what was there. */
int64_t pf_mbox_read_at(int fd, void *at, size_t len, uint64_t from);
int pf_mbox_write_at(int fd, struct pf_bytes, uint64_t to);
/* Writes lines to the end of the file, behind the end of one that a crash tore. 0, or -1 and errno. */
int pf_mbox_put_lines(int fd, struct pf_bytes lines);

#endif
