/* The simulation: a hall with clients, in one process, in which nothing is left to chance but a seed.
 *
 * What a real day mixes (clients that pipeline, cut, crawl, hang up; mail that
 * arrives; disks that fail; a server that goes down) is mixed here by one
 * random number, and a model that knows no line of the server's code watches
 * what becomes of each message. Real are the session, the engine, the
 * connections on socket pairs, auth with its file and threads, the referee,
 * the faulty store and the memory store. Taken into the simulation's hands, by
 * the linker's --wrap, is what would make two runs of a seed differ:
 *
 *   time      the clock moves only when the simulation says so, and timers fire by it
 *   threads   a password is checked on a loop of auth's own at once; the answer
 *             comes as many turns later as the seed says
 *   the store each op completes as many turns later as the seed says
 *
 * sim_clock.c has these, sim_store.c watches the doors of the store and keeps
 * the model of the maildrops, sim_say.c invents what clients say, sim_hear.c
 * judges what they hear, sim_client.c moves octets, sim_world.c builds and
 * takes down, t_sim.c plays. */
#ifndef POSTFACH_TEST_SIM_H
#define POSTFACH_TEST_SIM_H

#include "session/guest.h"
#include "store/faulty.h"
#include "store/memory.h"

enum {
    SIM_USERS = 4,
    SIM_CLIENTS = 24,  /* in the life of a world, at most eight at a time */
    SIM_AT_ONCE = 8,
    SIM_MESSAGES = 64, /* of a maildrop: one bit of a mask each */
    SIM_OPENS = 64,
    SIM_QUEUE = 8192   /* commands of a client without an answer yet */
};

struct sim;

struct sim_text {
    unsigned char *at;
    size_t len, cap;
};

struct sim_message {
    char uidl[PF_UIDL_MAX + 1]; /* "" until the store told it */
    struct sim_text text;       /* as stored */
    struct sim_text wire;       /* as RETR sends it, with stuffed dots, without the last dot */
    uint64_t octets;            /* as LIST says */
    bool gone;
};

struct sim_drop {
    char path[32];
    struct sim_message *messages[SIM_MESSAGES]; /* in order of arrival */
    unsigned count;
    struct sim_client *holder; /* who has it open */
    unsigned in_flight;        /* asked to be removed, not answered yet */
};

enum sim_verb {
    SIM_USER, SIM_PASS, SIM_AUTH, SIM_AUTH_BEGIN, SIM_AUTH_RESPONSE, SIM_AUTH_CANCEL, SIM_AUTH_LIST,
    SIM_CAPA, SIM_STAT, SIM_LIST, SIM_LIST_ONE, SIM_UIDL, SIM_UIDL_ONE, SIM_RETR, SIM_TOP, SIM_DELE,
    SIM_RSET, SIM_NOOP, SIM_LAST, SIM_QUIT, SIM_BAD
};

/* A command that is on its way, and what is needed to judge its answer. */
struct sim_command {
    enum sim_verb verb;
    unsigned user;
    bool good; /* the credentials are right */
    unsigned number, lines;
    uint64_t end; /* its last octet in all that the client sends */
};

struct sim_client {
    struct sim *sim;
    unsigned number;
    int fd; /* -1: it left */
    struct pf_guest_session *guest;
    pf_time came;

    /* what it says */
    unsigned groups; /* of commands still to be invented */
    bool rowdy, slow, hurried;
    struct sim_text out; /* not yet sent */
    uint64_t made, sent; /* octets ever */
    struct sim_command queue[SIM_QUEUE];
    unsigned head, told, tail; /* answered | sent | invented; numbers grow, places are modulo */
    bool half_closed;
    bool quit_made, quit_sent;
    uint64_t may_delete, may_fetch; /* by what was sent, whatever was answered */

    /* what it hears */
    struct sim_text in;
    size_t in_at;
    bool greeted, eof, ended; /* ended: only the end of the connection may follow */
    bool body;                /* the head's first line came; `want` is what must follow */
    bool open_ended;          /* it ends with the dot line, whatever is before */
    struct sim_text want;
    size_t want_at;
    bool excused; /* the server had a reason to end this */

    /* what it knows */
    bool logged_in, quit_answered, exchange;
    int named;
    unsigned errors_in_a_row, failed_logins;
    uint64_t deleted, fetched, broken;

    /* what the store's door saw of its guest */
    void (*done)(struct pf_store_op *);
    enum pf_code open_wanted;
    enum pf_code opens[SIM_OPENS]; /* outcomes whose answers were not read yet */
    unsigned opens_head, opens_tail;
    bool struck;
    struct sim_drop *drop;
    struct sim_message *listing[SIM_MESSAGES];
    unsigned listed;
    unsigned struck_reads[SIM_MESSAGES];
    unsigned char *late, *read_to; /* what is being read, and where it goes */
    uint64_t marks;
    bool committed;
    enum pf_code commit_code;
};

struct sim_timer;
struct sim_held;
struct sim_check;
struct sim_parcel;

struct sim_counts {
    unsigned long commands, answers, bodies, quits, removed, faults, cuts, hangups, deliveries, shutdowns,
        in_use, turns;
};

struct sim {
    uint64_t seed, state;
    unsigned step;
    pf_time clock;
    uint64_t turn;
    struct sim_timer *timers;
    struct sim_held *held;
    struct sim_check *checks;
    bool patient; /* completions take turns; false: at once, for the end */

    char dir[64], users[96];
    struct pf_conf *conf;
    struct pf_loop *loop, *auth_loop;
    struct pf_store *memory, *store; /* store wraps memory */
    struct pf_auth *auth;
    struct pf_guests *guests;
    struct pf_hall *hall;
    struct pf_log log;
    bool expire_0, closing, emptied;
    unsigned faults_added;

    struct sim_drop drops[SIM_USERS];
    struct sim_client *clients[SIM_CLIENTS];
    unsigned client_count;
    struct sim_parcel *parcels;
    struct sim_counts counts;
};

/* t_sim.c: says seed, step and why, and ends the process. */
_Noreturn void sim_fail(const struct sim *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* sim_base.c */
uint64_t sim_random(struct sim *);
unsigned sim_pick(struct sim *, unsigned below); /* 0 .. below - 1 */
bool sim_chance(struct sim *, unsigned percent);
void sim_put(struct sim_text *, const void *, size_t);
void sim_say_text(struct sim_text *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_text_done(struct sim_text *);
struct sim_message *sim_message_new(struct sim *);
void sim_message_free(struct sim_message *);
/* What TOP answers, behind its first line, with the dot. False where the answer is a matter of taste. */
bool sim_top(const struct sim_message *, unsigned lines, struct sim_text *out);

/* sim_clock.c */
extern struct sim *sim_world; /* the one that is: wrapped functions are told of no world */
void sim_clock_begin(struct sim *);
void sim_clock_end(void);
void sim_turn(struct sim *);
/* Turns until nothing can happen by itself; a loop that never rests fails. */
void sim_settle(struct sim *);

/* sim_store.c */
void sim_deliver(struct sim *, struct sim_drop *);
void sim_parcel_begin(struct sim *, struct sim_drop *);
void sim_fault(struct sim *);
void sim_check_counts(struct sim *);
void sim_check_drop(struct sim *, struct sim_drop *);

/* sim_say.c */
void sim_say(struct sim_client *);

/* sim_hear.c */
void sim_hear(struct sim_client *);
/* The server ended the connection: is all answered that should be? */
void sim_hear_end(struct sim_client *);

/* sim_client.c */
struct sim_client *sim_client_new(struct sim *);
void sim_client_free(struct sim_client *);
/* Each is true when octets moved. */
bool sim_client_send(struct sim_client *, size_t most);
bool sim_client_read(struct sim_client *, size_t most);
void sim_client_half_close(struct sim_client *);
void sim_client_leave(struct sim_client *);
bool sim_client_excused(const struct sim_client *);
struct sim_client *sim_client_of(struct sim *, const struct pf_store_op *);

/* sim_world.c */
void sim_up(struct sim *, uint64_t seed);
void sim_down(struct sim *);
void sim_close_hall(struct sim *, pf_time grace);

#endif
