/* The inside of the client engine, shared by its files and by tests.
 *
 *     pop3_client.c       the doors: feed, event, end
 *     pop3_client_say.c   commands, their line, when it may leave
 *     pop3_client_hear.c  status lines: what the server answered
 *     pop3_client_list.c  numbers, sizes, ids   pop3_client_capa.c  capabilities
 *     pop3_client_body.c  messages              pop3_client_time.c  deadlines
 *
 * One piece of memory: this struct, a ring of slots (a command each), the octets on their way out,
 * and a place where a line is collected or a piece of a message is made.
 *
 *     out:  | sent | shown, may be sent | waits for its turn | room |
 *             head                        shown                len
 *     slots: answered | in flight | wait for their turn
 *                       first       first + shown_slots          */
#ifndef POSTFACH_PROTO_POP3_CLIENT_INSIDE_H
#define POSTFACH_PROTO_POP3_CLIENT_INSIDE_H

#include <postfach/dot.h>
#include <postfach/pop3_client.h>

#include "proto/words.h"

/* What the next octet belongs to. */
enum pf_client_phase {
    PF_CLIENT_STATUS, /* the first line of an answer, or the greeting */
    PF_CLIENT_ITEMS,
    PF_CLIENT_BODY,
    PF_CLIENT_SASL, /* the caller owes a response */
    PF_CLIENT_TLS   /* the caller owes a handshake */
};

struct pf_client_slot {
    uint64_t tag, number, expect, octets_max;
    uint64_t begin, end; /* places of its line in all that was ever shown */
    uint32_t len;        /* of its line */
    uint8_t verb;
    bool multi;   /* "+OK" has lines behind it */
    bool unsent;  /* it may not be said in the state that was reached */
    bool initial; /* its initial response was kept back */
    bool cancelled;
};

struct pf_client_body {
    struct pf_undot undot;
    unsigned char loose_state;
    bool loose;
    bool held_cr; /* the last octet was a CR that may be half a line end */
    unsigned char head[3], tail[4];
    unsigned char head_len, tail_len;
    uint64_t announced;
};

struct pf_pop3_client {
    const struct pf_pop3_client_settings *set;
    struct pf_client_slot *slots;
    unsigned first, count, shown_slots;
    struct pf_span out;
    size_t head, shown;
    uint64_t shown_total, sent_total; /* octets, of all that was ever shown */
    uint32_t flight_octets;

    unsigned char *room;
    size_t line_len;      /* octets of the line in `room` */
    uint64_t line_octets; /* all of it, without LF */
    bool line_cr;         /* the last one was a CR */

    enum pf_client_phase phase;
    unsigned state; /* PF_IN_A0, PF_IN_A1, PF_IN_T */
    struct pf_heard events[2];
    unsigned event_at, event_count;
    struct pf_client_body body;

    unsigned odd; /* of the answer under way */
    uint64_t items, sum, last_number;
    uint64_t octets, lent;
    uint64_t stat_count, stat_octets;
    bool stat_known, stat_negative, marked;
    unsigned rounds;
    unsigned blanks; /* empty lines since the last answer */
    enum pf_lost lost;
    struct pf_bytes farewell;
    pf_time now; /* as last heard */
    pf_time start, heard_from, stall_from;

    bool tls, greeted, told_lost;
    bool locked;  /* a command that ends a group is in flight */
    bool unasked; /* the line under way is no answer */
    bool lf;      /* the last status line ended with LF alone */
    bool lang, quit_said, utf8_said;
    unsigned char timestamp_len;
    char timestamp[PF_CAN_TIMESTAMP];
    struct pf_pop3_offer offer;
    struct pf_pop3_client_stats stats;
};

static inline struct pf_client_slot *pf_client_slot_at(const struct pf_pop3_client *e, unsigned n)
{
    return &e->slots[(e->first + n) % e->set->queue];
}

/* The command whose answer is being heard, or NULL. */
static inline struct pf_client_slot *pf_client_head(const struct pf_pop3_client *e)
{
    return e->shown_slots ? pf_client_slot_at(e, 0) : NULL;
}

/* pop3_client.c */
struct pf_heard *pf_client_push(struct pf_pop3_client *,
                                enum pf_heard_kind); /* of the command at the head */
void pf_client_lose(struct pf_pop3_client *, enum pf_lost);
/* The command at the head is answered: an END is pushed, and the command forgotten. */
struct pf_heard *pf_client_end(struct pf_pop3_client *, enum pf_end);

/* pop3_client_say.c */
extern const struct pf_word pf_client_words[PF_WORDS];
void pf_client_open_window(struct pf_pop3_client *);
void pf_client_cancel(struct pf_pop3_client *);
size_t pf_client_visible(const struct pf_pop3_client *);

/* pop3_client_hear.c: a whole line is in `room`. `more`: octets behind it are there already. */
void pf_client_status_line(struct pf_pop3_client *, bool more);
void pf_client_item_line(struct pf_pop3_client *);
/* Strips the line end, notes what is odd about the line. */
struct pf_bytes pf_client_line(struct pf_pop3_client *);
/* Replaces control octets in what lies in `room`. */
struct pf_bytes pf_client_clean(struct pf_pop3_client *, struct pf_bytes);

/* pop3_client_list.c */
void pf_client_parse_status(struct pf_pop3_client *, const struct pf_client_slot *, struct pf_bytes text,
                            struct pf_heard *);
void pf_client_parse_item(struct pf_pop3_client *, const struct pf_client_slot *, struct pf_bytes line,
                          struct pf_heard *);
void pf_client_list_end(struct pf_pop3_client *, const struct pf_client_slot *, struct pf_heard *);

/* pop3_client_capa.c */
void pf_client_capability(struct pf_pop3_offer *, struct pf_bytes line);
/* The last "<left@right>" of a greeting; empty when there is none. */
struct pf_bytes pf_client_timestamp_in(struct pf_bytes text);

/* pop3_client_body.c */
void pf_client_body_begin(struct pf_pop3_client *, uint64_t announced);
size_t pf_client_body_take(struct pf_pop3_client *, struct pf_bytes in);
bool pf_client_body_looks_ended(const struct pf_pop3_client *);

/* pop3_client_time.c */
void pf_client_tick(struct pf_pop3_client *, pf_time now);

#endif
