/* Fetch: `postfach fetch`, the command, inside.
 *
 * Words of the command line become runs, one for each account: fetch_options.c reads the line,
 * fetch_runs.c makes the runs and makes them anew when the accounts were changed, fetch_run.c takes one
 * through its sessions, fetch_work.c has the loop, the signals and the order in which runs go. Who shows
 * what happens is a table (struct pf_fetch_show): bars for a person, a line for each message, JSON. The
 * other verbs (status, again, import) are functions of their own; adopt is a run in another mode. */
#ifndef POSTFACH_TOOL_FETCH_H
#define POSTFACH_TOOL_FETCH_H

#include "fetch/collect.h"
#include "tool/client.h"
#include "tool/fetch_text.h"

#include <limits.h>

enum {
    PF_FETCH_NAME = 600, /* user@host of a URL is the longest */
    PF_FETCH_JOBS = 8,
    PF_FETCH_PROTOCOL = 76 /* EX_PROTOCOL of sysexits: the other side speaks no POP3 */
};

/* Settings of accounts that the line may say; PF_FETCH_PLACES of them say where mail goes. */
enum pf_fetch_setting {
    PF_FETCH_KEEP,
    PF_FETCH_POLL,
    PF_FETCH_SIZE_LIMIT,
    PF_FETCH_NUMBER_LIMIT,
    PF_FETCH_ORDER,
    PF_FETCH_SETTINGS
};

struct pf_fetch_options {
    struct pf_client_options client;
    enum pf_collect_mode mode;
    bool no_delete, json, quiet, verbose, daemon, yes, refused, all, help;
    unsigned jobs;
    const char *said[PF_FETCH_SETTINGS]; /* values as they stand on the line, or NULL */
    struct pf_account over;              /* what was said, read */
    /* For URLs and addresses, in client.account: */
    bool place;
    const char *command[PF_ACCOUNT_WORDS_MOST + 1];
    char command_room[1024];
    char path_room[3][PATH_MAX];
    char **words; /* of argv, what is no option, from its beginning */
    size_t word_count;
};

/* 0, or the exit status; everything was said on stderr then. argv[0] is the verb. */
int pf_fetch_options(struct pf_fetch_options *, int argc, char **argv);
/* What the line says over the account's own settings. */
void pf_fetch_override(const struct pf_fetch_options *, struct pf_account *);

/* The accounts of one reading of their file; those that are fetched hold it. */
struct pf_fetch_file {
    struct pf_accounts *accounts;
    unsigned holds;
};
struct pf_fetch_file *pf_fetch_file_hold(struct pf_fetch_file *); /* NULL is allowed */
void pf_fetch_file_release(struct pf_fetch_file *);               /* NULL is allowed */

enum pf_fetch_phase {
    PF_FETCH_RESTS,  /* until its timer fires, or for good */
    PF_FETCH_QUEUED, /* until another one ends */
    PF_FETCH_CALLS,  /* until it is logged in */
    PF_FETCH_LISTS,
    PF_FETCH_COMES, /* messages */
    PF_FETCH_ENDS   /* deletes, quits */
};

struct pf_fetch_asking; /* for a secret; its thread may outlive the session */

struct pf_fetch_run {
    struct pf_fetch *fetch;
    struct pf_fetch_run *next;
    struct pf_fetch_file *file;    /* NULL: a word of the line */
    struct pf_client_options *own; /* texts of a word of the line, or NULL */
    const struct pf_account *said; /* as it stands in the file or the word */
    const struct pf_account
        *successor; /* as it stands in a newer file; taken when the session has ended */
    struct pf_fetch_file *successor_file;
    struct pf_account account; /* with the line's settings; for the session under way */
    char name[PF_FETCH_NAME];
    char *ledger; /* its path; NULL: not yet known */
    struct pf_collect *collect;
    struct pf_fetch_asking *asking;
    struct pf_timer *timer; /* of a daemon */
    struct pf_later ended;
    bool leaves;  /* the account is no more */
    bool counted; /* it had a session that ended */
    enum pf_fetch_phase phase;
    pf_time began;
    unsigned failures;
    pf_time logged_in,
        login_delay; /* when it last went well; what the server wants between two, as far as known */
    bool too_soon;
    struct pf_err err;     /* how the last session ended */
    char told[PF_ERR_LOG]; /* the last notice: what ends a session is not told twice */
    char left[PF_ERR_LOG]; /* why the last message was left, and how many more were for the same reason, untold */
    uint64_t left_more;
    struct pf_collect_sums sums;
    struct pf_fetch_progress progress;
    uint64_t shown; /* messages that were told */
    uint64_t on_server, fresh;
    uint64_t would_delete; /* of a dry run */
    pf_time due;           /* when the next session begins, or PF_NEVER */
    pf_time rest;          /* until then, when it was decided; for who tells */
};

struct pf_fetch;

/* Who tells what happens. */
struct pf_fetch_show {
    void (*begin)(struct pf_fetch_run *);
    void (*event)(struct pf_fetch_run *, const struct pf_collect_event *);
    void (*end)(struct pf_fetch_run *); /* err and sums say how */
    void (*finish)(struct pf_fetch *);  /* once, last */
};
extern const struct pf_fetch_show pf_fetch_show_lines, pf_fetch_show_bars, pf_fetch_show_json,
    pf_fetch_show_quiet;

struct pf_fetch {
    struct pf_client client;
    struct pf_fetch_options *options;
    struct pf_fetch_file *file; /* the newest; NULL: there is none */
    struct pf_fetch_run *runs;
    const struct pf_fetch_show *show;
    unsigned running;
    unsigned stops;  /* signals that ask for the end */
    unsigned asking; /* secrets that threads have not brought yet */
    struct pf_signal *signals[3];
    struct pf_watchdog *watchdog;
    struct pf_timer *redraw;      /* of the bars */
    unsigned drawn;               /* lines of bars on the screen */
    struct pf_collect_sums total; /* of all sessions */
    int worst;                    /* exit status */
    bool listening;               /* signals are ours */
};

/* fetch_runs.c. The runs for the line's words, or for all enabled accounts; 0 or the exit status. */
int pf_fetch_runs(struct pf_fetch *);
/* Reads the accounts anew; what is wrong is told, and all stays as it was then. */
void pf_fetch_reload(struct pf_fetch *);
/* The session has ended: takes over what a reload left. False: the run is no more. */
bool pf_fetch_renew(struct pf_fetch_run *);
void pf_fetch_runs_free(struct pf_fetch *);
/* Fills run->ledger. */
enum pf_code pf_fetch_ledger(struct pf_fetch_run *, struct pf_err *);
/* The ledger's path and whose maildrop it is, for who only looks. */
enum pf_code pf_fetch_who(struct pf_fetch_run *, char who[PF_LEDGER_WHO_MAX + 1], struct pf_err *);

/* fetch_run.c */
void pf_fetch_start(struct pf_fetch_run *);
/* Rests until then, and is queued; PF_NEVER: for good. */
void pf_fetch_rest_until(struct pf_fetch_run *, pf_time due);
/* fetch_work.c: the session ended; the next one may begin. */
void pf_fetch_next(struct pf_fetch *);
int pf_fetch_work(struct pf_fetch *);
/* What the end of a session means for the exit status. */
int pf_fetch_status_of(enum pf_code);

/* fetch_say.c: one line that sums a session up, with its newline, and whether it is worth one to a
 * daemon. */
void pf_fetch_say_sums(const struct pf_fetch_run *, FILE *to);
bool pf_fetch_is_news(const struct pf_fetch_run *);
void pf_fetch_say_error(const struct pf_fetch_run *);
/* Of messages that were left for one reason the first is told, and how many followed it: by pf_fetch_say_more, at the
 * latest. */
void pf_fetch_say_notice(struct pf_fetch_run *, const struct pf_collect_event *);
void pf_fetch_say_more(struct pf_fetch_run *);
/* Where its mail goes. */
void pf_fetch_say_place(const struct pf_fetch_run *, const char *folder, FILE *to);
/* In a dry run: the message would be deleted. */
bool pf_fetch_would_delete(const struct pf_fetch_run *, const struct pf_collect_event *);
const char *pf_fetch_why(enum pf_plan_why); /* for programs */
const char *pf_fetch_reason(enum pf_plan_why);

/* The verbs. */
int pf_fetch_import(const struct pf_fetch_options *);
int pf_fetch_status(struct pf_fetch *);
int pf_fetch_again(struct pf_fetch *);
/* What main calls. */
int pf_tool_fetch(int argc, char **argv);

#endif
