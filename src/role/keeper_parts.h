/* The keeper's inner side, as its files share it.
 *
 *     keeper.c             start, signals, the end
 *     keeper_child.c       one child: started, heard, buried, started again
 *     keeper_pulse.c       whether one still lives: PING, PONG
 *     keeper_letters.c     frames to a child; those that its channel does not take yet
 *     keeper_generation.c  all children of one reading of the settings: who speaks with whom
 *     keeper_owners.c      stores of single users, started when somebody needs them
 *     keeper_reload.c      SIGHUP, SIGUSR2
 *
 * A child passes through these states, from left to right, and from all of them to the end:
 *
 *     WAITING (to be started again) -> STARTING -> JOINED -> LEAVING (was told to end) */
#ifndef POSTFACH_ROLE_KEEPER_PARTS_H
#define POSTFACH_ROLE_KEEPER_PARTS_H

#include "base/log.h"
#include "conf/conf.h"
#include "role/crew.h"
#include "role/listeners.h"
#include "sys/pool.h"
#include "sys/succeed.h"

struct pf_keeper;

/* A frame that waits for its channel. */
struct pf_keeper_letter;

/* An auth that waits for the store of an owner. */
struct pf_keeper_wish {
    struct pf_keeper_wish *next;
    struct pf_keeper_child *auth;
    uint64_t id;
};

enum pf_keeper_state { PF_CHILD_WAITING, PF_CHILD_STARTING, PF_CHILD_READY, PF_CHILD_JOINED, PF_CHILD_LEAVING };

struct pf_keeper_child {
    struct pf_keeper_child *next;
    struct pf_keeper *keeper;
    struct pf_crew_generation *generation;
    enum pf_crew_role role;
    enum pf_keeper_state state;
    uint32_t number;      /* of the process, never used anew */
    pid_t pid;            /* 0: there is none */
    struct pf_ipc *ipc;   /* NULL: closed */
    int status;           /* as waitpid(2) has it, once pid is 0 */
    pf_time since;        /* when it was started */
    unsigned young;       /* how often in a row it died soon after its start */
    struct pf_timer *timer; /* WAITING: the next start; STARTING: patience; else until it is killed or told to leave */
    struct pf_timer *pulse; /* from READY on: the next PING, or one step of the patience with it */
    unsigned unanswered;    /* such steps since the PING that waits for its PONG; 0: none waits */
    uint32_t pings;
    struct pf_keeper_letter *letters;
    struct pf_timer *post; /* set while there are letters */
    struct pf_err fault;   /* what it said of its failure */
    char user[PF_CREW_USER_MAX + 1]; /* a store of one owner; else "" */
    uid_t uid;
    struct pf_keeper_wish *wishes;
    bool tells;            /* the gate that logs what all see alike */
    bool replaced;         /* a gate that lacks somebody: another one was started for it */
    bool retired;          /* a store of one owner that wants to end */
};

struct pf_crew_generation {
    struct pf_crew_generation *next;
    struct pf_keeper *keeper;
    struct pf_conf *conf;
    int sheet;            /* the settings for its children */
    struct pf_keeper_child *children;
    struct pf_listeners *listeners; /* until it takes over */
    bool formed;          /* it has taken over */
    bool leaving;         /* nobody of it is started any more */
    bool dismissed;       /* and those behind the gates were told to end */
    pf_time grace;        /* of its gates */
    struct pf_later bury;
};

struct pf_keeper {
    const char *conf_file;
    char conf_copy[4096]; /* as a word of a command line */
    char pid_file[4096];  /* that was written; "": none */
    char program[4096];   /* of this process; "": not known */
    char programs[PF_CREW_ROLES][4096 + 32]; /* of the children */
    unsigned char ticket_key[PF_CREW_SECRET], seed[PF_CREW_SECRET];
    struct pf_loop *loop;
    struct pf_log *log;
    struct pf_listeners *listeners; /* in force, accepted from by others */
    struct pf_handed *handed; /* only at the start */
    struct pf_crew_generation *generations; /* the newest first */
    struct pf_crew_generation *current, *coming; /* of these; or NULL */
    struct pf_signal *signals[5];
    struct pf_watchdog *watchdog;
    struct pf_timer *patience; /* of an end */
    struct pf_pool *pool;      /* waits for a successor */
    uint32_t numbers;
    uint64_t served;
    struct pf_successor *successor; /* that is being started; or NULL */
    bool stopping, succeeded, again;
    struct pf_err fault;       /* of the start */
    uint32_t asker, next_asker; /* numbers of desks that wait for the reload under way, for the one behind it */
};

/* keeper_child.c */
struct pf_keeper_child *pf_keeper_child_new(struct pf_crew_generation *, enum pf_crew_role, const char *user);
void pf_keeper_child_start(struct pf_keeper_child *);
/* It is told to end, or killed when it cannot hear that; `grace` as in crew.h. */
void pf_keeper_child_leave(struct pf_keeper_child *, pf_time grace);
void pf_keeper_child_kill(struct pf_keeper_child *);
/* ms until one that has ended is started again. */
pf_time pf_keeper_child_delay(struct pf_keeper_child *);
/* SIGCHLD. */
void pf_keeper_reap(void *self, int number);

/* keeper_pulse.c */
bool pf_keeper_pulse_new(struct pf_keeper_child *);
void pf_keeper_pulse_begin(struct pf_keeper_child *);
void pf_keeper_pulse_end(struct pf_keeper_child *);
/* False: nobody asked that. */
bool pf_keeper_pulse_heard(struct pf_keeper_child *, uint32_t number);

/* keeper_letters.c: `fd`, if any, is copied where it has to wait. */
void pf_keeper_send(struct pf_keeper_child *, const struct pf_crew *, int fd);
void pf_keeper_letters_free(struct pf_keeper_child *);

/* keeper_generation.c */
/* Forms one in the background, from settings that it takes over, also on failure; the keeper hears of it by formed or
 * failed. */
enum pf_code pf_keeper_form(struct pf_keeper *, struct pf_conf *, struct pf_listeners *, struct pf_err *err);
/* Called by keeper_child.c: it is ready; it has ended. */
void pf_keeper_child_ready(struct pf_keeper_child *);
void pf_keeper_child_ended(struct pf_keeper_child *);
/* A gate that takes nobody new any more, and another one in its place. */
void pf_keeper_replace(struct pf_keeper_child *gate);
/* Its gates take nobody new; the others end when those have. */
void pf_keeper_dismiss(struct pf_crew_generation *, pf_time grace);
void pf_keeper_kill_all(struct pf_keeper *);

/* keeper.c: the outcome of pf_keeper_form, and that a generation is gone. */
void pf_keeper_formed(struct pf_crew_generation *);
void pf_keeper_failed(struct pf_crew_generation *, const struct pf_err *);
void pf_keeper_gone(struct pf_keeper *);
void pf_keeper_trouble(struct pf_keeper *, enum pf_event, const struct pf_err *);
/* No new guests; it ends when all children have. */
void pf_keeper_leave(struct pf_keeper *, pf_time grace);

/* keeper_owners.c */
void pf_keeper_store_for(struct pf_keeper_child *auth, const char *user, uint64_t id);
void pf_keeper_wishes_grant(struct pf_keeper_child *store, uint32_t number);
void pf_keeper_wishes_forget(struct pf_keeper_child *auth);
void pf_keeper_retire(struct pf_keeper_child *store);

/* keeper_reload.c */
void pf_keeper_reload_for(struct pf_keeper_child *desk);
void pf_keeper_reload(void *self, int number);
void pf_keeper_reloaded(struct pf_keeper *, struct pf_crew_generation *);
void pf_keeper_reload_failed(struct pf_keeper *, const struct pf_err *);
void pf_keeper_upgrade(void *self, int number);

#endif
