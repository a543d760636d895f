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
 * Laws:
 *   - While a question is open, or text waits to be taken, no input is taken.
 *   - 250 behind the text is written per recipient, in RCPT order, only after
 *     tell SEALED with PF_OK for that recipient (L-008, L-011); each as soon as it
 *     is known and those before it are.
 *   - A message whose end did not come, whose octets exceed the limit, or that breaks
 *     the rules of the wire is never sealed: the engine asks DROP instead (L-020).
 *   - Only CRLF . CRLF ends DATA (S-007). A bare LF or a lone CR in the text is refused with
 *     550 5.5.2 behind the end, unless the settings take it (S-008).
 *   - Every reply but the greeting, the answer to LHLO and 3xx has an enhanced status whose
 *     first digit is that of the reply (S-022).
 * With `smtp` set the engine greets and answers as SMTP: EHLO and HELO, one reply behind
 * the text for all recipients (the worst of theirs decides), STARTTLS. */
#ifndef POSTFACH_LMTP_SERVER_H
#define POSTFACH_LMTP_SERVER_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_lmtp_server;

struct pf_lmtp_server_settings {
    const char *hostname;
    bool smtp;                  /* SMTP's words instead of LMTP's */
    bool starttls;              /* offered and possible */
    bool bare_ends;             /* take bare LF and CR in text (local sockets) */
    uint64_t size_max;          /* octets of a message (S-028); 0: no limit */
    unsigned recipients_max;    /* >= 100 (S-004) */
    size_t line_max;            /* command line with CRLF, 4096 (S-001) */
    unsigned bad_max;           /* errors in a row that end the session */
    pf_time idle_time;          /* >= 300,000 ms (S-005) */
    pf_time stall_time;
};

void pf_lmtp_server_settings_init(struct pf_lmtp_server_settings *out_settings);

enum pf_lmtp_ask_kind {
    PF_LMTP_ASK_RCPT,  /* may `address` receive?                       -> tell RCPT */
    PF_LMTP_ASK_BEGIN, /* make parcels for the recipients accepted     -> tell BEGUN (PF_OK or for all) */
    PF_LMTP_ASK_SEAL,  /* the text is whole: seal each parcel          -> tell SEALED, once per recipient */
    PF_LMTP_ASK_DROP,  /* forget the parcels and the recipients; has no answer */
    PF_LMTP_ASK_TLS,   /* start TLS when `out` is empty                -> tell TLS */
    PF_LMTP_ASK_CLOSE  /* flush, then close; has no answer */
};

/* Views point into the engine and live until the tell (BEGIN: until DROP or the last SEALED). */
struct pf_lmtp_ask {
    enum pf_lmtp_ask_kind kind;
    struct pf_bytes helo;      /* BEGIN: what the client called itself */
    struct pf_bytes sender;    /* RCPT, BEGIN: the reverse path without brackets, may be empty */
    struct pf_bytes address;   /* RCPT: local@domain without brackets and source route; "postmaster" alone */
    uint64_t size;             /* RCPT, BEGIN: declared by SIZE=, 0 for unknown */
    unsigned recipient;        /* RCPT: its index from 0, as in SEALED */
    unsigned recipients;       /* BEGIN, SEAL: how many were accepted */
    bool utf8;                 /* BEGIN: SMTPUTF8 was given */
    const char *close;         /* CLOSE: why, for the log: "quit", "eof", "idle", "stall", "bad", "tls", "memory" */
};

enum pf_lmtp_tell_kind {
    PF_LMTP_TELL_RCPT,   /* PF_OK, or NO_USER, OVER_QUOTA, TEMP, … by the table of verdicts */
    PF_LMTP_TELL_BEGUN,
    PF_LMTP_TELL_SEALED, /* for `recipient`: PF_OK when durable */
    PF_LMTP_TELL_TLS
};

struct pf_lmtp_tell {
    enum pf_lmtp_tell_kind kind;
    struct pf_err err;
    unsigned recipient;
};

struct pf_lmtp_server *pf_lmtp_server_new(const struct pf_lmtp_server_settings *, bool tls, pf_time now);
void pf_lmtp_server_free(struct pf_lmtp_server *);

/* As in pop3_server.h. */
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

/* Text of the message that the last feed un-stuffed: what lies in `into`, which the caller lends with
 * feed_text instead of feed while text is expected (pf_lmtp_server_wants_text): octets go from `in` into
 * `into` in one pass. Returns octets taken of `in`. */
bool pf_lmtp_server_wants_text(const struct pf_lmtp_server *);
size_t pf_lmtp_server_feed_text(struct pf_lmtp_server *, struct pf_bytes in, struct pf_span *into,
                                pf_time now);
/* A parcel failed in the middle for all recipients: the rest of the text is read and dropped, the
 * reply to each is this. */
void pf_lmtp_server_text_failed(struct pf_lmtp_server *, const struct pf_err *, pf_time now);

#endif
