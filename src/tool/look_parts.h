/* The inside of look.h: look.c (words of the command line), look_session.c (the server), look_rows.c
 * (its list), look_head.c (what a head says), look_file.c (files that are written), and a file for each
 * command.
 *
 * Commands are straight: they wait for the server where they need its answer, and the loop turns
 * meanwhile. */
#ifndef POSTFACH_TOOL_LOOK_PARTS_H
#define POSTFACH_TOOL_LOOK_PARTS_H

#include "tool/client.h"
#include "tool/speech.h"

struct pf_look_row {
    uint64_t number, octets; /* octets: PF_OCTETS_UNKNOWN where the server did not tell */
    char *uid;               /* as it came; NULL: none */
    char *from, *subject;    /* decoded, valid UTF-8, not safe for a terminal; NULL: none */
    int64_t date;            /* seconds since 1970; 0: none */
    bool headed, chosen, deleted;
};

struct pf_look;

struct pf_look_verb {
    const char *word;
    const char *usage, *gebrauch; /* the first lines */
    const char *options;          /* letters of those of look.c that it takes */
    bool names;                   /* takes messages */
    bool crlf;                    /* lines as the server ends them */
    /* Which rows are meant; 0, or an exit status after telling why not. NULL: none is. */
    int (*choose)(struct pf_look *);
    /* Whether a row's head is needed. NULL: none is. */
    bool (*wants_head)(const struct pf_look *, size_t index);
    int (*run)(struct pf_look *);
};

/* What is asked of the server now. */
struct pf_look_asked {
    void (*take)(void *self, struct pf_bytes); /* pieces of a message; NULL: they are let go */
    void *self;
    struct pf_err err; /* of the answer */
    bool coded;        /* the server gave a code for it */
};

enum { PF_LOOK_PROTOCOL = 76 /* EX_PROTOCOL: what answers is no POP3 */ };
enum { PF_LOOK_HEAD = 65536 /* octets of a head that are looked at: more is no mail of a person */ };

struct pf_look {
    const struct pf_look_verb *verb;
    struct pf_client_options options;
    const char *word;          /* the account */
    const char *const *wanted; /* messages, as they were named */
    size_t wanted_count;
    bool json, raw, attachments, yes;
    uint64_t limit;     /* 0: all */
    int64_t older_days; /* -1: whatever their age */
    const char *folder; /* where save writes */

    struct pf_client client;
    const struct pf_account *account;
    struct pf_client_secret secret;
    struct pf_reach *reach;
    struct pf_call *call; /* while it may be spoken to */
    struct pf_err gone_err;
    bool ahead;       /* a command was sent before the one before it was answered */
    bool gone, lost;  /* lost: an answer was cut, and `gone` comes next */
    bool confirmed;   /* QUIT was answered by +OK */
    unsigned waiting; /* answers that are to come */
    void (*told)(struct pf_look *, uint64_t number, struct pf_bytes why); /* of DELE that were refused */
    struct pf_look_asked asked;

    struct pf_look_row *rows; /* by number */
    size_t count, room;
    size_t sorted; /* of them, the first ones: what UIDL alone has comes behind them at first */
    size_t next;   /* the row whose head is asked for next, or that is deleted next (from the end) */
    size_t heads;
    bool no_top, no_memory;
    struct pf_bytes head;
    unsigned char head_room[PF_LOOK_HEAD];
};

/* Reads the command line and runs the verb; the exit status. */
int pf_look_main(const struct pf_look_verb *, int argc, char **argv);
/* Tells it on stderr, and gives the exit status; for what a server does, not for a person's words. */
int pf_look_complain(const struct pf_look *, const struct pf_err *);

/* Connects, logs in, lists, lets the verb choose, has heads. 0, or an exit status: all was told. */
int pf_look_begin(struct pf_look *);
/* Says a command and waits for its answer; pieces go to `take`. PF_OK: it was answered by +OK, whole. */
enum pf_code pf_look_do(struct pf_look *, const struct pf_pop3_command *,
                        void (*take)(void *self, struct pf_bytes), void *self, struct pf_err *);
/* RETR. */
enum pf_code pf_look_fetch(struct pf_look *, const struct pf_look_row *,
                           void (*take)(void *self, struct pf_bytes), void *self, struct pf_err *);
/* DELE of the rows that were chosen, the last first; `deleted` says which were taken, `told` is called
 * for those that were refused. False: the connection was lost. */
bool pf_look_delete(struct pf_look *,
                    void (*told)(struct pf_look *, uint64_t number, struct pf_bytes why));
/* QUIT; true when the server confirmed it. */
bool pf_look_quit(struct pf_look *);
void pf_look_end(struct pf_look *);

/* Rows (look_rows.c). */
/* The new row, until the next is added; NULL: no memory. */
struct pf_look_row *pf_look_row_add(struct pf_look *, uint64_t number, uint64_t octets);
void pf_look_rows_sort(struct pf_look *); /* by number; of those that stand twice the first stays */
struct pf_look_row *pf_look_row_find(struct pf_look *, uint64_t number); /* of those that are sorted */
void pf_look_rows_free(struct pf_look *);
/* Chooses what was named; 0, or an exit status after telling what is not there. */
int pf_look_choose(struct pf_look *);
/* A table for people; all, or those that were chosen. */
void pf_look_print(const struct pf_look *, bool chosen);

/* Fills from, subject and date of the row from the lines of a header. */
void pf_look_head(struct pf_bytes, struct pf_look_row *);
void pf_look_head_free(struct pf_look_row *);

/* A file that is there under its name when it is whole and on disk, and not before. */
struct pf_look_file {
    int folder, fd;
    char temp[32]; /* its name until then; "": it has none */
    struct pf_err err;
};
enum { PF_LOOK_NAME = 160 };
enum pf_code pf_look_file_begin(struct pf_look_file *, const char *folder, struct pf_err *);
/* For pf_look_fetch: an error stays in file->err. */
void pf_look_file_take(void *file, struct pf_bytes);
/* Gives it a name made of `name` (pf_explore_name) and `ending`, with -2, -3 … where that is taken.
 * Nothing is ever written over. Ends the file in any case. */
enum pf_code pf_look_file_keep(struct pf_look_file *, const char *name, const char *ending,
                               char out_name[PF_LOOK_NAME], struct pf_err *);
void pf_look_file_drop(struct pf_look_file *);

#endif
