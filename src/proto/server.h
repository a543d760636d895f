/* The inside of the server engine, shared by its files and by tests that look
 * for secrets left behind.
 *
 *     server.c       the doors: feed, ask, lend, end
 *     server_tell.c  the world's answers
 *     server_cmd.c   the client's words, one handler each
 *     server_list.c  long answers       server_body.c  messages
 *     server_out.c   the lent buffer    server_time.c  deadlines
 *
 * At any moment the engine does one of four things: it waits for input, for
 * an answer of the world (`asking`), for room (`producing`), or for its end
 * (`closing`). */
#ifndef POSTFACH_PROTO_SERVER_H
#define POSTFACH_PROTO_SERVER_H

#include <postfach/pop3_server.h>

#include "proto/drop.h"
#include "proto/keep.h"
#include "proto/line.h"
#include "proto/server_body.h"
#include "proto/server_list.h"
#include "proto/server_out.h"
#include "proto/words.h"

struct pf_pop3_server {
    const struct pf_pop3_server_settings *set;
    struct pf_server_out out;
    struct pf_line line;
    struct pf_keep name;   /* of USER; before the greeting, why the client is refused */
    struct pf_keep secret; /* of PASS, APOP, or a SASL response; then a challenge on its way out; a struct pf_xclient */
    struct pf_keep timestamp; /* until the greeting is written */
    uint64_t mechanisms;   /* offered here, bits by their index in the settings */
    const char *mechanism; /* an exchange is under way */
    struct pf_drop drop;
    struct pf_server_body body;
    struct pf_pop3_server_stats stats;

    unsigned state; /* PF_IN_A0, PF_IN_A1 or PF_IN_T */
    unsigned bad_row;
    unsigned failed_logins;
    unsigned rounds;
    int32_t expire_days;
    uint32_t login_delay;
    uint32_t cursor; /* of what is being produced */
    size_t behind;   /* octets of the input behind the line being carried out */
    enum pf_produce producing;
    enum pf_ask_kind asked;
    enum pf_close close;
    enum pf_code farewell; /* PF_OK: none; else -ERR is due, as greeting or as last line */

    pf_time now; /* as last heard */
    pf_time start, idle_from, stall_from;
    bool pending;       /* output was waiting when the engine was last left */
    bool stall_unsure;  /* since when is not known exactly */
    bool asking, shown; /* a question is open; it was shown */
    bool cancel;        /* ask CANCEL first */
    bool first;         /* the exchange's first step */
    bool has_response;
    bool closing;
    bool greeted;
    bool tls;
    bool fresh; /* no line came yet */
    bool secret_taken;
    bool eof;
    bool going_down;
    bool yielding;  /* the reason for that */
    bool apop;      /* the greeting offers it */
    bool xclient;   /* offered now */
    bool told;      /* a proxy said who the client is */
    bool exposed;   /* and that it speaks no TLS */
    bool tried;     /* a login */
    bool no_delete; /* DELE is refused to this login */
};

bool pf_server_may_show_secrets(const struct pf_pop3_server *);
/* Whether the mechanism of that index is offered here, be it only behind TLS. */
bool pf_server_offers(const struct pf_pop3_server *, size_t index);

/* A good answer. */
void pf_server_good(struct pf_pop3_server *, struct pf_bytes text);
/* The client's mistake: counted, and the last one allowed ends the session (MX-002). */
void pf_server_bad(struct pf_pop3_server *, enum pf_code);
/* The same with a text of its own and, when `code` has one, its response code. */
void pf_server_bad_text(struct pf_pop3_server *, enum pf_code, struct pf_bytes text);
/* Not the client's mistake. */
void pf_server_failed(struct pf_pop3_server *, enum pf_code, struct pf_bytes text);
/* A login that failed: counted, and the last one allowed ends the session (MX-003). */
void pf_server_login_failed(struct pf_pop3_server *, enum pf_code, struct pf_bytes text);

void pf_server_ask_for(struct pf_pop3_server *, enum pf_ask_kind);
/* Where fetching removes (EXPIRE 0), a message still on its way out is not yet fetched: COMMIT is
 * asked when all output was taken. */
bool pf_server_commit_waits(const struct pf_pop3_server *);
void pf_server_close(struct pf_pop3_server *, enum pf_close);
/* The name of USER, and the exchange, are as if they had never been. */
void pf_server_forget(struct pf_pop3_server *);
/* The exchange ended without the mechanism's doing. */
void pf_server_cancel(struct pf_pop3_server *);
/* Output may have become visible at a door that is not told the time. */
void pf_server_noticed_output(struct pf_pop3_server *);
/* The end of every door: produces what there is room for, begins the end that is due. */
void pf_server_leave(struct pf_pop3_server *);

#endif
