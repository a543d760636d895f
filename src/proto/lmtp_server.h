/* The inside of the LMTP engine, shared by its files.
 *
 *     lmtp_server.c  the doors: feed, lend, end        lmtp_time.c  deadlines
 *     lmtp_cmd.c     the client's words                lmtp_tell.c  questions and answers
 *     lmtp_data.c    a message's text, and the replies behind it
 *
 * At any moment the engine waits for commands or for text (`receiving`), for an answer of the world
 * (`asking`), for room to write the replies that it owes (`owing`), or for its end (`closing`).
 *
 * A text that will not be delivered is known by `whole`: the answer that stands for every recipient.
 * From then on the world has forgotten the message (DROP), and what comes of it is counted off. */
#ifndef POSTFACH_PROTO_LMTP_SERVER_H
#define POSTFACH_PROTO_LMTP_SERVER_H

#include <postfach/lmtp_server.h>

#include "proto/keep.h"
#include "proto/line.h"
#include "proto/lmtp_rcpts.h"
#include "proto/lmtp_reply.h"
#include "proto/lmtp_text.h"
#include "proto/lmtp_words.h"
#include "proto/server_out.h"

enum pf_lmtp_receiving { PF_LMTP_COMMANDS, PF_LMTP_DATA, PF_LMTP_CHUNK };

enum pf_lmtp_owing {
    PF_LMTP_OWES_NOTHING,
    PF_LMTP_OWES_CHUNK, /* the one reply to BDAT without LAST (RFC 2033 section 4.3) */
    PF_LMTP_OWES_ALL    /* the replies behind the text */
};

struct pf_lmtp_server {
    const struct pf_lmtp_server_settings *set;
    struct pf_server_out out;
    struct pf_line line;
    struct pf_keep helo, sender;
    struct pf_keep told_helo; /* by XCLIENT */
    struct pf_keep xclient;   /* a struct pf_xclient, while it is asked */
    struct pf_keep old_helo, old_sender; /* shown to the world, which hears of their end by DROP */
    struct pf_lmtp_rcpts rcpts;
    struct pf_lmtp_text text;
    struct pf_lmtp_answer whole; /* code 0: none */
    char whole_say[PF_ERR_SAY];
    const struct pf_lmtp_answer *farewell; /* the last line, not written yet */
    const char *close;
    uint64_t size; /* as declared */
    size_t behind; /* octets of the input behind the line being carried out */

    unsigned state; /* PF_LMTP_IN_... */
    unsigned bad_row;
    unsigned next;     /* recipient whose reply is owed */
    unsigned unsealed; /* recipients whose seal is not told */
    enum pf_lmtp_receiving receiving;
    enum pf_lmtp_owing owing;
    enum pf_lmtp_ask_kind asked;

    pf_time now; /* as last heard */
    pf_time idle_from, stall_from;
    bool pending;       /* output was waiting when the engine was last left */
    bool stall_unsure;  /* since when is not known exactly */
    bool asking, shown; /* a question is open; it was shown */
    bool held;          /* the world remembers recipients */
    bool drop_due;      /* ask DROP first */
    bool last;          /* the chunk is BDAT LAST */
    bool asks_data;     /* BEGIN was asked for DATA, not for a chunk */
    bool utf8;
    bool hang_up; /* close when all replies are written */
    bool closing;
    bool greeted;
    bool proxied; /* XCLIENT is offered */
    bool told;    /* and was taken */
    bool tls;
    bool eof;
    bool going_down;
};

/* One reply; `good` ends a row of mistakes, `bad` is one more, and the last one allowed ends the
 * session. `say` is neither. */
void pf_lmtp_say(struct pf_lmtp_server *, const struct pf_lmtp_answer *);
void pf_lmtp_good(struct pf_lmtp_server *, const struct pf_lmtp_answer *);
void pf_lmtp_bad(struct pf_lmtp_server *, const struct pf_lmtp_answer *);

/* The first line, which comes again behind XCLIENT. */
void pf_lmtp_banner(struct pf_lmtp_server *);

void pf_lmtp_ask_for(struct pf_lmtp_server *, enum pf_lmtp_ask_kind);
void pf_lmtp_close(struct pf_lmtp_server *, const char *why);
/* The same behind one more line, 421. */
void pf_lmtp_bye(struct pf_lmtp_server *, const struct pf_lmtp_answer *, const char *why);
/* The world is to forget the message. */
void pf_lmtp_let_go(struct pf_lmtp_server *);
/* The transaction is over, whatever became of it. */
void pf_lmtp_reset(struct pf_lmtp_server *);
/* The end of every door: writes what there is room for, begins the end that is due. */
void pf_lmtp_leave(struct pf_lmtp_server *);

#endif
