/* A message on its way out: RETR, and TOP, which cuts it by lines.
 *
 * The one place that writes the final dot. It is written when the store
 * vouched for the whole body and the octets are those of the listing (RFC
 * 1939 section 11), or, for TOP, when the lines asked for are complete. */
#ifndef POSTFACH_PROTO_SERVER_BODY_H
#define POSTFACH_PROTO_SERVER_BODY_H

#include <postfach/dot.h>
#include <postfach/err.h>

struct pf_pop3_server;

/* Where TOP ends: behind `lines` lines that follow the first empty one. */
struct pf_server_cut {
    uint64_t lines; /* still wanted behind the header */
    bool in_body;
    bool done;
    bool first_cr;      /* the line under way begins with CR */
    unsigned char seen; /* octets of the line under way; 2 is "two or more" */
};

struct pf_server_body {
    struct pf_dot dot;
    struct pf_server_cut cut;
    uint64_t promised;
    uint32_t index;
    bool top;
    bool headers_only;   /* TOP n 0: ends with an empty line in any case */
    bool half_dot;       /* clean: a line began with one dot, a second must follow */
    enum pf_code fault;  /* what was wrong with the octets, or PF_OK */
};

/* Octets of `in` up to where TOP ends, or all. */
size_t pf_server_cut_scan(struct pf_server_cut *, struct pf_bytes in);

/* Writes the "+OK" (held back) and asks for the body. */
void pf_server_body_start(struct pf_pop3_server *, uint32_t index);
void pf_server_body_start_top(struct pf_pop3_server *, uint32_t index, uint64_t lines);
/* The store's answer. */
void pf_server_body_told(struct pf_pop3_server *, const struct pf_err *);
/* Writes the end of a message that was vouched for. */
void pf_server_body_finish(struct pf_pop3_server *);

#endif
