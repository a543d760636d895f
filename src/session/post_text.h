/* The text of a message on its way into a store.
 *
 * What comes in by LMTP has CRLF line ends, what comes from a pipe has either
 * kind; what is stored has LF, as Maildirs have it everywhere. A CR that no LF
 * follows is an octet like others. Return-Path fields at the very top were put
 * there by an earlier final delivery, and go (RFC 5321 section 4.4); below the
 * first other field nothing is changed, since a signature may cover it.
 *
 * On the way the head is looked at: Delivered-To fields are told to a
 * function, so that a recipient who had this message before is seen (a loop),
 * and Received fields are counted (RFC 5321 section 6.3 asks for a limit of at
 * least 100). The first Message-ID is kept for the journal. The head ends at the first empty line, or at the first
 * line that is no field: a text without a head has no fields in it.
 *
 * What is put in front of the text stands here too. */
#ifndef POSTFACH_SESSION_POST_TEXT_H
#define POSTFACH_SESSION_POST_TEXT_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_POST_HELD = 16,          /* octets that may wait for what follows them */
    PF_POST_RECEIVED_MAX = 100, /* a message with more goes in circles */
    PF_POST_ID_MAX = 998,       /* a Message-ID is no longer than a line (RFC 5322 section 2.1.1) */
    PF_POST_FIELD_MAX = PF_POST_ID_MAX + 30, /* of a field that is looked at: with its name and some blanks */
    PF_POST_HEAD_MAX = 16384    /* three addresses of a command line's length, and names */
};

struct pf_post_text {
    /* Set by the caller, behind pf_post_text_init. */
    void (*delivered_to)(void *self, struct pf_bytes address); /* its view lives during the call */
    void *self;
    bool from_line;      /* a first line that begins with "From " is mbox's, and is dropped */
    bool below_received; /* tell only of those Delivered-To that a Received stands above of: those on
                          * top are from the program that calls us (Postfix: flags=D) */
    /* Read by the caller. */
    unsigned received;
    size_t message_id_len; /* 0: there was none */
    unsigned char message_id[PF_POST_ID_MAX]; /* with its brackets, or what stood in their place */
    bool body; /* the head is over */
    /* Private. */
    bool cr, top, deciding, dropping, first_line, continued;
    size_t line_len, field_len, held_len;
    const char *pattern;
    unsigned char held[PF_POST_HELD], field[PF_POST_FIELD_MAX];
};

void pf_post_text_init(struct pf_post_text *);
/* Puts what can be told of `in` into `out`, which has room for in.len + PF_POST_HELD octets. */
void pf_post_text_put(struct pf_post_text *, struct pf_bytes in, struct pf_span *out);
/* What still waited; room for PF_POST_HELD octets. */
void pf_post_text_end(struct pf_post_text *, struct pf_span *out);

/* What goes before the text. */
struct pf_post_envelope {
    struct pf_bytes sender;    /* reverse path without brackets; empty is kept as <> (S-012) */
    struct pf_bytes helo;      /* what the client called itself */
    const char *peer;          /* its address, or "unix" */
    const char *hostname;      /* ours */
    const char *with;          /* "LMTP", "UTF8LMTPS" (RFC 3848, RFC 6531); NULL: no Received is written */
    const char *id;
    int64_t now;               /* seconds since 1970 */
    bool alone;                /* only one recipient: Received may name it */
    unsigned quota_warning;    /* percent of a quota; 0: nobody is warned. With it, hostname lives until the
                                * post is gone */
};

/* Return-Path, Delivered-To, Received; PF_TOO_LONG when it does not fit into PF_POST_HEAD_MAX octets.
 * Control octets in what strangers gave become '?'. */
enum pf_code pf_post_head(const struct pf_post_envelope *, struct pf_bytes recipient,
                          struct pf_span *out, struct pf_err *err);

/* Where the fault is ours and a person can mend it (a folder that is missing or may not be written, a wrong
 * setting), mail must wait instead of going back to its sender: such a verdict becomes PF_TEMP, the
 * text for the administrator stays. Others stay as they are. */
void pf_post_soften(struct pf_err *err);
/* A full maildrop becomes PF_FULL, for good, where the settings want such mail to go back to its sender. */
void pf_post_bounce(struct pf_err *err, bool bounce);
/* The date of RFC 5322 section 3.3, in UTC. */
bool pf_post_date(struct pf_span *, int64_t now);
/* Fills err with PF_LOOP, for a message that was here before. */
enum pf_code pf_post_loop(struct pf_err *err, const char *why);

#endif
