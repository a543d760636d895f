/* Mistakes: a bounded, sorted list of what is wrong.
 *
 * A reading goes on after a mistake, and some mistakes are only found later than the place where
 * they were made (a missing brace, a listener without a certificate). So they are kept, in
 * the order in which a person reads the files, and told at the end. The list has a fixed size: a
 * picture fed to the reader shall not fill the screen, and a mistake costs no memory, so that
 * "out of memory" can always be told. */
#ifndef POSTFACH_CONF_MISTAKE_H
#define POSTFACH_CONF_MISTAKE_H

#include "conf/conf.h"

enum {
    PF_CONF_MISTAKES = 50, /* a person mends some and tries again */
    PF_CONF_MISTAKE_TEXT = 256,
    PF_CONF_MISTAKE_SOURCE = 240, /* three lines of a terminal */
    PF_CONF_WORD_SHOWN = 64
};

/* One file's text. `base` makes positions of all files comparable. */
struct pf_conf_source {
    const char *name;
    struct pf_bytes text;
    uint64_t base;
    const struct pf_conf_source *parent; /* who includes it, or NULL */
    uint64_t device, inode;              /* to see a file that includes itself */
};

struct pf_conf_place {
    const struct pf_conf_source *source; /* NULL: nowhere */
    uint64_t order;
    size_t at; /* octet in source->text */
    unsigned line;
};

struct pf_conf_record {
    uint64_t order;
    const char *file;
    unsigned line, column;
    char text[PF_CONF_MISTAKE_TEXT], hint[PF_CONF_MISTAKE_TEXT], source[PF_CONF_MISTAKE_SOURCE];
};

struct pf_conf_mistakes {
    struct pf_conf_record list[PF_CONF_MISTAKES];
    size_t count;
    bool no_memory; /* already told */
};

/* Keeps a mistake. The record is for pf_conf_hint, and only until the next mistake; NULL when the
 * list is full of earlier ones. */
struct pf_conf_record *pf_conf_wrong(struct pf_conf_mistakes *, const struct pf_conf_place *,
                                     const char *format, ...) __attribute__((format(printf, 3, 4)));
void pf_conf_hint(struct pf_conf_record *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "Out of memory", once. */
void pf_conf_no_memory(struct pf_conf_mistakes *, const struct pf_conf_place *);

/* Who is told, in the order of the text. */
struct pf_conf_listener {
    void (*report)(void *self, const struct pf_conf_mistake *);
    void *self;
};
void pf_conf_tell(const struct pf_conf_mistakes *, const struct pf_conf_listener *);

/* Where the text begins: some editors put a byte order mark before it. */
size_t pf_conf_text_begin(const struct pf_conf_source *);
/* The column of a place, from one, in characters. */
unsigned pf_conf_column(const struct pf_conf_place *);

/* A word of the file, fit to be quoted in a message. */
struct pf_conf_shown {
    char text[PF_CONF_WORD_SHOWN];
};
struct pf_conf_shown pf_conf_shown(struct pf_bytes word);

#endif
