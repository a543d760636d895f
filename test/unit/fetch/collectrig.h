/* A collect in a test: an account, a Maildir, a ledger, and a server that is made up of messages and of
 * what is wrong with it. Server and collect take turns on one loop. */
#ifndef POSTFACH_TEST_COLLECTRIG_H
#define POSTFACH_TEST_COLLECTRIG_H

#include "fetch/collect.h"
#include "unit/cm.h"

enum { MESSAGES_MOST = 20000 };

struct message {
    char uid[24];  /* "": UIDL does not list it */
    char *text;    /* with CRLF */
    int64_t apart; /* LIST tells so many octets more */
    bool deleted, refuses, refuses_delete;
    bool hidden; /* from this session: it is behind the end of the list */
};

struct fake {
    struct message *at;
    size_t count;
    size_t list_most; /* no more are listed in a session (QS-013); 0: all */
    bool no_capa, no_pipelining, no_uidl, no_top, empty_list_refused, list_refused;
    bool unstuffed;           /* dots are not doubled (QS-006) */
    bool first_of_retrs;      /* the same, for a burst that begins with RETR */
    bool first_of_burst;      /* what was sent ahead is thrown away (QS-024) */
    bool renumbers;           /* after each DELE (QS-020) */
    const char *login_answer; /* instead of +OK */
    const char *quit_answer;  /* instead; "": hangs up */
    const char *uidl_answer;
    size_t cut_retr;      /* the line is cut in the message of that number, each time */
    size_t cut_after;     /* the line is cut behind so many messages; once */
    bool cut_at_dele;     /* behind the first DELE; once */
    bool cut_at_list;     /* once */
    unsigned login_delay; /* is offered */

    /* What came to pass. */
    unsigned sessions, retrs, tops, deles, deles_together, quits;
    unsigned retrs_at_most; /* in flight: read and not answered */
};

struct collectrig {
    char folder[64], maildir[96], path[96], ledger[128];
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_account account;
    struct pf_account_filter filters[4];
    struct pf_collect_settings set;
    struct pf_collect *collect;
    struct fake fake;

    int listening, line;
    char in[8192];
    size_t in_len, sent_retrs;
    char *out;
    size_t out_len, out_at, out_cap;
    bool hang_up;                  /* when out is empty */
    size_t *numbers, number_count; /* of the session: number - 1 to index */
    bool greeted;

    bool own_server; /* the test accepts by itself */
    void (*accept)(struct collectrig *, int fd);
    void *more;

    /* What the collect told. */
    unsigned secrets, gones, begun, taken, left, notices, deleted, moves, listed;
    uint64_t fresh, messages;
    struct pf_err gone, left_err, notice;
    enum pf_plan_why why;
    char notices_text[4096], folders[256];
    unsigned stop_at_begin, stop_at_taken,
        free_at; /* free_at: 1 secret, 2 ready, 3 begins, 4 taken, 5 gone */
    bool stop_twice, no_secret;
};

void collectrig_up(struct collectrig *);
void collectrig_down(struct collectrig *);
struct message *collectrig_add(struct collectrig *, const char *uid, const char *text);
/* n messages with UIDs u1... */
void collectrig_fill(struct collectrig *, size_t n);
/* One run, from pf_collect_new to gone (or to its being freed). */
void collectrig_run(struct collectrig *);
/* The two halves of it. */
void collectrig_begin(struct collectrig *);
void collectrig_end(struct collectrig *);
void collectrig_turn(struct collectrig *);
void collectrig_serve(struct collectrig *); /* the server's half of a turn */
/* Runs, and it must end with PF_OK. */
void collectrig_good(struct collectrig *);
void collectrig_code(struct collectrig *, enum pf_code, const char *word);
/* Files in new of the Maildir (or of a folder in it). */
size_t collectrig_mails(struct collectrig *, const char *folder);
/* How many of them have that text in it. */
size_t collectrig_mails_with(struct collectrig *, const char *text);
size_t collectrig_on_server(const struct collectrig *);
/* The disk: fsync waits until it is let go (it does nothing otherwise: what a power cut leaves is tested
 * elsewhere); writes into the Maildir's tmp find no room. */
void collectrig_disk_waits(bool);
void collectrig_disk_full(bool);
/* What the ledger knows of the UID. */
enum pf_ledger_state collectrig_known(struct collectrig *, const char *uid);

#endif
