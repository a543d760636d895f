/* The probe's talk: the client engine (postfach/pop3_client.h) over a probe's line, a question at a
 * time.
 *
 * What came is collected in answers: how a command ended, what was odd, the lines, the time. Answers of
 * the second kind of talk, a call that logged in (tool/probe_mail.c), are collected by the same hand. */
#ifndef POSTFACH_TOOL_PROBE_TALK_H
#define POSTFACH_TOOL_PROBE_TALK_H

#include "tool/probe_link.h"
#include <postfach/pop3_client.h>

enum {
    PF_PROBE_LINES = 64, /* capabilities: some twenty are told */
    PF_PROBE_LINE = 256  /* octets of a line that are shown */
};

/* Escaped. */
struct pf_probe_lines {
    size_t count;
    char at[PF_PROBE_LINES][PF_PROBE_LINE];
};

struct pf_probe_answer {
    enum pf_end end;
    enum pf_lost lost;
    enum pf_code code;
    bool coded; /* by a response code */
    unsigned odd;
    double ms;
    char text[PF_PROBE_LINE]; /* escaped */
};

struct pf_probe_talk {
    struct pf_probe_link *link;
    struct pf_pop3_client *engine;
    struct pf_pop3_client_settings set;
    unsigned char in[4096];
    size_t in_len; /* came and not fed yet */
    bool greeted, tls_asked, lost;
    enum pf_lost why;             /* lost */
    unsigned odd;                 /* all of it */
    struct pf_probe_lines *lines; /* where the lines of an answer go; NULL: nowhere */
    struct pf_probe_answer greeting;
    struct pf_probe_answer *answers;
    size_t awaited; /* answers that are not there yet */
};

/* Takes a line; its engine begins. `ahead`: commands are sent without waiting, whatever CAPA says. False
 * without memory. The talk must stay where it is. */
bool pf_probe_talk_init(struct pf_probe_talk *, struct pf_probe_link *, bool tls, bool ahead);
/* Closes the line, too. Also of a talk that is all zero. */
void pf_probe_talk_done(struct pf_probe_talk *);

/* Waits for the greeting; false when none came that an engine goes on with. */
bool pf_probe_greet(struct pf_probe_talk *);
/* Says n commands and waits for all of their answers; false when one of them is CUT or UNSENT. */
bool pf_probe_ask(struct pf_probe_talk *, const struct pf_pop3_command *, size_t n,
                  struct pf_probe_answer *out);
/* A line that is not known as a command. */
struct pf_pop3_command pf_probe_raw(const char *line);
/* STLS and the handshake. */
bool pf_probe_stls(struct pf_probe_talk *, const struct pf_probe_tls_wish *, struct pf_probe_answer *out,
                   struct pf_err *err);
/* An event, put to where it belongs. */
void pf_probe_collect(const struct pf_heard *, struct pf_probe_answer *, struct pf_probe_lines *);

#endif
