/* Auth for others, as its files share it: gates, and what they have asked. For auth_serve*.c only. */
#ifndef POSTFACH_AUTH_AUTH_SERVE_PRIVATE_H
#define POSTFACH_AUTH_AUTH_SERVE_PRIVATE_H

#include "auth/auth_serve.h"
#include "auth/auth_wire.h"
#include "auth/recent.h"
#include "auth/right.h"

#include <sys/queue.h>

struct pf_auth_serve_login;
struct pf_auth_serve_lookup;

struct pf_auth_serve_gate {
    LIST_ENTRY(pf_auth_serve_gate) link;
    struct pf_auth_serve *serve;
    struct pf_ipc *ipc;
    uint32_t number;
    bool owes_offer; /* it was not told yet, or not the last one */
    struct pf_auth_serve_login *logins[PF_AUTH_WIRE_TALKS]; /* by the place in their numbers */
    LIST_HEAD(, pf_auth_serve_lookup) lookups;
    unsigned lookup_count;
};

struct pf_auth_serve {
    struct pf_auth_serve_parts parts;
    LIST_HEAD(, pf_auth_serve_gate) gates;
    unsigned gate_count;
    struct pf_auth_wire_offer offer;
    struct pf_recent *logins; /* NULL until LOGIN-DELAY is used. 'l': who logged in; 'v': who was let in, by gate */
    uint64_t lookups;         /* number of the last one: the session in its tickets */
    unsigned char buffer[PF_IPC_PAYLOAD_MAX]; /* where an answer is written, wiped when it is sent */
};

/* auth_serve.c */
/* Answers with what stands in the buffer; it is wiped. */
void pf_auth_serve_answer(struct pf_auth_serve_gate *, uint64_t id, uint16_t kind, size_t len);
/* The octets of a frame are not needed any more. */
void pf_auth_serve_wipe(struct pf_bytes payload);

/* auth_serve_ticket.c */
struct pf_auth_serve_claim {
    const struct pf_auth_serve_gate *gate;
    const struct pf_user *user;
    unsigned rights;
    uint32_t store;
    uint64_t session;
};
/* What the user may do there himself. */
unsigned pf_auth_serve_rights(const struct pf_user *);
/* At most PF_SEAL_TICKET_MAX octets. */
enum pf_code pf_auth_serve_ticket(const struct pf_auth_serve_claim *, const struct pf_right *, struct pf_span *out,
                                  struct pf_err *err);
/* LOGIN-DELAY: a verdict goes to a gate, which may note it for a time; when did he last log in? */
pf_time pf_auth_serve_last(struct pf_auth_serve_gate *, const char *user);
void pf_auth_serve_noted(struct pf_auth_serve_gate *, const char *user);

/* auth_serve_login.c; false: the frame is none, and the gate is to be dropped */
bool pf_auth_serve_check(struct pf_auth_serve_gate *, uint64_t id, struct pf_bytes payload);
bool pf_auth_serve_step(struct pf_auth_serve_gate *, uint64_t id, struct pf_bytes payload);
bool pf_auth_serve_end(struct pf_auth_serve_gate *, struct pf_bytes payload);
/* The gate is gone: nothing is answered. */
void pf_auth_serve_drop_logins(struct pf_auth_serve_gate *);

/* auth_serve_lookup.c */
bool pf_auth_serve_look_up(struct pf_auth_serve_gate *, uint64_t id, struct pf_bytes payload);
void pf_auth_serve_drop_lookups(struct pf_auth_serve_gate *);

#endif
