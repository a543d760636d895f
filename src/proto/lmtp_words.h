/* Words: the verbs of LMTP and SMTP as rows of one table (postfach/lmtp_words.def).
 *
 * Where a word is allowed and what may follow it is data. Who carries a word out never tests any
 * of it. */
#ifndef POSTFACH_PROTO_LMTP_WORDS_H
#define POSTFACH_PROTO_LMTP_WORDS_H

#include <postfach/bytes.h>

enum {
    PF_LMTP_IN_NEW = 1,
    PF_LMTP_IN_READY = 2,
    PF_LMTP_IN_MAIL = 4,
    PF_LMTP_IN_RCPT = 8,
    PF_LMTP_IN_BDAT = 16,
    PF_LMTP_IN_ANY = 31,

    PF_LMTP_WORD_LMTP = 1,
    PF_LMTP_WORD_SMTP = 2,
    PF_LMTP_WORD_TLS = 4,
    PF_LMTP_WORD_NEVER = 8,
    PF_LMTP_WORD_TEXT = 16,
    PF_LMTP_WORD_GROUP_END = 32,
    PF_LMTP_WORD_PROXY = 64
};

enum pf_lmtp_arguments { PF_LMTP_NONE, PF_LMTP_SOME, PF_LMTP_ANY };

enum pf_lmtp_word_id {
#define PF_LMTP_WORD(word, states, arguments, flags, server) PF_LMTP_WORD_##word##_ID,
#include <postfach/lmtp_words.def>
#undef PF_LMTP_WORD
    PF_LMTP_WORDS /* how many there are */
};

struct pf_lmtp_word {
    const char *name; /* upper case */
    enum pf_lmtp_word_id id;
    unsigned states;
    enum pf_lmtp_arguments arguments;
    unsigned flags;
};

struct pf_lmtp_line {
    const struct pf_lmtp_word *word; /* NULL: no such word */
    struct pf_bytes rest;            /* what follows the word, without spaces around it */
    bool control;                    /* a control octet is in it */
};

const struct pf_lmtp_word *pf_lmtp_word(enum pf_lmtp_word_id);
/* `line` has lost its line end. The word is taken without regard to case. */
void pf_lmtp_line_split(struct pf_bytes line, struct pf_lmtp_line *out_line);

#endif
