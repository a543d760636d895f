/* Load: one process that is many POP3 clients, for benches that measure a server.
 *
 * It only drives and verifies; the scripts beside it start servers, read what these spent, and
 * print. Guests are slots: each has its own user, because a maildrop is locked while a session has
 * it, and begins its next session when the last one has ended. A session is a plan, a list of steps
 * that is the same for all: the greeting, commands, what their answers have to be. Nothing is
 * believed: a wrong answer, a wrong octet of a message, a connection that ends early, a TLS session
 * that was to be resumed and was not each end the program with a message and status 1.
 *
 * The files: load.c reads options and counts, load_plan.c makes plans and knows the messages,
 * load_talk.c takes answers apart, load_link.c moves octets.
 */
#ifndef POSTFACH_BENCH_LOAD_H
#define POSTFACH_BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOAD_LINE = 600,    /* more than a response line may have (RFC 2449 section 4: 512) */
    LOAD_NAME = 64,
    LOAD_PASSWORD = 64,
    LOAD_COMMANDS = 4096 /* of one pipelined group */
};

enum load_tls { LOAD_PLAIN, LOAD_FULL, LOAD_RESUMED };

enum load_step { LOAD_GREETING, LOAD_USER, LOAD_PASS, LOAD_STAT, LOAD_LIST, LOAD_UIDL, LOAD_RETR, LOAD_QUIT };

/* A message as it has to arrive: with CRLF, stuffed, and with the last dot. */
struct load_message {
    unsigned char *wire;
    size_t len;
};

struct load_plan {
    unsigned port;
    enum load_tls tls;
    const char *user, *password; /* users are numbered: user0, user1, … */
    uint32_t *steps;             /* enum load_step */
    size_t step_count, first_retr;
    size_t window; /* RETRs that may be under way at once */
    uint64_t count, octets; /* what STAT and LIST have to say */
    struct load_message *messages;
    SSL_CTX *context;
};

enum load_state { LOAD_SHAKING, LOAD_TALKING, LOAD_ENDING, LOAD_STAYING, LOAD_OVER };

struct load_guest {
    const struct load_plan *plan;
    unsigned number; /* of its user */
    int fd;
    SSL *ssl;
    SSL_SESSION *ticket; /* of the last session, to resume it */
    enum load_state state;
    size_t asked, answered; /* steps */
    bool inside;            /* of an answer of many lines */
    char line[LOAD_LINE];
    size_t line_len;
    uint64_t rows, row_octets; /* of LIST or UIDL, so far */
    size_t body_at;            /* octets of the message that have come and were right */
    double began, retr_began, retr_ended;
    double ended; /* the answer to QUIT */
};

/* Says what is wrong and ends the program. */
_Noreturn void load_fail(const struct load_guest *guest, const char *what);

/* load_plan.c */
void load_plan_poll(struct load_plan *plan, bool lists);
void load_plan_retr(struct load_plan *plan, const char *folder);
void load_plan_idle(struct load_plan *plan, bool login);
void load_plan_done(struct load_plan *plan);

/* load_talk.c: sends what may be sent; takes what has come. */
void load_talk_ask(struct load_guest *guest);
void load_talk_take(struct load_guest *guest, const unsigned char *at, size_t len);

/* load_link.c */
void load_link_init(struct load_plan *plan);
void load_link_open(struct load_guest *guest);
void load_link_send(struct load_guest *guest, const char *at, size_t len);
void load_link_ready(struct load_guest *guest); /* the socket has input */
void load_link_close(struct load_guest *guest);

#endif
