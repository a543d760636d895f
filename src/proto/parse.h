/* Parse: a command line becomes a word and views of its arguments.
 *
 * RFC 2449 section 3: command = keyword *(SP param) CRLF. Strict, with three
 * habits of real clients let in: white space at the end of the line is
 * ignored, USER may be followed by more than one space, and a password is
 * everything behind "PASS ", its spaces included (RFC 1939 section 7). */
#ifndef POSTFACH_PROTO_PARSE_H
#define POSTFACH_PROTO_PARSE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

#include "proto/words.h"

enum { PF_ARGUMENTS_MAX = 2 };

struct pf_command {
    const struct pf_word *word; /* NULL: not a word of POP3 */
    unsigned count;             /* arguments in the line, perhaps more than are kept here */
    struct pf_bytes arguments[PF_ARGUMENTS_MAX];
};

/* `line` has lost its line end. PF_OK, or PF_SYNTAX for a control octet, an empty argument, a wrong
 * number of arguments or an unknown word; out_command->word is right in any case. */
enum pf_code pf_parse_command(struct pf_bytes line, struct pf_command *out_command);

#endif
