/* The probe behind a login: what a maildrop says about itself, by a call (session/call.h) that checked
 * the certificate before it said a name. It reads; it never deletes, and nothing of a message is shown.
 */
#ifndef POSTFACH_TOOL_PROBE_MAIL_H
#define POSTFACH_TOOL_PROBE_MAIL_H

#include "tool/client.h"
#include "tool/probe_parts.h"

enum {
    PF_PROBE_SAMPLE = 16, /* messages that are fetched at most */
    PF_PROBE_MESSAGES =
        65536 /* messages whose ids are compared: larger maildrops are looked at in part */
};

struct pf_probe_message {
    uint64_t number, told; /* octets by LIST */
    char uid[72];          /* by UIDL; "" for none */
};

/* A message that was fetched. */
struct pf_probe_sample {
    uint64_t number, told, came;
    struct pf_probe_answer retr, top, list, uidl;
    uint64_t top_octets, top_body; /* TOP n 0: all of it, behind the header */
    bool top_blank;                /* the empty line between the two was there */
    uint64_t list_octets;          /* LIST n */
    char uid[72];                  /* UIDL n */
};

struct pf_probe_mail {
    const char *who;
    struct pf_err err; /* why there was no login, or how the session ended */
    bool in;
    struct pf_call_facts facts;
    char mechanism[64], checked[16];
    struct pf_probe_answer stat, list, uidl, last, noop, beyond, quit, ahead[4];
    double noop_ms;
    uint64_t stat_count, stat_octets, list_sum, last_number;
    struct pf_probe_message *messages;
    size_t count, uid_count, stray; /* lines of LIST; of UIDL; of UIDL whose number LIST has not */
    char stray_line[PF_PROBE_LINE], bad_uid[PF_PROBE_LINE];
    struct pf_probe_sample sample[PF_PROBE_SAMPLE];
    size_t sample_count;
    bool pipelining; /* offered */
    unsigned odd;
};

/* A visit with a login. The door has `mail`, all zero, and gets its capabilities. */
void pf_probe_mail_visit(struct pf_probe_door *, struct pf_client *, const struct pf_account *);
void pf_probe_mail_free(struct pf_probe_mail *); /* NULL is allowed */

#endif
