/* A message's text and the replies behind it. */
#ifndef POSTFACH_PROTO_LMTP_DATA_H
#define POSTFACH_PROTO_LMTP_DATA_H

#include <postfach/bytes.h>

#include "proto/lmtp_reply.h"

struct pf_lmtp_server;

enum {
    /* A chunk that will be refused is read to its end, for the next command stands behind it (RFC
     * 3030 section 2). Beyond this many octets it costs less to end the session. */
    PF_LMTP_SWALLOW_MAX = 1 << 30
};

/* This message will not be delivered, and why; the first reason stays. `text` is copied. */
void pf_lmtp_data_fail(struct pf_lmtp_server *, const struct pf_lmtp_answer *);
/* The parcels are made: 354 was said, or the chunk may come. */
void pf_lmtp_data_begin(struct pf_lmtp_server *);
void pf_lmtp_data_begin_chunk(struct pf_lmtp_server *);

/* Text of the wire into `into`; or to nowhere. Octets taken. */
size_t pf_lmtp_data_take(struct pf_lmtp_server *, struct pf_bytes in, struct pf_span *into);
size_t pf_lmtp_data_take_away(struct pf_lmtp_server *, struct pf_bytes in);
/* Writes the replies that are owed, known and have room. */
void pf_lmtp_data_produce(struct pf_lmtp_server *);

#endif
