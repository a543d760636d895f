/* The carrier inside: what its kinds share. Blocking code is right here: it is a process of its own. */
#ifndef POSTFACH_FETCH_CARRY_PRIVATE_H
#define POSTFACH_FETCH_CARRY_PRIVATE_H

#include "fetch/carry.h"

#include <postfach/dot.h>

/* The program: words as place_spawn.c gives them. The exit status. */
int pf_carry_main(int argc, char **argv);

/* ms, monotonic. */
pf_time pf_carry_now(void);

/* What an exit status of a command (0 to 255) means: PF_OK, PF_PERM or PF_TEMP. */
enum pf_code pf_carry_exit(int status);

/* A conversation with a mail server: lines out, replies in, every wait with an end. */
struct pf_carry_link {
    int fd;         /* -1: none */
    const char *to; /* for errors */
    char in[4096];  /* longer lines are cut */
    size_t in_len, in_at;
};

struct pf_carry_reply {
    int code;                  /* 250; 0: there is none */
    char text[PF_ERR_LOG / 2]; /* of the last line */
};

/* "HOST:PORT", "[ADDRESS]:PORT" or "unix:/PATH". */
enum pf_code pf_carry_link_open(struct pf_carry_link *, const char *to, struct pf_err *);
void pf_carry_link_close(struct pf_carry_link *);
/* PF_AGAIN: the line is gone, or the server is silent. */
enum pf_code pf_carry_link_send(struct pf_carry_link *, struct pf_bytes, pf_time wait, struct pf_err *);
/* One line of a reply without its end; `more` when others follow. PF_SYNTAX: it is none. */
enum pf_code pf_carry_link_line(struct pf_carry_link *, struct pf_carry_reply *, bool *out_more,
                                pf_time wait, struct pf_err *);
/* All lines of one. */
enum pf_code pf_carry_link_reply(struct pf_carry_link *, struct pf_carry_reply *, pf_time wait,
                                 struct pf_err *);
/* What the server said to `what`, as an error. */
enum pf_code pf_carry_link_said(const struct pf_carry_link *, const struct pf_carry_reply *,
                                const char *what, enum pf_code, struct pf_err *);

#endif
