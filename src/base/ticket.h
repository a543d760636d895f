/* The ticket: the right to open one maildrop, written down so that it can cross a process border.
 *
 * Rights move between processes, sockets do not. Who checks passwords makes a ticket, a gate (which
 * talks to strangers and is trusted with nothing) carries it, and a store honours it. A gate that was
 * taken over can show the tickets that it was given, for their few seconds, at the store they were
 * made for, once each; it can make none and change none, since it has not got the key.
 *
 * This room is the form and the rules: the octets of a ticket (one ticket has exactly one form, all
 * lengths bounded, big-endian), when one is good, and the window of serials that makes a second
 * showing fail. It has no key and no clock. The MAC that stands behind the form is made in
 * sys/seal.c, because it comes from a library (OpenSSL) and this floor takes nothing but memory
 * and words.
 *
 * The form: "PFT" version | length of all (2) | kind | rights | expire_days (4) | quota (8, 8) |
 * gate (4) | store (4) | session (8) | expires (8) | series (8) | serial (8) | three lengths (2 each) |
 * user | path | view.
 *
 * Times are those of the monotonic clock (sys/loop.h), which all processes of one machine share; so
 * a ticket means nothing on another machine or after a boot, and setting the clock changes nothing. */
#ifndef POSTFACH_BASE_TICKET_H
#define POSTFACH_BASE_TICKET_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_TICKET_USER_MAX = 255,  /* as auth allows for names */
    PF_TICKET_PATH_MAX = 1023, /* as auth allows for maildrops */
    PF_TICKET_VIEW_MAX = 255,
    PF_TICKET_HEAD = 74, /* octets of the form before its texts */
    PF_TICKET_FORM_MAX = PF_TICKET_HEAD + PF_TICKET_USER_MAX + PF_TICKET_PATH_MAX + PF_TICKET_VIEW_MAX,
    /* No ticket may live longer, whoever made it: it must be remembered that long. A login goes on to
     * the store at once; a minute leaves room for a machine that swaps. */
    PF_TICKET_LIFE_MAX = 60000
};

/* What its bearer may do with the maildrop. A reader may always list and read; without SEEN nothing is
 * marked, without DELETE nothing is removed (nor expired). DELIVER is for mail that comes in. */
enum {
    PF_TICKET_READ = 1,
    PF_TICKET_DELETE = 2,
    PF_TICKET_SEEN = 4,
    PF_TICKET_DELIVER = 8,
    PF_TICKET_RIGHTS = 15
};

struct pf_ticket {
    char user[PF_TICKET_USER_MAX + 1]; /* 1 octet at least, no control octets */
    char path[PF_TICKET_PATH_MAX + 1]; /* absolute, without its kind */
    char view[PF_TICKET_VIEW_MAX + 1]; /* a folder, or the recipient that mail is for; may be "" */
    uint8_t kind;                      /* enum pf_kind */
    uint8_t rights;                    /* at least one */
    int32_t expire_days;               /* -1 never, or days */
    uint64_t quota_octets, quota_messages; /* 0: no limit */
    uint32_t gate;                     /* who may show it: the number of a started process, never used anew */
    uint32_t store;                    /* where: likewise. A store that is started anew has forgotten its
                                        * window, and with it all tickets */
    uint64_t session;                  /* of the gate, for the log; never 0 */
    pf_time expires;
    uint64_t series; /* of one maker: a random number that it takes when it starts */
    uint64_t serial; /* which of his tickets, from one */
};

/* Who shows a ticket, to whom, when. The gate is known from the descriptor that the ticket came by. */
struct pf_ticket_shown {
    uint32_t gate, store;
    pf_time now;
};

enum pf_ticket_fault {
    PF_TICKET_GOOD,
    PF_TICKET_CUT,       /* no length that a ticket can have */
    PF_TICKET_FORGED,    /* the seal is not ours */
    PF_TICKET_MALFORMED, /* the seal is, and what is under it cannot be */
    PF_TICKET_EXPIRED,
    PF_TICKET_LONG_LIVED,
    PF_TICKET_OTHER_GATE,
    PF_TICKET_OTHER_STORE,
    PF_TICKET_REPLAYED,
    PF_TICKET_CROWDED,   /* the window has no room: nobody's fault, try again */
    PF_TICKET_FAULTS
};

/* For the log: "shown before". */
const char *pf_ticket_fault_text(enum pf_ticket_fault);

/* Puts the form; false when the ticket breaks a rule above or the room does not suffice, and then
 * nothing was put. */
bool pf_ticket_write(struct pf_span *, const struct pf_ticket *);
/* Reads a form that is all of b; false, with *out untouched, for anything that pf_ticket_write
 * would not have written. */
bool pf_ticket_read(struct pf_bytes b, struct pf_ticket *out);

/* Which tickets were shown: for each maker a bit for each of his last serials, in memory that the caller gives.
 *
 * Makers count, so what was shown lies close behind the highest serial: a bit is enough to remember a ticket, where a
 * nonce would take its whole length and a place that others may have taken. Whose serial is further behind than there
 * are bits is refused, shown before or not: it fails closed. A maker is forgotten when all that was shown of him has
 * expired; more makers at a time than there is room for (auth is started again and again) are refused. */
enum { PF_TICKET_MAKERS = 4 };

struct pf_ticket_window {
    struct pf_ticket_maker {
        uint64_t series, top; /* the highest serial shown; 0: free */
        pf_time until;        /* when the last of those shown expires */
        uint64_t *bits;       /* of serial n: bit n % span */
    } makers[PF_TICKET_MAKERS];
    size_t span; /* serials that are remembered of each, a multiple of 64, at least that */
};

/* Judges an authentic ticket; when it is good its serial is used up. */
enum pf_ticket_fault pf_ticket_judge(const struct pf_ticket *, const struct pf_ticket_shown *,
                                     struct pf_ticket_window *);

#endif
