/* Token line: one line of the file of tokens, taken apart in place. For tokens.c and token_make.c only. */
#ifndef POSTFACH_AUTH_TOKEN_LINE_H
#define POSTFACH_AUTH_TOKEN_LINE_H

#include "auth/tokens.h"

enum {
    PF_TOKEN_ID = 8,      /* letters and digits */
    PF_TOKEN_SECRET = 26, /* of 32 kinds: 130 bits */
    PF_TOKEN_LEN = 3 + PF_TOKEN_ID + 1 + PF_TOKEN_SECRET
};

/* NULL with *out filled (its texts stand in `line`), or what is wrong. */
const char *pf_token_line(char *line, struct pf_token *out);
/* May it be used from this address, as far as from= goes? */
bool pf_token_from(const struct pf_token *, const char *peer);
/* SHA-256 of a whole token. */
void pf_token_digest(struct pf_bytes token, unsigned char out[32]);

#endif
