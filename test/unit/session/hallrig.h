/* A hall in a test: loop, memory store behind the faulty one, a password file, and clients on socket
 * pairs that talk in turns of the same loop. */
#ifndef POSTFACH_TEST_HALLRIG_H
#define POSTFACH_TEST_HALLRIG_H

#include "session/serve_pop3.h"
#include "store/faulty.h"
#include "store/memory.h"

struct rig {
    char dir[64], users[96];
    struct pf_conf *conf;
    struct pf_loop *loop;
    struct pf_store *memory, *store; /* store wraps memory */
    struct pf_auth *auth;
    struct pf_guests *guests;
    struct pf_hall *hall;
    struct pf_log log;
    char logged[16384];
    bool emptied;
};

/* `extra` are settings added to the usual ones. User anna with password "secret", drop "/m/anna". */
void rig_up(struct rig *, const char *extra);
void rig_down(struct rig *);
void rig_add(struct rig *, const char *message, const char *uidl);

struct client {
    struct rig *rig;
    int fd;
    char got[1 << 20];
    size_t len;
    bool eof;
};

void client_come(struct rig *, struct client *);
void client_send(struct client *, const char *text);
/* Turns the loop until what came ends with `end`; fails the test at EOF before that. Returns all since
 * the last call. */
const char *client_until(struct client *, const char *end);
/* Turns the loop until the server closed; returns what came. */
const char *client_eof(struct client *);
void client_leave(struct client *);
/* send, then until "\r\n" */
const char *client_ask(struct client *, const char *line);
void client_login(struct client *);

#endif
