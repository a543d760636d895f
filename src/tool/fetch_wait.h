/* How long an account rests between two sessions, when somebody waits for its mail all day. Pure. */
#ifndef POSTFACH_TOOL_FETCH_WAIT_H
#define POSTFACH_TOOL_FETCH_WAIT_H

#include <postfach/err.h>
#include <stdbool.h>

struct pf_fetch_story {
    enum pf_code code;   /* how the session ended */
    unsigned failures;   /* one behind the other, this one with them */
    pf_time poll, took;  /* ms; poll 0: once */
    pf_time login_delay; /* ms that the server wants between logins; 0: nothing is said */
    uint32_t random;
};

/* Whether it may go well later, with nothing changed. */
bool pf_fetch_is_temporary(enum pf_code);
/* ms until the next session; PF_NEVER: there is none.
 *
 * It went well: `poll` from one beginning to the next. A temporary failure: 1, 2, 4 … 30 minutes; a
 * maildrop in use: 15, 30 … 300 s, since locks are short. Another failure: 30 minutes, for three wrong
 * passwords lock an account and a person has to look. Up to a quarter more by chance, so that a thousand
 * clients do not come back at once, and never before the server's LOGIN-DELAY is over. */
pf_time pf_fetch_rest(const struct pf_fetch_story *);

#endif
