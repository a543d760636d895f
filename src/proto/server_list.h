/* Answers of many lines, made as room comes: LIST, UIDL, CAPA, the list of a
 * bare AUTH, and a SASL challenge. A million rows pass through the smallest
 * buffer, and no octet of them is ever stored elsewhere. */
#ifndef POSTFACH_PROTO_SERVER_LIST_H
#define POSTFACH_PROTO_SERVER_LIST_H

#include <stdint.h>

enum pf_produce {
    PF_PRODUCE_NOTHING,
    PF_PRODUCE_LIST,
    PF_PRODUCE_UIDL,
    PF_PRODUCE_CAPA,
    PF_PRODUCE_MECHANISMS,
    PF_PRODUCE_CHALLENGE,
    PF_PRODUCE_BODY_END
};

struct pf_pop3_server;

/* Begins; the first line was written. */
void pf_server_produce_from(struct pf_pop3_server *, enum pf_produce);
/* Goes on until it is complete or the room ends. */
void pf_server_produce(struct pf_pop3_server *);

#endif
