/* The reader's inner side: one file on its way. */
#ifndef POSTFACH_CONF_READING_H
#define POSTFACH_CONF_READING_H

#include "conf/reader.h"

enum {
    PF_CONF_FRAMES = 4, /* settings.def has two levels of blocks, and an unknown one on top */
    PF_CONF_WORDS = 3   /* a name, its value, and the first one too many */
};

struct pf_conf_frame {
    enum pf_conf_block block; /* PF_CONF_BLOCKS: unknown, all in it is skipped */
    struct pf_conf_token head;
    unsigned inner; /* blocks that are open within an unknown one */
    bool good;      /* its argument was understood */
};

struct pf_conf_reading {
    struct pf_conf_reader *reader;
    struct pf_conf_source *source;
    struct pf_conf_lex lex;
    struct pf_conf_frame frames[PF_CONF_FRAMES];
    size_t depth;
    long missing;                 /* how many `}` the file lacks */
    struct pf_conf_token suspect; /* a block whose `}` stands where that of an outer one belongs */
};

struct pf_conf_statement {
    struct pf_conf_token words[PF_CONF_WORDS];
    size_t count; /* words, also of those that were not kept */
    struct pf_conf_token end;
    bool bad; /* a mistake was told: say no more */
};

/* The block that is open, or top. */
enum pf_conf_block pf_conf_here(const struct pf_conf_reading *);

/* A statement without braces that is no block: a setting, `include`, `version`, or unknown. */
void pf_conf_setting(struct pf_conf_reading *, const struct pf_conf_statement *);
void pf_conf_include(struct pf_conf_reading *, const struct pf_conf_statement *);
/* Tells that the statement's name is none here, with the best hint there is. */
void pf_conf_unknown(struct pf_conf_reading *, const struct pf_conf_statement *);
/* Tells what follows the `wanted` words of a statement; false when it has just as many or was bad. */
bool pf_conf_too_many(struct pf_conf_reading *, const struct pf_conf_statement *, size_t wanted);

#endif
