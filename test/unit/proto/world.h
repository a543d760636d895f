/* A world for the POP3 server engine: one user, a maildrop in memory, and a
 * client whose octets come, and whose octets go, in pieces of any size.
 *
 * `say` feeds the engine, answers what it asks and collects what it sends,
 * until nothing moves any more. What was asked is written down in `asked`,
 * so that a test reads it as one line. */
#ifndef POSTFACH_TEST_WORLD_H
#define POSTFACH_TEST_WORLD_H

#include <postfach/pop3_server.h>

enum { WORLD_MESSAGES = 8, WORLD_ASKED = 4096 };

struct world_message {
    const char *stored;
    size_t len;       /* 0: strlen */
    uint64_t octets;  /* 0: measured */
    const char *uidl; /* NULL: made up */
    bool seen;
    enum pf_code fails; /* reading ends with this ... */
    size_t fails_at;    /* ... behind so many octets */
};

struct world {
    struct pf_pop3_server_settings settings;
    bool tls;
    const char *user, *password;
    bool xclient; /* offered, and answered with: */
    enum pf_xclient_transport transport;
    enum pf_code xclient_verdict;
    const char *timestamp; /* APOP is offered, and `digest` is right; NULL: it is not */
    const char *digest;
    uint64_t offer;        /* mechanisms, by bits */
    enum pf_code open, commit, handshake; /* PF_OK or how it fails */
    int32_t expire_days;
    uint32_t login_delay;
    bool no_delete;
    struct world_message messages[WORLD_MESSAGES];
    struct pf_listing listing; /* made from messages at login, when rows is NULL */
    bool clean;                /* bodies are given in wire form */
    unsigned challenges;       /* a SASL exchange has so many, then it is checked */
    struct pf_bytes challenge;

    size_t cut;   /* of the input: 0 whole, n octets, SIZE_MAX random */
    size_t body;  /* octets of a body at once: the same */
    size_t take;  /* of the output: the same */
    size_t lent;  /* size of the buffer */
    bool borrow;  /* take the buffer back whenever that may be */
    bool deaf;    /* the client takes no output */
    bool mute;    /* questions stay open: what they are is in `open_ask` */
    uint32_t dice;

    struct pf_pop3_server *engine;
    unsigned char *buffer;
    char *out, *heard;
    size_t out_len, out_cap;
    char asked[WORLD_ASKED], asked_before[WORLD_ASKED];
    struct pf_ask open_ask;
    bool has_open_ask;
    bool closed;
    enum pf_close why;
    unsigned char *body_given; /* the body being given */
    size_t body_len, body_at;
    unsigned step;  /* of the exchange */
    pf_time now;
    bool spilled; /* octets of a secret were taken */
};

/* A world with settings' defaults, TLS, PLAIN, user "alice" with password "secret", a large buffer. */
void world_init(struct world *);
/* Makes the engine, lends, and takes the greeting. */
void world_start(struct world *);
/* Octets taken of it; less than len when a question is open or the session has ended. */
size_t world_say(struct world *, const char *text);
size_t world_say_octets(struct world *, struct pf_bytes);
void world_eof(struct world *);
/* The clock goes on. */
void world_wait(struct world *, pf_time ms);
/* Everything that can move without new input does. */
void world_pump(struct world *);
/* Answers the open question as the world would. */
void world_answer(struct world *);
/* What was sent, and what was asked, since the last call; they belong to the world. */
const char *world_heard(struct world *);
const char *world_asked(struct world *);
/* Says and hears. */
const char *world_chat(struct world *, const char *text);
/* Logs in with USER and PASS, and forgets what was said and asked. */
void world_login(struct world *);
/* Starts and logs in. */
void world_begin(struct world *);
void world_end(struct world *);

/* The rows of `messages`; frees with world_listing_free. */
struct pf_listing world_listing(const struct world_message *, uint32_t count);
void world_listing_free(struct pf_listing *);

#endif
