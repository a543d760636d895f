/* A call in a test: a hall with all three kinds of TLS and all mechanisms behind a unix socket, somebody
 * in the middle who may stop or cut, or a server that only reads its lines from the test. */
#ifndef POSTFACH_TEST_CALLRIG_H
#define POSTFACH_TEST_CALLRIG_H

#include "callcerts.h"
#include "hallrig.h"
#include "session/call.h"

enum { AT_PLAIN = 1, AT_STLS, AT_TLS }; /* listeners */

struct callrig {
    struct rig rig;
    struct pf_pool *pool;
    char path[96];
    int listening, stranger, inner; /* inner: to the hall, when somebody sits between */
    size_t listener;
    const char *cert; /* "good" */
    bool between;
    size_t let_through; /* octets of the server; then it is silent, or cut */
    bool cut;
    size_t passed;
    const char *const
        *script; /* what a made-up server says: greeting, then an answer for each line; ends with NULL */
    char heard[2048]; /* what it was told */
    size_t heard_len;

    struct pf_call_account account;
    struct pf_call *call;
    int free_in; /* 1 secret, 2 ready, 3 heard, 4 gone; 0: never */
    int secrets, readies, gones, ends;
    bool quit_when_ready, own_secret; /* own: the test gives it */
    bool hold_piece;                  /* the first piece of a message is held */
    struct pf_bytes piece;            /* that */
    const char *password;
    struct pf_err gone;
    char mechanism[32], checked[16], version[16];
};

void callrig_up(struct callrig *);
/* The hall serves with this certificate from now on. */
void callrig_cert(struct callrig *, const char *cert);
void callrig_down(struct callrig *);
/* Calls, and turns until it is gone or was freed. */
void callrig_run(struct callrig *);
void callrig_begin(struct callrig *);
void callrig_turn(struct callrig *);

#endif
