/* The client's words: the table decides whether a command is carried out, a
 * handler carries it out. */
#ifndef POSTFACH_PROTO_SERVER_CMD_H
#define POSTFACH_PROTO_SERVER_CMD_H

#include <postfach/bytes.h>

struct pf_pop3_server;

/* A command line, without its end. */
void pf_server_command(struct pf_pop3_server *, struct pf_bytes line);
/* A line inside a SASL exchange. */
void pf_server_response(struct pf_pop3_server *, struct pf_bytes line);

#endif
