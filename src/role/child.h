/* The child: what gate, auth and store have in common from their first moment to their last.
 *
 * In this order, since each step needs what the one before it had and takes away what is not needed any more:
 *
 *   the settings and a secret come by the channel (crew.h)
 *   the log is opened, and what the role takes while it still is who started it (`take`)
 *   its user, then its jail (role/jail.h), both for good
 *   the loop, and all that the role works with (`build`); READY
 *   frames of the keeper (`told`), until pf_child_end; a PING among them is answered here
 *
 * Whatever goes wrong before READY is told to the keeper, who tells the administrator. Signals that a
 * terminal or a service manager sends to all processes of a service are the keeper's business; a child leaves when it
 * is told to, or when the keeper is gone (`orphaned`, once). */
#ifndef POSTFACH_ROLE_CHILD_H
#define POSTFACH_ROLE_CHILD_H

#include "base/log.h"
#include "conf/conf.h"
#include "role/crew.h"
#include "role/jail.h"

struct pf_child {
    const struct pf_child_part *part;
    uint32_t number;      /* of this process */
    const char *owner;    /* a store: whose maildrops alone, or NULL */
    unsigned char secret[PF_CREW_SECRET];
    struct pf_conf *conf;
    struct pf_log *log;
    struct pf_loop *loop;
    struct pf_ipc *keeper; /* NULL: gone */
    pid_t keeper_pid;
    bool by_root;          /* the keeper is root */
    bool tells;            /* what all gates see alike */
    bool begun, ready;
    struct pf_err fault;   /* why it ends with another status than 0 */
};

/* A role. Each function gets the struct pf_child that the role's own state begins with. */
struct pf_child_part {
    enum pf_crew_role role;
    enum pf_sandbox_role sandbox;
    size_t size; /* of the state */
    const char *(*user)(const struct pf_child *); /* whom to become; NULL: stay */
    enum pf_code (*take)(struct pf_child *, struct pf_err *err);
    enum pf_code (*jail)(struct pf_child *, struct pf_jail_needs *needs, struct pf_err *err); /* or NULL: no needs */
    enum pf_code (*build)(struct pf_child *, struct pf_err *err);
    /* `fd` is the frame's, if its kind has one: it is taken over. False: no such frame is due to this role. */
    bool (*told)(struct pf_child *, const struct pf_crew *, int fd);
    void (*orphaned)(struct pf_child *);
    void (*take_down)(struct pf_child *); /* also of what was built in part */
};

/* The whole life; an exit status. */
int pf_child_run(const struct pf_child_part *, int argc, char **argv);

/* A frame to the keeper; nothing when it is gone. */
void pf_child_say(struct pf_child *, const struct pf_crew *);
/* The loop ends, and with it the process. */
void pf_child_end(struct pf_child *);
/* The number of a process of this crew where more than one crew must be told apart, as in the journal. */
uint64_t pf_child_process(const struct pf_child *, uint32_t number);
/* For the log. */
void pf_child_trouble(struct pf_child *, const char *what, const struct pf_err *);

#endif
