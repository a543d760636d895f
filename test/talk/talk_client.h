/* A talk with roles turned: our client engine leads the conversation, and what the talk lets the server
 * say is said to it.
 *
 * A talk is for a client engine when each thing that is said is one it would say: a whole line, in its
 * plainest form, allowed in the state that was reached, and answered in the order of the talk. Then what
 * the engine sends must be what the talk says, octet for octet; each answer must be heard as what it is;
 * each message as it lies in the box. */
#ifndef POSTFACH_TEST_TALK_CLIENT_H
#define POSTFACH_TEST_TALK_CLIENT_H

#include "talk.h"
#include <postfach/pop3_client.h>

enum turned_cut { TURNED_WHOLE, TURNED_OCTETS, TURNED_RANDOM };

enum { TURNED_FLIGHT = 256 };

/* What must come of a command. */
struct turned_want {
    enum { TURNED_SINGLE, TURNED_LINES } shape;
    bool known; /* its answer has begun to be said */
    bool good;
    struct pf_bytes body; /* stuffed */
    bool has_body;
};

struct turned {
    struct talk *talk;
    enum turned_cut cut;
    uint64_t dice;
    struct pf_pop3_client_settings settings;
    struct pf_pop3_client *engine;
    struct talk_buf sent;       /* by the engine, not yet compared */
    struct talk_buf half;       /* of a line that the talk's client says in pieces */
    struct talk_buf said;       /* by the talk's client, the same */
    struct talk_buf body;       /* lent so far */
    struct talk_buf transcript; /* what was heard, in short */
    struct turned_want wants[TURNED_FLIGHT];
    size_t asked, answering, ended;
    bool exchange;  /* a challenge waits for the talk's response */
    bool handshake; /* +OK to STLS was heard */
    bool tls_fails, lost;
    enum pf_lost why_lost;
    const char *unfit; /* why the talk is not for a client; NULL: it is */
    unsigned line;
    char why[TALK_WHY]; /* "" while all is well */
};

/* Plays it. False: why says why. turned_done in any case. */
bool turned_play(struct turned *out_turned, struct talk *, enum turned_cut, uint64_t seed);
void turned_done(struct turned *);

/* The server says it; the events that come of it are checked. */
void turned_hear(struct turned *, struct pf_bytes);
void turned_events(struct turned *);
void turned_wrong(struct turned *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The talk's client says one line, without its end. */
void turned_say(struct turned *, struct pf_bytes line);

#endif
