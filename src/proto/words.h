/* Words: the verbs of POP3 as rows of one table (postfach/pop3_words.def).
 *
 * Whether a word is known, where it is allowed, how many arguments it takes
 * and what its answer looks like is data. Who carries a word out never tests
 * any of it. */
#ifndef POSTFACH_PROTO_WORDS_H
#define POSTFACH_PROTO_WORDS_H

#include <postfach/bytes.h>

enum {
    PF_WORD_LETTERS = 8, /* the longest word fits, and a register holds it */

    PF_IN_A0 = 1,
    PF_IN_A1 = 2,
    PF_IN_A = PF_IN_A0 | PF_IN_A1,
    PF_IN_T = 4,

    PF_WORD_SECRET = 1,
    PF_WORD_NEEDS_TLS = 2,
    PF_WORD_PLAIN_ONLY = 4,
    PF_WORD_GROUP_END = 8,
    PF_WORD_REST = 16,
    PF_WORD_INDENT = 32,
    PF_WORD_TAIL = 64,
    PF_WORD_KEEPS_NAME = 128
};

enum pf_shape { PF_SHAPE_SINGLE, PF_SHAPE_MULTI, PF_SHAPE_MULTI_IF_BARE };

enum pf_offer { PF_OFFER_ALWAYS, PF_OFFER_STLS, PF_OFFER_LAST, PF_OFFER_APOP, PF_OFFER_XCLIENT, PF_OFFER_NEVER };

enum pf_word_id {
#define PF_WORD(word, states, min, max, shape, flags, offer, server) PF_WORD_##word,
#include <postfach/pop3_words.def>
#undef PF_WORD
    PF_WORDS /* how many there are */
};

struct pf_word {
    char name[PF_WORD_LETTERS]; /* upper case, filled up with NUL */
    enum pf_word_id id;
    unsigned states;
    unsigned min, max;
    enum pf_shape shape;
    unsigned flags;
    enum pf_offer offer;
};

/* The row of a keyword, without regard to case; NULL when there is none. */
const struct pf_word *pf_word_find(struct pf_bytes keyword);

#endif
