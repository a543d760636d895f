/* The LMTP server engine: RFC 2033, and the subset of SMTP that a final
 * delivery needs (RFC 5321), without a socket.
 *
 * The same shape as the POP3 engine: octets in (`feed`), octets out (`out`,
 * `sent`), questions (`ask`) with answers (`tell`), time given from outside.
 * A message's text does not wait in the engine: it is un-stuffed (DATA) or
 * counted off (BDAT) and handed on in pieces (`text`, `text_taken`) that the
 * world writes to as many parcels as there are recipients. The message is
 * received once, whatever the number of recipients.
 *
 *     for (;;) {
 *         if (pf_lmtp_server_wants_text(e))              -- inside a message
 *             taken = pf_lmtp_server_feed_text(e, input, &piece, now);   -- write the piece
 *         else
 *             taken = pf_lmtp_server_feed(e, input, now);
 *         while (pf_lmtp_server_ask(e, &ask)) ...        -- begin it; tell() later
 *         send pf_lmtp_server_out(e); pf_lmtp_server_sent(e, n, now);
 *     }
 *
 * Laws:
 *   - While a question is open, or replies are owed, no input is taken. While text is wanted, feed
 *     takes none either: feed_text does. Text that will be dropped is not wanted, feed reads it away.
 *   - A question is shown by `ask` exactly once. DROP and CLOSE have no answer; CLOSE is the last
 *     one, but for a second CLOSE "stall" when the client does not take what is to be flushed. A
 *     tell behind CLOSE changes nothing. Call ask until it gives false: a DROP may come first.
 *   - 250 behind the text is written per recipient, in RCPT order, only after
 *     tell SEALED with PF_OK for that recipient (L-008, L-011); each as soon as it
 *     is known and those before it are.
 *   - A message whose end did not come, whose octets exceed the limit, or that breaks
 *     the rules of the wire is never sealed: the engine asks DROP instead (L-020).
 *   - Only CRLF . CRLF ends DATA (S-007). A bare LF or a lone CR in the text is refused with
 *     550 5.5.2 behind the end, unless the settings take it (S-008).
 *   - Every reply but the greeting, the answer to LHLO and 3xx has an enhanced status whose
 *     first digit is that of the reply (S-022).
 *   - A verdict that is told becomes the reply that its enhanced status asks for: 4.2.2 and 4.3.1
 *     are 452, 4.2.x 450, other 4.x.x 451, 5.2.2 and 5.3.4 552, 5.3.x 554, other 5.x.x 550.
 *   - A server that goes down finishes the text that is under way and the replies to it; a
 *     transaction without text is dropped. Then 421, and CLOSE.
 * With `smtp` set the engine greets and answers as SMTP: EHLO and HELO, one reply behind
 * the text for all recipients (the worst of theirs decides: a temporary failure before a permanent
 * one, so that nobody's message bounces who would get it at the next try). STARTTLS is offered in
 * both.
 *
 * What is not here: Return-Path, Received and Delivered-To lines, subaddresses, the case of local
 * parts, who may relay: the world has all it needs for them in RCPT and BEGIN. */
#ifndef POSTFACH_LMTP_SERVER_H
#define POSTFACH_LMTP_SERVER_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/public.h>
#include <postfach/xclient.h>

PF_PUBLIC_BEGIN

struct pf_lmtp_server;

enum { PF_LMTP_OUT_MIN = 4096 }; /* smallest buffer that may be lent */

struct pf_lmtp_server_settings {
    const char *hostname;       /* printable ASCII, at most 255 octets */
    bool smtp;                  /* SMTP's words instead of LMTP's */
    bool starttls;              /* offered and possible */
    bool bare_ends;             /* take bare LF and CR in text (local sockets) */
    uint64_t size_max;          /* octets of a message (S-028); 0: no limit */
    unsigned recipients_max;    /* >= 100 (S-004) */
    size_t line_max;            /* command line with CRLF, 4096 (S-001) */
    unsigned bad_max;           /* errors in a row that end the session; 0: no limit */
    pf_time idle_time;          /* >= 300,000 ms (S-005) */
    pf_time stall_time;         /* a client that takes no output */
};

/* The settings must outlive the engine, which only reads them. Defaults: LMTP, localhost, no
 * STARTTLS, bare ends refused, 50 MB, 1000 recipients, 4096 octets, 20 errors, 300 s, 300 s. */
void pf_lmtp_server_settings_init(struct pf_lmtp_server_settings *out_settings);

enum pf_lmtp_ask_kind {
    PF_LMTP_ASK_RCPT,  /* may `address` receive?                       -> tell RCPT */
    PF_LMTP_ASK_BEGIN, /* make parcels for the recipients accepted     -> tell BEGUN (PF_OK or for all;
                          when not PF_OK there are none, and the recipients stay remembered) */
    PF_LMTP_ASK_SEAL,  /* the text is whole, its last piece in `into`: seal each parcel, then forget
                          the recipients                               -> tell SEALED, once per recipient,
                          in any order */
    PF_LMTP_ASK_DROP,  /* forget the parcels, if any, and the recipients; has no answer */
    PF_LMTP_ASK_XCLIENT, /* a proxy says who the client is: it counts    -> tell XCLIENT */
    PF_LMTP_ASK_TLS,   /* start TLS when `out` is empty                -> tell TLS */
    PF_LMTP_ASK_CLOSE  /* flush, then close; has no answer */
};

/* Views point into the engine and live until the tell (BEGIN: until DROP is shown or the last SEALED
 * is told). Addresses hold no control octets, and octets beyond ASCII (valid UTF-8) only with `utf8`. */
struct pf_lmtp_ask {
    enum pf_lmtp_ask_kind kind;
    struct pf_bytes helo;      /* BEGIN: what the client called itself; no spaces, quotes, parentheses */
    struct pf_bytes sender;    /* RCPT, BEGIN: the reverse path without brackets, may be empty */
    struct pf_bytes address;   /* RCPT: local@domain without brackets and source route, quotes only
                                  where they are needed; or "postmaster" alone, small */
    uint64_t size;             /* RCPT, BEGIN: declared by SIZE=, 0 for unknown */
    unsigned recipient;        /* RCPT: its index from 0, as in SEALED */
    unsigned recipients;       /* BEGIN, SEAL: how many were accepted */
    bool utf8;                 /* RCPT, BEGIN: SMTPUTF8 was given */
    const struct pf_xclient *xclient; /* XCLIENT; its helo is what BEGIN will show */
    const char *close;         /* CLOSE: why, for the log: "quit", "eof", "idle", "stall", "bad", "tls", "memory",
                                  "shutdown", "smuggle" (input pipelined behind STARTTLS) */
};

enum pf_lmtp_tell_kind {
    PF_LMTP_TELL_RCPT,   /* PF_OK, or NO_USER, OVER_QUOTA, TEMP, … by the table of verdicts */
    PF_LMTP_TELL_BEGUN,
    PF_LMTP_TELL_SEALED, /* for `recipient`: PF_OK when durable */
    PF_LMTP_TELL_TLS,
    PF_LMTP_TELL_XCLIENT
};

struct pf_lmtp_tell {
    enum pf_lmtp_tell_kind kind;
    struct pf_err err;
    unsigned recipient;
};

/* NULL without memory. `tls` says that TLS is active already. */
struct pf_lmtp_server *pf_lmtp_server_new(const struct pf_lmtp_server_settings *, bool tls, pf_time now);
void pf_lmtp_server_free(struct pf_lmtp_server *);

/* XCLIENT is offered, for the peer is a proxy whose word counts. Before the first lend. Behind it the client says
 * LHLO anew, and there is no STARTTLS: what was said in front of TLS must not be believed. */
void pf_lmtp_server_xclient(struct pf_lmtp_server *);

/* These doors are those of pop3_server.h. Without a lent buffer no command is taken; a message's text
 * is. A buffer can be taken back while text comes in and the 354 was sent. */
void pf_lmtp_server_lend(struct pf_lmtp_server *, unsigned char *at, size_t cap);
bool pf_lmtp_server_unlend(struct pf_lmtp_server *);
size_t pf_lmtp_server_feed(struct pf_lmtp_server *, struct pf_bytes in, pf_time now);
void pf_lmtp_server_eof(struct pf_lmtp_server *, pf_time now);
void pf_lmtp_server_shutdown(struct pf_lmtp_server *, pf_time now); /* 421 4.3.2 */
bool pf_lmtp_server_ask(struct pf_lmtp_server *, struct pf_lmtp_ask *out_ask);
void pf_lmtp_server_tell(struct pf_lmtp_server *, const struct pf_lmtp_tell *, pf_time now);
struct pf_bytes pf_lmtp_server_out(const struct pf_lmtp_server *);
void pf_lmtp_server_sent(struct pf_lmtp_server *, size_t n, pf_time now);
pf_time pf_lmtp_server_deadline(const struct pf_lmtp_server *);

/* True inside of a message that may still be delivered: feed_text is to be called instead of feed. */
bool pf_lmtp_server_wants_text(const struct pf_lmtp_server *);
/* Takes the message's octets of `in` and puts its text behind what lies in `into`, in one pass; returns
 * the octets taken of `in`: fewer when `into` is full (lend a new one) or the message ended. The
 * caller writes what it got before it carries out the next question, which may be SEAL. A piece that
 * breaks a rule gives nothing, and DROP. With in.len 0 it only looks at the clock; a caller that is busy
 * writing a piece need not call it: the client's time counts from the octets taken last. When no text
 * is wanted it does what feed does. */
size_t pf_lmtp_server_feed_text(struct pf_lmtp_server *, struct pf_bytes in, struct pf_span *into,
                                pf_time now);
/* A parcel failed in the middle for all recipients: the rest of the text is read and dropped, the
 * reply to each is this. Any time from BEGUN until SEAL is shown; later the tell SEALED says it. DROP follows.
 * (A parcel that fails for one recipient only is that one's SEALED.) */
void pf_lmtp_server_text_failed(struct pf_lmtp_server *, const struct pf_err *, pf_time now);

PF_PUBLIC_END

#endif
