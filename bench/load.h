/* Load: `postfach bench`, one process that is many POP3 clients, for whoever measures a server, his own
 * or another.
 *
 * It only drives and verifies; what a server spends is read by who started it (yard.py). Guests are
 * slots: each has its own user, because a maildrop is locked while a session has it, and begins its next
 * session when the last one has ended. A session is a plan that is the same for all: first commands with
 * one answer each, then the messages, fetched and perhaps deleted, then QUIT, or nothing: guests that
 * are held stay where the plan ends, idle, or with a message that they read slowly.
 *
 * Nothing is believed: a wrong answer, a message that is not what its file says, or not what it was the
 * last time, a sum that differs from STAT, a connection that ends early, a TLS session that was to be
 * resumed and was not each end the program with a message and status 1.
 *
 * The files: load.c runs, load_options.c reads the command line, load_plan.c makes plans and knows
 * messages, load_talk.c takes answers apart, load_body.c messages, load_link.c moves octets,
 * load_deliver.c is a mode of its own. */
#ifndef POSTFACH_BENCH_LOAD_H
#define POSTFACH_BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    LOAD_LINE = 600,      /* more than a response line may have (RFC 2449 section 4: 512) */
    LOAD_COMMANDS = 4096, /* of one pipelined group */
    LOAD_HEAD = 8
};

enum load_tls { LOAD_PLAIN, LOAD_FULL, LOAD_RESUMED };

enum load_step {
    LOAD_GREETING,
    LOAD_STLS,
    LOAD_USER,
    LOAD_PASS,
    LOAD_STAT,
    LOAD_LIST,
    LOAD_UIDL,
    LOAD_RETR,
    LOAD_DELE,
    LOAD_QUIT,
    LOAD_END
};

/* Where a message is: at the begin of a line, in it, behind a dot that began it, behind a CR behind
 * that. */
enum load_place { LOAD_START, LOAD_TEXT, LOAD_DOT, LOAD_DOT_CR };

/* A message as it has to arrive: with CRLF, stuffed, and with the last dot. */
struct load_message {
    unsigned char *wire;
    size_t len;
};

struct load_plan {
    struct sockaddr_storage to;
    socklen_t to_len;
    enum load_tls tls;
    bool stls;
    const char *user, *password;  /* % in a user is the guest's number */
    unsigned first;               /* that number, of the first guest */
    unsigned users, guests;       /* each session of a guest is the next user's; 0: always the same */
    struct sockaddr_storage from; /* where clients come from, if it is said */
    socklen_t from_len;
    bool hasty; /* what comes is acknowledged at once, for servers that wait for it to go on */
    enum load_step head[LOAD_HEAD];
    size_t head_count;
    bool fetch, erase, quit, slow;
    uint64_t limit; /* so many messages of each maildrop */
    size_t window;  /* commands of a fetch that may be under way at once */
    bool loose;     /* the sum of STAT is not taken for exact */
    bool expected;  /* count and octets are what STAT and LIST have to say */
    uint64_t count, octets;
    struct load_message *messages; /* when they are known */
    SSL_CTX *context;
};

enum load_state { LOAD_CALLING, LOAD_SHAKING, LOAD_TALKING, LOAD_ENDING, LOAD_STAYING, LOAD_OVER };

struct load_guest {
    const struct load_plan *plan;
    unsigned number;
    int fd, poll;
    SSL *ssl;
    SSL_SESSION *ticket; /* of the last session, to resume it */
    enum load_state state;
    size_t asked, answered; /* steps */
    bool inside;            /* of an answer of many lines */
    char line[LOAD_LINE];
    size_t line_len;
    uint64_t count, octets, fetched; /* what STAT said, and what came */
    uint64_t rows, row_octets;       /* of LIST or UIDL, so far */
    enum load_place place;
    unsigned char last;
    uint64_t body_at, dots;
    uint32_t sum;
    uint32_t *sums; /* of the messages, when the first session had them */
    uint64_t sums_count;
    double began, fetch_began, fetch_ended;
    double ended; /* the answer to QUIT */
};

struct load_options {
    const char *mode, *host, *port, *user, *held_user, *folder, *held_as;
    struct load_plan plan;
    unsigned clients, held, held_first;
    unsigned long ms, sip, pause_ms, patience;
    bool lists, login, values, prime;
};

/* Says what is wrong and ends the program. */
_Noreturn void load_fail(const struct load_guest *guest, const char *what);

/* load_options.c: ends the program when they are wrong. */
void load_read_options(struct load_options *out, int count, char **words);
/* Returns the length of the address. */
socklen_t load_resolve(const char *host, const char *port, struct sockaddr_storage *out);
unsigned long load_whole(const char *text);
/* The pattern with the number in place of %. */
void load_user(const char *pattern, unsigned long number, char *room, size_t cap);

/* load_plan.c */
void load_plan_login(struct load_plan *plan, bool login);
void load_plan_poll(struct load_plan *plan, bool lists);
void load_plan_fetch(struct load_plan *plan, const char *folder);
void load_plan_hold(struct load_plan *plan, bool login, bool slow);
void load_plan_done(struct load_plan *plan);
enum load_step load_plan_step(const struct load_guest *guest, size_t index, uint64_t *out_message);

/* load_talk.c: sends what may be sent; takes what has come. */
void load_talk_ask(struct load_guest *guest);
void load_talk_take(struct load_guest *guest, const unsigned char *at, size_t len);

/* load_body.c: takes octets of a message; says when it is over. */
void load_body_begin(struct load_guest *guest);
size_t load_body_take(struct load_guest *guest, const unsigned char *at, size_t len, bool *out_over);
void load_body_check_all(struct load_guest *guest);

/* load_link.c */
void load_link_init(struct load_plan *plan);
void load_link_open(struct load_guest *guest, int poll);
void load_link_send(struct load_guest *guest, const char *at, size_t len);
void load_link_shake(struct load_guest *guest);
void load_link_ready(struct load_guest *guest);            /* the socket has input */
void load_link_sip(struct load_guest *guest, size_t most); /* takes so much, and looks at nothing */
void load_link_close(struct load_guest *guest);

/* load_deliver.c: the mode "deliver". */
int load_deliver(int count, char **words);

#endif
