/* What an LMTP conversation must have been, told from its octets alone: reads what the client said and what it
 * heard, side by side, and compares with what the world was asked to seal. It knows the engine's rules
 * but shares no code with it: un-stuffing goes line by line, commands are read by other means. */
#ifndef POSTFACH_FUZZ_LMTP_MODEL_H
#define POSTFACH_FUZZ_LMTP_MODEL_H

#include <postfach/lmtp_server.h>

enum { MODEL_RCPTS = 8 };

struct model_seal {
    size_t at; /* octets said when it was asked */
    unsigned char *text;
    size_t text_len;
    unsigned recipients;
    enum pf_code codes[MODEL_RCPTS]; /* as told */
};

struct model_log {
    struct pf_lmtp_server_settings set;
    unsigned char *said, *heard;
    size_t said_len, heard_len, heard_cap;
    struct model_seal *seals;
    size_t seal_count;
    size_t *faults; /* octets said when the world failed BEGIN or the text */
    size_t fault_count;
};

/* Aborts when something is wrong. The session has ended and all output was heard. */
void model_check(const struct model_log *);

#endif
