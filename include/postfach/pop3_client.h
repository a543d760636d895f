/* The POP3 client engine: the other half of the conversation, without a socket.
 *
 * It has the doors of pop3_server.h, turned round. Octets of the server go in
 * (`feed`), octets for it come out (`out`, `sent`). What the caller wants is
 * said (`say`), many commands at once if he likes; what comes of them is heard
 * (`event`), in the order in which they were said. No callback, clock, file or
 * socket; one piece of memory, whose size the settings fix, however long a
 * message, a list or a line of the server may be.
 *
 *     for (;;) {
 *         taken = pf_pop3_client_feed(e, input, now);     -- drop `taken` octets
 *         while (pf_pop3_client_event(e, &heard)) ...     -- say() more, respond(), keep a piece
 *         send pf_pop3_client_out(e); pf_pop3_client_sent(e, n, now);
 *     }
 *
 * Laws:
 *   - Each command said ends with exactly one PF_HEARD_END, also when the
 *     connection breaks. Its verdict is WHOLE only when the answer was "+OK"
 *     and, if that has lines, its final dot line was seen: never otherwise. What
 *     was cut off is CUT (the server may have done it), what never left is UNSENT
 *     (it surely has not).
 *   - While an event waits to be taken, feed takes no input. Views in an event
 *     live until the next call of feed; each of them lies in the engine.
 *   - Octets of a message are lent in pieces, without stuffed dots, as they came
 *     or with LF line ends. A dot line ends a message only between CRLF and CRLF,
 *     unless the server ends its status line with a bare LF too: who takes
 *     LF.LF or LF.CRLF for the end anywhere lets the writer of a message answer
 *     for the server.
 *   - Commands are sent ahead only where CAPA offers PIPELINING (or the settings say so),
 *     and no more octets of them than any receive buffer holds, so that neither side waits
 *     for the other. Nothing follows a command that ends a group (PASS, AUTH, STLS,
 *     QUIT ...) before its answer; a secret waits for every answer before it; what
 *     is not allowed in the state that was reached is UNSENT (RETR behind a failed PASS).
 *   - No name and no secret is said without TLS, unless the settings allow it. Octets that
 *     came behind "+OK" to STLS in plain text end the session (response injection).
 *   - A server is not believed: what it may not say is told in `odd`, what cannot be understood ends
 *     the session. An answer that comes before all of its command was sent is such.
 *   - Secrets are wiped in the engine as they are sent.
 *
 * After PF_HEARD_LOST, which comes once and last, the engine does nothing more. */
#ifndef POSTFACH_POP3_CLIENT_H
#define POSTFACH_POP3_CLIENT_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/public.h>

PF_PUBLIC_BEGIN

struct pf_pop3_client;

/* The words of pop3_words.def, in their order, then two of our own. */
enum pf_pop3_verb {
#define PF_WORD(word, states, min, max, shape, flags, offer, server) PF_VERB_##word,
#include <postfach/pop3_words.def>
#undef PF_WORD
    PF_VERB_RAW,     /* any line, for a prober */
    PF_VERB_GREETING /* in events: what the server says first */
};

enum pf_pipelining { PF_PIPELINE_IF_OFFERED, PF_PIPELINE_NEVER, PF_PIPELINE_ALWAYS };

/* Which logins are said without TLS. */
enum pf_plain_login {
    PF_PLAIN_NEVER,
    PF_PLAIN_HIDDEN, /* those that hide the secret: APOP, and AUTH with `hidden` */
    PF_PLAIN_ANY
};

/* One object serves many engines and must outlive them; the engine only reads it. */
struct pf_pop3_client_settings {
    enum pf_pipelining pipelining;
    enum pf_plain_login plain_login;
    bool lf;        /* CRLF in messages is lent as LF */
    bool loose_dot; /* messages end at LF.LF and LF.CRLF, too, whatever the status line ended with: for
                     * servers that send Unix text; dangerous with others */
    bool eight_bit; /* names and passwords may hold octets over 0x7E though "UTF8 USER" is not offered
                     * (RFC 6856 section 2.2 forbids it) */
    bool apop_after_stls; /* the greeting's timestamp is kept over STLS, though nobody vouches for it */
    unsigned queue;       /* commands that may wait or be in flight */
    size_t window; /* octets of commands in flight; less than the smallest receive buffer of a server */
    size_t out;    /* octets that may wait to be sent: half for commands, half for a SASL response in
                    * base64; room for two lines at least */
    size_t piece;  /* octets of a message or of a line that are lent at once, at least PF_PIECE_MIN */
    size_t initial_line; /* longest AUTH line with an initial response: 255 (RFC 5034 section 4) */
    /* What a server may do to us, per answer. */
    uint64_t line_max;  /* octets of one status line, or line of a list */
    uint64_t lines_max; /* lines of one list; of CAPA, AUTH and LANG 1024 at most */
    unsigned sasl_rounds;
    /* Milliseconds without any octet of what is awaited. */
    pf_time greeting_time;
    pf_time answer_time;
    pf_time quit_time;  /* for the answer to QUIT: large maildrops are slow to be rewritten */
    pf_time stall_time; /* the server takes no output */
};

enum {
    PF_PIECE_MIN = 1024, /* a status line with room to spare */
    PF_CLIENT_LINE = 255 /* octets of a command line with CRLF (RFC 2449 section 4) */
};

/* Defaults: pipelining if offered, no login without TLS, CRLF kept; 128 commands, 2048 octets in flight,
 * 32 KiB out, 16 KiB piece, 255, 64 KiB a line, 4 million lines, 16 rounds; 60 s, 180 s, 600 s, 180 s.
 */
void pf_pop3_client_settings_init(struct pf_pop3_client_settings *out_settings);

#define PF_OCTETS_UNKNOWN UINT64_MAX

/* What the caller wants. Views are copied. No argument may hold CR, LF or NUL. */
struct pf_pop3_command {
    enum pf_pop3_verb verb;
    uint64_t tag;           /* the caller's; comes back in the events */
    uint64_t number;        /* RETR, TOP, DELE; LIST, UIDL: 0 for all */
    uint64_t lines;         /* TOP */
    struct pf_bytes name;   /* USER, APOP; AUTH: the mechanism, empty asks for the list; LANG: the range,
                             * empty for the list; RAW: the line without CRLF */
    struct pf_bytes secret; /* PASS; APOP: 32 hex digits; AUTH: the initial response, raw octets */
    bool has_initial;       /* AUTH: there is one, be it empty */
    bool hidden;            /* AUTH: the mechanism does not show the secret */
    bool multi;             /* RAW: "+OK" has lines behind it; they come as items */
    uint64_t expect;        /* RETR: octets by LIST; 0 or PF_OCTETS_UNKNOWN: not known */
    uint64_t octets_max;    /* RETR, TOP: a longer message ends the session; 0: none does */
};

enum pf_heard_kind {
    PF_HEARD_GREETING,  /* the first line; when it is -ERR, LOST follows */
    PF_HEARD_BEGIN,     /* "+OK" of an answer with lines */
    PF_HEARD_ITEM,      /* one line of LIST, UIDL, CAPA, AUTH, LANG, RAW */
    PF_HEARD_PIECE,     /* octets of RETR or TOP */
    PF_HEARD_CHALLENGE, /* AUTH: respond or cancel; nothing else is heard before */
    PF_HEARD_TLS,       /* STLS was answered by +OK: when `out` is empty do the handshake, then
                           pf_pop3_client_tls */
    PF_HEARD_END,       /* the command is done with: see `end` */
    PF_HEARD_LOST       /* the last event: close the connection */
};

enum pf_end { PF_END_NONE, PF_END_WHOLE, PF_END_REFUSED, PF_END_CUT, PF_END_UNSENT };

enum pf_lost {
    PF_LOST_NOT,
    PF_LOST_QUIT,    /* QUIT was answered, or never had to be: all is well */
    PF_LOST_REFUSED, /* the greeting was -ERR */
    PF_LOST_EOF,     /* the server closed the connection */
    PF_LOST_TIME,    /* a deadline passed; with stats.flight_lost > 1 pipelining may be to blame */
    PF_LOST_STALL, /* the server takes no output */
    PF_LOST_GARBAGE,    /* not POP3 */
    PF_LOST_TLS_RECORD, /* it speaks TLS: this port begins with the handshake */
    PF_LOST_LINE,       /* a line without end */
    PF_LOST_LIST,       /* a list without end */
    PF_LOST_OCTETS,     /* a message over octets_max */
    PF_LOST_UNASKED,    /* it spoke, and nothing had been asked; `text` may be a farewell */
    PF_LOST_SMUGGLE,    /* plain text behind +OK to STLS */
    PF_LOST_TLS,        /* the handshake failed */
    PF_LOST_GIVEN_UP    /* by pf_pop3_client_give_up */
};

/* What was odd in what was heard; in END of lists and messages, of all of it. */
enum pf_odd {
    PF_ODD_LF = 1,         /* a line ended with LF alone */
    PF_ODD_STATUS = 2,     /* "+ok", "+ text", "+OKtext": only its first octet was right */
    PF_ODD_LONG = 4,       /* over 512 octets; only its beginning is shown when over the piece */
    PF_ODD_CONTROL = 8,    /* control octets in it; `text` has '?' in their place */
    PF_ODD_EIGHT = 0x10,   /* octets over 0x7E in a text, without LANG */
    PF_ODD_SPACE = 0x20,   /* more blanks than one, or at the line's end */
    PF_ODD_EXTRA = 0x40,   /* more behind what was to come */
    PF_ODD_FORM = 0x80,    /* cannot be understood: `parsed` is false */
    PF_ODD_NUMBER = 0x100, /* zero, over 2^32-1, not that asked for, or beyond what STAT told */
    PF_ODD_ORDER = 0x200,  /* a number not above the one before it: perhaps twice the same */
    PF_ODD_UID = 0x400,    /* not 1..70 octets of 0x21..0x7E */
    PF_ODD_SIZE = 0x800,   /* RETR: not the octets that LIST or "+OK" told */
    PF_ODD_SUM = 0x1000,   /* the sum is over 2^64-1, or LIST has another sum or count than STAT */
    PF_ODD_WRAPPED = 0x2000, /* STAT counts in 32 bits: negative, or what LIST adds up to modulo 2^32 */
    PF_ODD_DOT = 0x4000,     /* the final dot had blanks behind it; a stuffed dot in a list */
    PF_ODD_CODE = 0x8000,    /* a response code that is broken, or not announced by CAPA: not believed */
    PF_ODD_TWICE = 0x10000, /* the message begins with another "+OK" (FTGate to TOP) */
    PF_ODD_LOOSE = 0x20000, /* END that is CUT: the message ended with LF.LF or LF.CRLF; see loose_dot */
    PF_ODD_BLANK = 0x40000  /* empty lines stood before the answer */
};

struct pf_heard {
    enum pf_heard_kind kind;
    enum pf_pop3_verb verb;
    uint64_t tag;
    enum pf_end end;   /* END */
    enum pf_lost lost; /* LOST, and END that is CUT or UNSENT; UNSENT with NOT: not allowed in this state */
    enum pf_code code; /* PF_OK; else the reason: as the server said, or what its -ERR most likely means */
    bool coded;        /* the server said so, by a response code */
    unsigned odd;      /* enum pf_odd, or-ed */
    struct pf_bytes text; /* GREETING, BEGIN, END, TLS, LOST: printable, behind status and code */
    struct pf_bytes response_code; /* without its brackets, as it came; believed or not */
    struct pf_bytes bytes;         /* PIECE; ITEM: the line without its end; CHALLENGE: decoded */
    bool parsed;                   /* number, octets, uid hold what the answer to this verb says */
    uint64_t number; /* ITEM, LIST n, UIDL n: the message; STAT, END of lists: how many; else as asked */
    uint64_t octets; /* ITEM of LIST, LIST n, STAT; END of LIST: the sum; BEGIN of RETR: as told, or
                      * PF_OCTETS_UNKNOWN; END of RETR, TOP: as they came, without stuffed dots */
    uint64_t lent; /* END of RETR, TOP: octets of all pieces; less than `octets` where CRLF became LF */
    struct pf_bytes uid; /* UIDL; LANG: the tag */
    bool initial;        /* CHALLENGE: the initial response was not sent with AUTH; this asks for it */
};

enum {
    PF_CAN_TOP = 1,
    PF_CAN_USER = 2,
    PF_CAN_UIDL = 4,
    PF_CAN_SASL = 8,
    PF_CAN_STLS = 0x10,
    PF_CAN_PIPELINING = 0x20,
    PF_CAN_RESP_CODES = 0x40,
    PF_CAN_AUTH_RESP_CODE = 0x80,
    PF_CAN_UTF8 = 0x100,
    PF_CAN_UTF8_USER = 0x200,
    PF_CAN_LANG = 0x400,
    PF_CAN_LOGIN_DELAY = 0x800,
    PF_CAN_LOGIN_DELAY_USER = 0x1000, /* may differ for this user */
    PF_CAN_EXPIRE = 0x2000,
    PF_CAN_EXPIRE_USER = 0x4000,
    PF_CAN_MECHANISMS = 512, /* a line of CAPA (RFC 2449 section 5) */
    PF_CAN_TIMESTAMP = 255
};

/* What CAPA told; forgotten when TLS starts. */
struct pf_pop3_offer {
    bool heard; /* CAPA was answered */
    unsigned can;
    uint32_t login_delay; /* seconds */
    int64_t expire_days;  /* -1: never */
    uint16_t mechanisms_len;
    /* Upper case, one space between two and none elsewhere; NUL behind. */
    char mechanisms[PF_CAN_MECHANISMS + 1];
};

struct pf_pop3_client_stats {
    uint64_t octets_in, octets_out;
    uint64_t commands, refused; /* answered; answered by -ERR */
    uint64_t messages;          /* RETR answers that were WHOLE */
    uint64_t message_octets;    /* of RETR and TOP, without stuffed dots */
    uint32_t flight;            /* commands sent and not answered: now */
    uint32_t flight_most;       /* at most */
    uint32_t flight_lost;       /* when the session was lost */
    unsigned odd;               /* all that was odd */
};

/* Octets of memory that an engine of these settings needs. */
size_t pf_pop3_client_size(const struct pf_pop3_client_settings *);
/* Makes an engine in memory of that size, aligned as malloc aligns. `tls`: TLS is active already. */
struct pf_pop3_client *pf_pop3_client_init(void *memory, const struct pf_pop3_client_settings *,
                                           bool tls, pf_time now);
/* Wipes it; the memory is the caller's. */
void pf_pop3_client_done(struct pf_pop3_client *);
/* The same with malloc; NULL without memory. */
struct pf_pop3_client *pf_pop3_client_new(const struct pf_pop3_client_settings *, bool tls, pf_time now);
void pf_pop3_client_free(struct pf_pop3_client *); /* NULL is allowed */

/* Queues a command, also before the greeting. PF_OK; PF_AGAIN when the queue is full (hear events
 * first); PF_SYNTAX: an argument that cannot be said; PF_TOO_LONG; PF_NEED_TLS; PF_STATE: behind QUIT,
 * or lost. Only with PF_OK is there an END. */
enum pf_code pf_pop3_client_say(struct pf_pop3_client *, const struct pf_pop3_command *, pf_time now);
/* Answers a challenge with raw octets. PF_OK, PF_TOO_LONG (then cancel), PF_STATE: there is no
 * challenge. */
enum pf_code pf_pop3_client_respond(struct pf_pop3_client *, struct pf_bytes response, pf_time now);
/* Answers it with "*" (RFC 5034 section 4); the END will say PF_CANCELLED. */
enum pf_code pf_pop3_client_cancel(struct pf_pop3_client *, pf_time now);
/* The handshake that PF_HEARD_TLS asked for succeeded (and was checked), or did not. */
void pf_pop3_client_tls(struct pf_pop3_client *, bool good, pf_time now);

/* Takes input up to an event; returns the octets taken. With in.len 0 it only looks at the clock. Feed
 * all plain text that was read before a handshake is begun: that is how injected text is found. */
size_t pf_pop3_client_feed(struct pf_pop3_client *, struct pf_bytes in, pf_time now);
/* The server ended its output, and every octet before was taken by feed. */
void pf_pop3_client_eof(struct pf_pop3_client *, pf_time now);
/* The caller wants to end at once, without QUIT. */
void pf_pop3_client_give_up(struct pf_pop3_client *);
/* The next event, each one once; false when there is none. */
bool pf_pop3_client_event(struct pf_pop3_client *, struct pf_heard *out_heard);

/* What may be sent now: contiguous, possibly empty. Valid until the next call of another door. */
struct pf_bytes pf_pop3_client_out(const struct pf_pop3_client *);
/* n octets of `out` were sent; to be called before the answer to them is fed. */
void pf_pop3_client_sent(struct pf_pop3_client *, size_t n, pf_time now);

/* When feed must be called at the latest, even without input; PF_NEVER while nothing is awaited of the
 * server. */
pf_time pf_pop3_client_deadline(const struct pf_pop3_client *);

/* APOP's timestamp with its brackets, or empty: none was offered, or it is no msg-id (RFC 1939 section
 * 7; CVE-2007-1558). */
struct pf_bytes pf_pop3_client_timestamp(const struct pf_pop3_client *);
const struct pf_pop3_offer *pf_pop3_client_offer(const struct pf_pop3_client *);
/* Whether a SASL mechanism is among those offered; name in upper case. */
bool pf_pop3_client_offers(const struct pf_pop3_client *, const char *mechanism);
const struct pf_pop3_client_stats *pf_pop3_client_stats(const struct pf_pop3_client *);
/* Logged in, and QUIT not yet said. */
bool pf_pop3_client_in_transaction(const struct pf_pop3_client *);
/* More commands can be queued, as far as their number goes. */
unsigned pf_pop3_client_room(const struct pf_pop3_client *);

PF_PUBLIC_END

#endif
