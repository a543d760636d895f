/* A text that grows: what a caller of ctl is told, and what he is told it from. */
#ifndef POSTFACH_SESSION_CTL_TEXT_H
#define POSTFACH_SESSION_CTL_TEXT_H

#include <postfach/bytes.h>

enum { PF_CTL_TEXT_MAX = 64 * 1024 * 1024 /* a line for each of 200,000 sessions */ };

struct pf_ctl_text { /* begins as zero */
    char *at; /* or NULL */
    size_t len, room;
    bool failed; /* there was no memory, or it was too long: what is here is not all */
};

/* Puts a line and LF; a void pointer, since many are given this function. */
void pf_ctl_put(void *text, const char *line);
void pf_ctl_put_bytes(struct pf_ctl_text *, struct pf_bytes);
struct pf_bytes pf_ctl_text_bytes(const struct pf_ctl_text *);
/* Frees what is in it; it is empty then. */
void pf_ctl_text_done(struct pf_ctl_text *);

#endif
