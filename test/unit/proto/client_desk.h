/* A desk for the POP3 client engine: a script says what the server says, and what is heard is written
 * down, an event a line, so that a test reads it as text:
 *
 *     END STAT whole 2 320 "2 320" odd space
 *
 * kind, verb, verdict (END), why (LOST), number and octets where parsed, uid, {bytes}, "text", [code],
 * code that was believed, and what was odd. Pieces that follow each other are one, whatever the cut. */
#ifndef POSTFACH_TEST_CLIENT_DESK_H
#define POSTFACH_TEST_CLIENT_DESK_H

#include <postfach/pop3_client.h>

enum { DESK_LOG = 65536 };

struct desk {
    struct pf_pop3_client_settings settings;
    bool tls;
    size_t cut; /* octets fed at once; 0: all; SIZE_MAX: any number */
    uint32_t dice;
    struct pf_pop3_client *engine;
    struct pf_heard last; /* the last event; its views may be gone */
    size_t not_taken;     /* octets of the last hear that the engine left */
    pf_time now;
    bool quiet; /* write nothing down */
    char log[DESK_LOG];
    size_t log_len;
    bool in_piece;
    char out[DESK_LOG];
    uint64_t lent; /* octets of pieces */
};

/* Defaults of the engine, in TLS. */
void desk_init(struct desk *);
void desk_start(struct desk *);
void desk_end(struct desk *);

/* The server says: what is heard of it. */
const char *desk_hear(struct desk *, struct pf_bytes);
/* Events that wait. */
const char *desk_events(struct desk *);
/* What the engine sends now; it is then sent. */
const char *desk_out(struct desk *);
enum pf_code desk_say(struct desk *, enum pf_pop3_verb);
enum pf_code desk_say_number(struct desk *, enum pf_pop3_verb, uint64_t number);
enum pf_code desk_say_name(struct desk *, enum pf_pop3_verb, const char *name, const char *secret);
/* Starts, greets, logs in with USER and PASS, and forgets it. */
void desk_login(struct desk *);
/* The same, and CAPA with PIPELINING, UIDL, TOP, RESP-CODES before. */
void desk_login_pipelined(struct desk *);

#define HEAR(d, said)  desk_hear(d, PF_LIT(said))
#define IS(text, want) assert_string_equal(text, want)

#endif
