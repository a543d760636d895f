/* The parts of the one process, as single.c (start and end) and single_reload.c share them.
 *
 * A reload is all or nothing. All that can fail is made first, beside what is in
 * force; then everything is taken on, and nothing of that can fail. Two rooms
 * have no such two steps: the dock, which is asked first, and taken back when
 * the other fails, and auth, which is asked last.
 *
 * Logs and stores of earlier settings stay as long as anybody may use them. Who
 * came under older settings may have a box of any store since; so they go when
 * their settings, and all before those, have nobody any more. */
#ifndef POSTFACH_ROLE_SINGLE_PARTS_H
#define POSTFACH_ROLE_SINGLE_PARTS_H

#include "role/listeners.h"
#include "role/setup_journal.h"
#include "sys/pool.h"
#include "sys/succeed.h"

/* What some guests of earlier settings may still use. */
struct pf_single_old {
    struct pf_single_old *next; /* the later ones */
    struct pf_conf *conf;
    struct pf_store *store; /* NULL: it is still in use by all */
    struct pf_log *log;     /* the same */
};

struct pf_single {
    const char *conf_file;
    struct pf_conf *conf;
    struct pf_loop *loop;
    struct pf_pool *disk;
    struct pf_tls_tickets *tickets;
    struct pf_tls *tls; /* or NULL */
    struct pf_store *store;
    struct pf_auth *auth;
    struct pf_guests *guests;
    struct pf_hall *hall;
    struct pf_lookup *lookup;
    struct pf_dock *dock;
    struct pf_stats *stats;
    struct pf_journal_file *journal;
    struct pf_ctl_source *source;
    struct pf_ctl *ctl;
    void (*tell)(void *to, const char *line); /* who wants to know of mistakes of the reload under way, or NULL */
    void *tell_to;
    struct pf_listeners *listeners;
    struct pf_log *log;
    struct pf_signal *hup, *term, *interrupt, *usr2;
    struct pf_handed *handed; /* only at the start */
    struct pf_watchdog *watchdog;
    struct pf_timer *leave;   /* behind an upgrade */
    char program[4096];       /* of this process, for the next one */
    char conf_copy[4096];     /* conf_file as a word of its command line */
    struct pf_successor *successor; /* that is being started; or NULL */
    bool succeeded;
    struct pf_single_old *old; /* the oldest first */
    struct pf_timer *sweep;
    unsigned emptied; /* of hall and dock, since the last signal */
    bool stopping;
};

/* Puts the first settings in force: certificates, ports, who is served how. */
enum pf_code pf_single_apply(struct pf_single *, struct pf_err *err);
/* Where halls and docks tell what becomes of mails, by the settings in force. */
void pf_single_journal(struct pf_single *);
/* SIGHUP. */
void pf_single_reload(void *self, int number);
/* The same for pf_ctl_local_parts. */
bool pf_single_reload_for(void *self, void (*tell)(void *to, const char *line), void *to);
/* SIGUSR2: the program is started anew beside us and takes over. */
void pf_single_upgrade(void *self, int number);
/* Whether anything was let go that is old; for the timer, and at the end with `all`, when no guest is left. */
void pf_single_sweep(struct pf_single *, bool all);

#endif
