/* Children in sandboxes: each does one thing and says by its end how that went. */
#ifndef POSTFACH_TEST_ROLE_CELL_H
#define POSTFACH_TEST_ROLE_CELL_H

#include "sys/sandbox.h"
#include <stdbool.h>
#include <sys/types.h>

enum {
    JAIL_NOBODY = 65534,
    JAIL_NEVER = 200, /* exit status: the sandbox itself failed */
    JAIL_KILLED = 300 /* not an exit status: SIGSYS ended it */
};

struct jail {
    const struct pf_sandbox *sandbox; /* NULL: no sandbox, to see that the thing can be done at all */
    bool nobody;                      /* as an ordinary user (only when we are root) */
};

/* Two folders that everybody may use, and a file in each; made once, removed by jail_done. */
extern char jail_mail[64], jail_users[64];
void jail_init(void);
void jail_tidy(void); /* removes what attempts made there */
void jail_done(void);

/* store: may write jail_mail; auth: may read jail_users. */
extern const struct pf_sandbox jail_gate, jail_auth, jail_auth_network, jail_store, jail_keeper;

/* Runs `what` in a child: 0 done, an errno refused, JAIL_KILLED, 1000 + a signal for other deaths. */
int jail_run(const struct jail *, int (*what)(void *), void *self);

/* -1 becomes errno, anything else 0. */
int jail_result(long result);

#endif
