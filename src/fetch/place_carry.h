/* The carried place's own part: a spool, and a carrier to whom its files are told. */
#ifndef POSTFACH_FETCH_PLACE_CARRY_H
#define POSTFACH_FETCH_PLACE_CARRY_H

#include "fetch/carry.h"
#include "fetch/place_private.h"
#include "sys/ipc.h"

#include <openssl/evp.h>

struct pf_place_carry {
    struct pf_place *place;
    const char *kind; /* mbox, command, lmtp, smtp */
    int spool;        /* -1: not made yet */
    unsigned number;  /* of the last file */
    uint64_t serial;
    struct pf_ipc *carrier;               /* NULL: not started, or it is gone */
    pid_t pid;                            /* 0: not started */
    unsigned away;                        /* letters that it has */
    struct pf_letter *first, **first_end; /* those, in order */
    bool settling;
    struct pf_place_old *olds;
    size_t old_count, old_next, again;
    struct pf_ipc_ask ask; /* of settling */
    bool asking;
};

/* A letter's `more`. */
struct pf_place_carried {
    struct pf_ipc_ask ask; /* first */
    EVP_MD_CTX *digest;    /* of what an mbox will have; else NULL */
    struct pf_letter *letter;
    bool asked;
};

/* Makes and opens the spool. */
enum pf_code pf_place_spool_open(struct pf_place_carry *, struct pf_err *);

/* place_carrier.c. The letter is told to the carrier, which is started when it is not there. PF_BUSY:
 * not now. */
enum pf_code pf_place_carrier_send(struct pf_place_carry *, struct pf_letter *, struct pf_err *);
/* The next record that is to be settled, or the end of that. */
void pf_place_carrier_settle(struct pf_place_carry *);
/* Closes its end, and waits for it to end where it has nothing to do. */
void pf_place_carrier_end(struct pf_place_carry *);

/* place_spawn.c: starts it. The master's end is in *out_fd. */
enum pf_code pf_place_spawn(const struct pf_place_settings *, int *out_fd, pid_t *out_pid,
                            struct pf_err *);
/* What mail is given to, for people. */
void pf_place_carry_text(const struct pf_account *, char *room, size_t cap);

#endif
