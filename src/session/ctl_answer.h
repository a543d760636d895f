/* What a caller of ctl is told: a text that grows, and what makes it. */
#ifndef POSTFACH_SESSION_CTL_ANSWER_H
#define POSTFACH_SESSION_CTL_ANSWER_H

#include "proto/ctl_words.h"
#include "session/ctl.h"

enum { PF_CTL_ANSWER_MAX = 64 * 1024 * 1024 /* a line for each of 200,000 sessions */ };

struct pf_ctl_answer {
    char *at; /* or NULL */
    size_t len, room;
    bool failed; /* there was no memory */
};

struct pf_ctl {
    struct pf_ctl_parts parts;
    struct pf_ctl_caller *callers;
    unsigned count;
};

/* Puts a line and LF. */
void pf_ctl_put(void *answer, const char *line);
/* The answer to a line of the control socket, with its dot. */
void pf_ctl_answer(struct pf_ctl *, struct pf_bytes line, struct pf_ctl_answer *);
/* The answer to a request for figures. */
void pf_ctl_answer_http(struct pf_ctl *, enum pf_ctl_status, struct pf_ctl_answer *);
void pf_ctl_answer_done(struct pf_ctl_answer *);

#endif
