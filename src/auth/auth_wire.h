/* What a gate and auth say to each other: the payloads of their frames (sys/ipc.h), written and read.
 *
 * Numbers are big-endian, texts and octets have a length of four octets in front, flags are bits of one octet. Each
 * payload has exactly one form: a reader takes nothing that its writer would not have written, and nothing behind
 * the end. Everything has an end of its own (the enum below); what goes beyond it is not written (false, with the
 * span as it was) and not read.
 *
 * A gate's logins have numbers that it makes: from CHECK until the verdict, or until it says END, a number is its. The
 * low bits name a place in a table at the other end, the high bits make it one that was not used before:
 * so no step of one exchange can be taken for one of another, and none of another gate's.
 *
 *   kind     from   payload
 *   CHECK    gate   a first question, answered by VERDICT
 *   STEP     gate   a further step of an exchange, answered by VERDICT
 *   LOOKUP   gate   whose is this address, from the n-th user on; answered by USERS
 *   END      gate   notice: nobody waits for this login any more
 *   NOTED    gate   notice: this user has logged in, as LOGIN-DELAY counts it
 *   OFFER    auth   notice: what can be offered
 *
 * Views that a reader gives lie in the payload. */
#ifndef POSTFACH_AUTH_AUTH_WIRE_H
#define POSTFACH_AUTH_AUTH_WIRE_H

#include "auth/auth.h"
#include "sys/ipc.h"
#include "sys/seal.h"

enum pf_auth_wire_kind {
    PF_AUTH_WIRE_CHECK = 1,
    PF_AUTH_WIRE_STEP,
    PF_AUTH_WIRE_LOOKUP,
    PF_AUTH_WIRE_VERDICT,
    PF_AUTH_WIRE_USERS,
    PF_AUTH_WIRE_END,
    PF_AUTH_WIRE_NOTED,
    PF_AUTH_WIRE_OFFER
};

enum {
    PF_AUTH_WIRE_NAME_MAX = 2048,     /* more than any door takes: there it is refused, and counted, as elsewhere */
    PF_AUTH_WIRE_SECRET_MAX = 65537,  /* a message of the longest mechanism, and an octet by which it is too long */
    PF_AUTH_WIRE_STAMP_MAX = 300,     /* a host name of 255 octets, and numbers */
    PF_AUTH_WIRE_MECHANISM_MAX = 63,
    PF_AUTH_WIRE_PEER_MAX = 63,       /* an IPv6 address with its zone */
    PF_AUTH_WIRE_VERSION_MAX = 31,
    PF_AUTH_WIRE_BINDING_MAX = 64,
    PF_AUTH_WIRE_ADDRESS_MAX = 2 * PF_AUTH_NAME_MAX + 1,
    PF_AUTH_WIRE_TALKS = 2048, /* logins of one gate at once, exchanges that wait for their guests among them; a power
                                * of two. Each costs auth some 20 KiB */
    PF_AUTH_WIRE_OFFERS = 16
};

struct pf_auth_wire_check {
    uint64_t number; /* of the login; not 0 */
    uint64_t session; /* of the gate, for the ticket; 0: none */
    enum pf_auth_way way;
    bool tls, has_response;
    struct pf_bytes name;   /* not with SASL */
    struct pf_bytes secret; /* or the response */
    struct pf_bytes timestamp; /* APOP only */
    struct pf_bytes mechanism; /* SASL only, like the last two */
    struct pf_bytes peer, tls_version, certificate;
    struct pf_bytes exporter, unique;
};

struct pf_auth_wire_step {
    uint64_t number;
    bool has_response;
    struct pf_bytes response;
};

struct pf_auth_wire_lookup {
    uint16_t from;  /* < PF_LOOKUP_USERS_MAX */
    uint64_t mark;  /* with from > 0: of the answer before */
    struct pf_bytes address;
};

/* Who may do something, and the ticket for it. */
struct pf_auth_wire_bearer {
    struct pf_user user;    /* but for its pass */
    uint32_t store;         /* 0: there is no ticket */
    struct pf_bytes ticket;
};

struct pf_auth_wire_verdict {
    struct pf_err err;
    bool more, spent;
    struct pf_bytes challenge;         /* only with more */
    struct pf_auth_wire_bearer bearer; /* PF_OK without more: all of it; else the user's name alone */
    pf_time last;                      /* likewise: when he last logged in; 0: not that anybody knew */
};

/* A page of users. With an error nothing else is there. */
struct pf_auth_wire_users {
    struct pf_err err;
    uint16_t total;      /* users, on all pages */
    uint64_t mark;       /* of all of them together: pages with different marks do not belong together */
    struct pf_bytes page; /* read: for pf_auth_wire_bearer_next, at least one */
};

struct pf_auth_wire_offer {
    uint64_t masks[PF_AUTH_WIRE_OFFERS]; /* by pf_auth_wire_offer_index */
    bool binds, apop;
};

bool pf_auth_wire_put_check(struct pf_span *, const struct pf_auth_wire_check *);
bool pf_auth_wire_get_check(struct pf_bytes, struct pf_auth_wire_check *out);
bool pf_auth_wire_put_step(struct pf_span *, const struct pf_auth_wire_step *);
bool pf_auth_wire_get_step(struct pf_bytes, struct pf_auth_wire_step *out);
bool pf_auth_wire_put_lookup(struct pf_span *, const struct pf_auth_wire_lookup *);
bool pf_auth_wire_get_lookup(struct pf_bytes, struct pf_auth_wire_lookup *out);
bool pf_auth_wire_put_verdict(struct pf_span *, const struct pf_auth_wire_verdict *);
bool pf_auth_wire_get_verdict(struct pf_bytes, struct pf_auth_wire_verdict *out);
/* The head of a page; bearers are put behind it as long as there is room. */
bool pf_auth_wire_put_users(struct pf_span *, const struct pf_auth_wire_users *);
bool pf_auth_wire_put_bearer(struct pf_span *, const struct pf_auth_wire_bearer *);
bool pf_auth_wire_get_users(struct pf_bytes, struct pf_auth_wire_users *out);
/* The next bearer of a page, taken from its front; false at its end. */
bool pf_auth_wire_bearer_next(struct pf_bytes *page, struct pf_auth_wire_bearer *out);
bool pf_auth_wire_put_end(struct pf_span *, uint64_t number);
bool pf_auth_wire_get_end(struct pf_bytes, uint64_t *out_number);
bool pf_auth_wire_put_noted(struct pf_span *, const char *user);
bool pf_auth_wire_get_noted(struct pf_bytes, char out_user[PF_AUTH_NAME_MAX + 1]);
bool pf_auth_wire_put_offer(struct pf_span *, const struct pf_auth_wire_offer *);
bool pf_auth_wire_get_offer(struct pf_bytes, struct pf_auth_wire_offer *out);

/* Which of the masks a connection has, and a connection that has it. */
unsigned pf_auth_wire_offer_index(const struct pf_auth_link *);
struct pf_auth_link pf_auth_wire_offer_link(unsigned index);

#endif
