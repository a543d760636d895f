/* Plays what a client says against the LMTP engine and a small world: whole, octet by octet, and at random
 * cuts with late answers; each way must give the same.
 *
 * The world goes by the local part: "nobody" is unknown and "full" over quota at RCPT; the seal
 * of "late", "brim" and "gone" fails with TEMP, OVER_QUOTA (with words of its own) and NO_BOX; with
 * "nospace" BEGIN fails, with "tear" the first text. */
#ifndef POSTFACH_TEST_LMTP_TALK_H
#define POSTFACH_TEST_LMTP_TALK_H

#include <postfach/lmtp_server.h>

enum { TALK_RCPTS = 1200, TALK_ROOM = 1 << 18 };

struct talk {
    char out[TALK_ROOM];
    char codes[TALK_ROOM]; /* "250 2.1.0|" for each reply; of the last line of each */
    char log[TALK_ROOM];   /* what the engine asked: "rcpt a@b 0|begin h s 1|seal TEXT|drop|tls|close quit|" */
    size_t left;           /* input that was not taken */
    bool closed;
};

extern bool talk_proxied; /* XCLIENT is offered, and refused with BUSY when it says no ADDR */
struct pf_lmtp_server_settings talk_settings(void);
/* The result of all ways lies in a static object. */
const struct talk *talk(const struct pf_lmtp_server_settings *, struct pf_bytes said);
#define TALK(literal) talk(NULL, PF_LIT(literal))
#define TALK_SET(set, literal) talk(set, PF_LIT(literal))

#endif
