/* A crew without a keeper: the real programs of auth and store, and gates that stand in this process. */
#ifndef POSTFACH_TEST_ROLE_CREWING_H
#define POSTFACH_TEST_ROLE_CREWING_H

#include "auth/auth_remote.h"
#include "conf/conf.h"
#include "role/crew.h"
#include "store/store_remote.h"

#include <stdio.h>
#include <stdlib.h>

/* What must be so, or the test ends here. */
#define MUST(thing)                                                          \
    do {                                                                     \
        if (!(thing)) {                                                      \
            printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #thing);     \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

struct crewed {
    struct pf_ipc *ipc;
    pid_t pid;
    enum pf_crew_role role;
    uint32_t number;
    bool ready, gone;
};

/* An honest gate. */
struct gate {
    uint32_t number;
    int auth_fd, store_fd;
    struct pf_purse *purse;
    struct pf_auth_remote *remote;
    struct pf_store *store;
};

struct crewing {
    struct pf_loop *loop;
    struct pf_conf *conf;
    unsigned char key[PF_CREW_SECRET];
    struct crewed auth, store;
    uint32_t numbers;
};

/* Starts both and waits until they are ready. */
void crewing_start(struct crewing *, const char *conf_file, const char *auth, const char *store);
/* Both are told to end, and must, with status 0. */
void crewing_end(struct crewing *);
/* The other ends of a new gate's pairs. */
uint32_t crewing_join(struct crewing *, int *out_auth, int *out_store);

void gate_open(struct crewing *, struct gate *);
void gate_close(struct crewing *, struct gate *);
/* A login; its pass, or 0 with a wrong password. */
uint64_t gate_login(struct crewing *, struct gate *, const char *user, const char *secret);
/* Opens a maildrop by a pass, reads its first message whole, closes it. False: refused. */
bool gate_read(struct crewing *, struct gate *, uint64_t pass);
/* Delivers a message to a recipient. */
bool gate_deliver(struct crewing *, struct gate *, const char *address);
pf_time clock_now(void);

#endif
