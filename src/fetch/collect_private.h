/* What the files of the collect share.
 *
 * A run has sessions; a session walks through the stages in their order, and pf_collect_go takes the
 * step that is due. Whatever waits (server, disk) comes back to it. A line that is lost at any stage
 * leads to SETTLES, where the letters that came whole are waited for, and so does an error; so the end
 * of a session is one road. */
#ifndef POSTFACH_FETCH_COLLECT_PRIVATE_H
#define POSTFACH_FETCH_COLLECT_PRIVATE_H

#include "fetch/collect.h"
#include "fetch/collect_sizes.h"
#include "fetch/plan_names.h"

enum {
    PF_COLLECT_LOCK_TIME = 10000,       /* ms that another run of the account has to end */
    PF_COLLECT_AHEAD = 8 * 1024 * 1024, /* octets asked for ahead: what a long fast line carries; all of
                                         * it is thrown away when the run is stopped */
    PF_COLLECT_UNTOLD = 65536,          /* what a message counts there whose size was not told */
    PF_COLLECT_HEAD_MOST = 256 * 1024,  /* of a message without a name that waits in memory for one */
    PF_COLLECT_SLACK =
        64 * 1024 * 1024,        /* octets over twice what LIST told, after which it is a flood */
    PF_COLLECT_MOVES_EVERY = 100 /* ms between two events of progress */
};

enum pf_collect_stage {
    PF_STAGE_OPENS,   /* ledger and place */
    PF_STAGE_REACHES, /* until the server is ready */
    PF_STAGE_LISTS,
    PF_STAGE_LOOKS, /* TOP; and to note what moved, and what filters left */
    PF_STAGE_FETCHES,
    PF_STAGE_SETTLES, /* the letters that are on their way to the disk */
    PF_STAGE_MARKS,   /* what is to stay on the server */
    PF_STAGE_DELETES,
    PF_STAGE_QUITS,
    PF_STAGE_RECORDS, /* what the server confirmed */
    PF_STAGE_OVER
};

/* The message that is coming. */
struct pf_collect_under {
    bool begun, discard; /* discard: it is not to be delivered */
    size_t at;           /* in the order of fetching */
    struct pf_plan_row *row;
    struct pf_letter *letter;
    struct pf_err err; /* why it is discarded, if that is an error */
    bool head_done;
    bool line_begins; /* the last octet was LF */
    uint64_t so_far, lines, dots;
    pf_time moved;
    unsigned char *early; /* its beginning, while it has no name */
    size_t early_len;
};

struct pf_collect_notes {
    struct pf_ledger_note *at;
    size_t count, cap;
    struct pf_plan_text text;
    bool lack, sync, settled; /* lack: of memory */
};

struct pf_collect_session {
    bool rationed; /* the server wants time between two logins */
    struct pf_plan *plan;
    bool ready, lost, quit_whole;
    bool breaks;       /* the line is being lost: why, `gone` will tell */
    struct pf_err why; /* the line's end */
    enum pf_lost how;
    unsigned flying; /* commands said and not ended */
    unsigned asked;  /* of LIST, UIDL, STAT */
    bool list_whole, uids_whole, uids_refused, uids_odd, settled;
    struct pf_err list_err;                   /* LIST was refused */
    size_t look, looked, look_refused;        /* rows seen; TOPs that came, and that did not */
    size_t *order, order_count, next, enough; /* enough: how many are for the next session */
    uint64_t ahead;                           /* octets of RETR that are to come */
    struct pf_collect_size *sizes;
    uint64_t messages,
        steps; /* that came whole; that changed the ledger, so the next session has less */
    bool cut_inside, sent_ahead;
    bool held;
    size_t dele, dele_said; /* dele: rows not yet looked at, from the highest down */
    struct pf_collect_under under;
};

struct pf_collect {
    struct pf_collect_settings set;
    struct pf_collect_calls calls;
    void *self;
    struct pf_account
        account; /* without what this mode does not want, and what is left of number-limit */
    struct pf_collect_sums sums;
    struct pf_call_facts facts;
    char facts_text[4][64];
    char *ledger_path, *spool, *who;
    enum pf_collect_stage stage;
    unsigned depth; /* inside of how many callbacks */
    bool freed;
    bool stopped, at_once;
    bool unfinished; /* because it was stopped */
    bool recalled, no_pipelining;
    bool told_sizes;
    struct pf_err err; /* the run's: the first one */
    bool hard;         /* nothing more is to be begun because of it */
    unsigned char *secret;
    size_t secret_len;
    bool has_secret, secret_due; /* due: the owner will be asked when the ledger is open */
    char secret_host[256];
    struct pf_ledger *ledger;
    struct pf_place *place;
    bool place_ready;
    struct pf_reach *reach;
    struct pf_call *call; /* from `ready` until the line is lost */
    struct pf_head *head;
    struct pf_timer *kick;
    struct pf_job job;
    bool job_opens, job_due;     /* due: the pool was full */
    enum pf_collect_stage after; /* the job */
    struct pf_err job_err;
    struct pf_collect_notes notes;
    struct pf_plan_names taken; /* identities that this run has dealt with */
    struct pf_plan_text taken_text;
    struct pf_bytes poison; /* the message in which the line was cut */
    struct pf_err poison_err;
    struct pf_collect_session s;
};

/* collect.c */
void pf_collect_enter(struct pf_collect *);
void pf_collect_leave(struct pf_collect *);
/* Out of a callback of the place, which cannot be freed in it. */
void pf_collect_leave_place(struct pf_collect *);
bool pf_collect_alive(const struct pf_collect *);
void pf_collect_tell(struct pf_collect *, const struct pf_collect_event *);
void pf_collect_notice(struct pf_collect *, enum pf_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The run will end with that; `hard`: and nothing more is begun. The first one counts. */
void pf_collect_blame(struct pf_collect *, const struct pf_err *, bool hard);
void pf_collect_no_memory(struct pf_collect *);
/* `gone` is called, with what was blamed. */
void pf_collect_over(struct pf_collect *);
void pf_collect_hang_up(struct pf_collect *);
bool pf_collect_took(struct pf_collect *, struct pf_bytes identity); /* false: no memory */

/* collect_session.c */
void pf_collect_call(struct pf_collect *);
void pf_collect_go(struct pf_collect *);
void pf_collect_ledger_open(struct pf_collect *);
void pf_collect_session_free(struct pf_collect *);
/* Says it if the engine takes it; PF_AGAIN: later. */
enum pf_code pf_collect_say(struct pf_collect *, const struct pf_pop3_command *);
bool pf_collect_ends(const struct pf_collect *); /* no more is to be begun */

/* collect_list.c */
void pf_collect_list(struct pf_collect *);
void pf_collect_list_heard(struct pf_collect *, const struct pf_heard *);
void pf_collect_listed(struct pf_collect *);
void pf_collect_look(struct pf_collect *);
void pf_collect_look_heard(struct pf_collect *, const struct pf_heard *);

/* collect_decide.c */
void pf_collect_decide(struct pf_collect *);

/* collect_fetch.c */
void pf_collect_fetch(struct pf_collect *);
void pf_collect_fetch_heard(struct pf_collect *, const struct pf_heard *);
void pf_collect_drop_under(struct pf_collect *);
void pf_collect_letter_done(void *self, void *row, const struct pf_err *);
void pf_collect_left(struct pf_collect *, const struct pf_plan_row *, const struct pf_err *);

/* collect_remove.c */
void pf_collect_mark(struct pf_collect *);
void pf_collect_remove(struct pf_collect *);
void pf_collect_delete(struct pf_collect *);
void pf_collect_delete_heard(struct pf_collect *, const struct pf_heard *);
void pf_collect_record(struct pf_collect *);

/* collect_notes.c */
void pf_collect_note(void *self, const struct pf_ledger_note *); /* self: the collect */
void pf_collect_note_row(struct pf_collect *, const struct pf_plan_row *, enum pf_ledger_state,
                         int64_t when);
/* Writes what was noted and goes to that stage when it is on disk, on a later turn if there is anything.
 */
void pf_collect_write(struct pf_collect *, enum pf_collect_stage next);
void pf_collect_submit(struct pf_collect *); /* the job, now or when the pool has room */
void pf_collect_notes_done(struct pf_collect_notes *);

#endif
