/* A model of a POP3 session, to hold a conversation against: it knows what was said, what was heard,
 * and which bodies the store gave, and reads all of it again at the end as a patient client would. */
#ifndef POSTFACH_TEST_SERVER_MODEL_H
#define POSTFACH_TEST_SERVER_MODEL_H

#include <postfach/pop3_server.h>

enum {
    MODEL_SAID = 4096,
    MODEL_WIRE = 24576, /* the largest message on the wire */
    MODEL_MESSAGES = 6,
    MODEL_BODIES = MODEL_SAID / 6 /* "TOP 1 1" and "RETR 1" need more */
};

struct model_message {
    struct pf_bytes stored;
    struct pf_bytes wire; /* with stuffed dots */
    uint64_t octets;      /* of that without stuffed dots */
};

struct model_body {
    size_t command; /* the line that asked for it, counted from 0 */
    uint32_t index;
    bool vouched;
};

struct model {
    struct pf_listing listing;
    struct model_message messages[MODEL_MESSAGES];
    bool expire, no_delete;
    const char *timestamp; /* at the greeting's end, "" for none */
    size_t line_max, sasl_line_max;
    unsigned char said[MODEL_SAID];
    size_t said_len;
    unsigned char *heard;
    size_t heard_len, heard_cap;
    struct model_body bodies[MODEL_BODIES];
    size_t body_count;
    uint64_t removed; /* what COMMIT was to remove, a bit a message */
    bool commit;
    enum pf_close why;
};

struct model *model_new(bool expire, size_t line_max, size_t sasl_line_max);
void model_free(struct model *);

void model_said(struct model *, struct pf_bytes);
void model_hear(struct model *, struct pf_bytes);
/* The store was asked for a body, and will say that it is whole, or not. */
void model_body(struct model *, const struct pf_ask *, bool vouched);
void model_commit(struct model *, const struct pf_ask *);

/* Reads the conversation; asserts. */
void model_check(struct model *, const struct pf_pop3_server *);

#endif
