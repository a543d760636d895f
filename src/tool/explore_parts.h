/* The inside of `postfach explore`: explore_live.c (terminal, loop, time), explore_keys.c (what keys
 * do), explore_serve.c (what the server is asked and says), explore_reader.c (the letter that is read,
 * and files), explore_leave.c (deleting, and the end). */
#ifndef POSTFACH_TOOL_EXPLORE_PARTS_H
#define POSTFACH_TOOL_EXPLORE_PARTS_H

#include "tool/explore_link.h"
#include "tool/explore_mime.h"
#include "tool/explore_save.h"
#include "tool/explore_screen.h"
#include "tool/explore_view.h"

enum {
    PF_EXPLORE_TALK = 500 /* lines of the talk with the server that are kept */
};

enum pf_explore_asking {
    PF_EXPLORE_ASKS_NOTHING,
    PF_EXPLORE_ASKS_NEEDLE, /* in the list, or in the reader */
    PF_EXPLORE_ASKS_FILTER,
    PF_EXPLORE_ASKS_PART,      /* which attachment */
    PF_EXPLORE_ASKS_PART_FILE, /* where it goes */
    PF_EXPLORE_ASKS_LETTER_FILE,
    PF_EXPLORE_ASKS_LEAVE
};

enum pf_explore_page {
    PF_EXPLORE_NO_PAGE,
    PF_EXPLORE_LETTER_PAGE,
    PF_EXPLORE_HELP_PAGE,
    PF_EXPLORE_TALK_PAGE
};
enum pf_explore_leaving { PF_EXPLORE_STAYS, PF_EXPLORE_LEAVES, PF_EXPLORE_DELETES };

/* The letter that is here, or comes. */
struct pf_explore_reading {
    uint64_t number, octets, got;
    char *uid;                         /* it is still that one after another list was had */
    int fd;                            /* an open file without a name; -1: none */
    bool wanted, comes, whole, failed; /* wanted: not asked for yet */
    bool raw, then_save;
    struct pf_explore_letter *letter;
    char *source; /* its text as it came, made visible; NULL: not made yet */
    size_t part;  /* that is being saved */
};

struct pf_explore_live {
    struct pf_client *client;
    const struct pf_account *account;
    struct pf_explore_link *link;
    struct pf_explore_view view;
    struct pf_explore_frame frame;
    struct pf_explore_list incoming;
    enum pf_explore_asking asking;
    enum pf_explore_page page;
    char reader_needle[PF_EXPLORE_NEEDLE];
    struct pf_explore_reading reading;

    bool wants_preview, preview_comes;
    uint64_t preview_number; /* that is shown, or comes */
    char *preview;

    pf_time listed;          /* when the list was whole; 0: it is not, on this line */
    unsigned tries;          /* to call again, in vain so far */
    unsigned headless;       /* TOP refused, one after the other */
    bool no_top, sorts_soon; /* sorts_soon: heads came that the order depends on */
    pf_time sorted, drawn, note_until;

    enum pf_explore_leaving leaving;
    size_t delete_at; /* the next row to be looked at */
    size_t delete_asked;
    size_t deletes, refused; /* that the server took; that it did not */
    bool quit_asked, quit_ended, over;
    enum pf_end quit;
    char quit_text[PF_EXPLORE_WORDS];
    struct pf_err why; /* of what went wrong */

    char *talk[PF_EXPLORE_TALK];
    size_t talk_count;
    char *talk_page; /* them as a text, while it is shown */

    struct pf_timer *draw_timer, *end_timer;
    struct pf_signal *signals[5];
    struct pf_pool *keyboard;
    struct pf_job key_job;
    int wake;
    bool hung_up, screen;
    bool let_in; /* once: from then on, all is told on a screen */
    unsigned empty_reads;
};

/* explore_live.c */
void pf_explore_changed(struct pf_explore_live *);
void pf_explore_note(struct pf_explore_live *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pf_explore_complain(struct pf_explore_live *, const char *what, const struct pf_err *);
void pf_explore_stop(struct pf_explore_live *);

/* explore_keys.c */
void pf_explore_key(struct pf_explore_live *, enum pf_explore_key, const char *character);
/* Asks; with an answer that is typed, which may be there already. */
void pf_explore_ask(struct pf_explore_live *, enum pf_explore_asking, const char *question,
                    const char *typed);

/* explore_serve.c */
bool pf_explore_may_pass(enum pf_code); /* calling again may help */
extern const struct pf_explore_link_calls pf_explore_serving;
/* What the preview shows is another message, perhaps. */
void pf_explore_look(struct pf_explore_live *);

/* explore_reader.c */
void pf_explore_open_page(struct pf_explore_live *, enum pf_explore_page);
void pf_explore_close_page(struct pf_explore_live *);
/* Reads the message under the cursor; then_save: it is to be written to a file, without being shown. */
void pf_explore_read(struct pf_explore_live *, bool then_save);
void pf_explore_source(struct pf_explore_live *);
void pf_explore_title(struct pf_explore_live *); /* of the letter: its mark may be another */
void pf_explore_letter_piece(struct pf_explore_live *, struct pf_bytes);
void pf_explore_letter_end(struct pf_explore_live *, const struct pf_heard *);
/* The row of the letter that is read, or NULL: it is there no more. */
struct pf_explore_row *pf_explore_reading_row(struct pf_explore_live *);
void pf_explore_ask_part(struct pf_explore_live *);
void pf_explore_ask_part_file(struct pf_explore_live *, const char *which);
void pf_explore_ask_letter_file(struct pf_explore_live *);
void pf_explore_save(struct pf_explore_live *, bool part, const char *path);
void pf_explore_reading_drop(struct pf_explore_live *);

/* explore_leave.c */
void pf_explore_leave(struct pf_explore_live *, enum pf_explore_leaving);
bool pf_explore_leave_next(struct pf_explore_live *, struct pf_explore_wish *);
void pf_explore_leave_ended(struct pf_explore_live *, const struct pf_explore_wish *,
                            const struct pf_heard *);
/* The line is gone while leaving. */
void pf_explore_leave_gone(struct pf_explore_live *, const struct pf_err *);
/* Tells on stdout and stderr what became of it; the exit status. */
int pf_explore_leave_tell(const struct pf_explore_live *);

#endif
