/* The client's words: the table decides whether a command is carried out, a handler carries it out. */
#ifndef POSTFACH_PROTO_LMTP_CMD_H
#define POSTFACH_PROTO_LMTP_CMD_H

#include <postfach/bytes.h>

struct pf_lmtp_server;

/* A command line, without its end. */
void pf_lmtp_command(struct pf_lmtp_server *, struct pf_bytes line);
/* A line that was too long; `begins` are its first octets. */
void pf_lmtp_command_too_long(struct pf_lmtp_server *, struct pf_bytes begins);

#endif
