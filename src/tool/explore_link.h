/* The line of `postfach explore` to its server: who wants something is asked for it when there is room.
 *
 * A reach (fetch/reach.h) is made, the maildrop listed, and then `next` is asked for wishes, one after
 * the other, as long as few enough are on their way: so what a person looks at now overtakes the
 * thousand heads that may come later. An idle line is kept alive by NOOP. A line that broke is told by
 * `gone`; its owner says when it is to be tried again. Nothing is deleted but by a wish. */
#ifndef POSTFACH_TOOL_EXPLORE_LINK_H
#define POSTFACH_TOOL_EXPLORE_LINK_H

#include "fetch/reach.h"
#include "tool/client.h"

enum pf_explore_wish_kind {
    PF_EXPLORE_WISH_HEAD,
    PF_EXPLORE_WISH_PREVIEW, /* TOP with PF_EXPLORE_PREVIEW lines */
    PF_EXPLORE_WISH_LETTER,  /* RETR */
    PF_EXPLORE_WISH_DELETE,
    PF_EXPLORE_WISH_QUIT,
    PF_EXPLORE_WISH_NOOP /* the link's own */
};

enum {
    PF_EXPLORE_PREVIEW = 40,        /* lines */
    PF_EXPLORE_FLIGHT = 32,         /* wishes on their way: a screen of heads */
    PF_EXPLORE_TOP_MAX = 256 * 1024 /* octets of a TOP that are kept; servers have lines without end */
};

struct pf_explore_wish {
    enum pf_explore_wish_kind kind;
    uint64_t number, octets; /* octets: by LIST, for a letter */
};

struct pf_explore_link_calls {
    void (*ready)(void *self); /* logged in; what comes now is a new list */
    void (*row)(void *self, uint64_t number, uint64_t octets);
    void (*uid)(void *self, uint64_t number, struct pf_bytes uid);
    void (*listed)(void *self);                            /* it is whole */
    bool (*next)(void *self, struct pf_explore_wish *out); /* false: nothing is wanted now */
    void (*piece)(void *self, const struct pf_explore_wish *, struct pf_bytes); /* of a letter */
    /* Each wish ends once. text: of a head or preview. */
    void (*ended)(void *self, const struct pf_explore_wish *, const struct pf_heard *,
                  struct pf_bytes text);
    void (*gone)(void *self, const struct pf_err *); /* may call pf_explore_link_call_at */
    void (*said)(void *self, bool by_us,
                 const char *line); /* for people who want to see it; not yet safe */
};

struct pf_explore_link;

struct pf_explore_link *pf_explore_link_new(struct pf_client *, const struct pf_account *,
                                            pf_time keep_alive, const struct pf_explore_link_calls *,
                                            void *self);
/* Calls anew after so many ms, whatever there was before; 0: on the next turn. */
void pf_explore_link_call_in(struct pf_explore_link *, pf_time ms);
/* There may be new wishes. */
void pf_explore_link_poke(struct pf_explore_link *);
/* Logged in and listed. */
bool pf_explore_link_is_up(const struct pf_explore_link *);
/* A call is under way, or ready. */
bool pf_explore_link_is_calling(const struct pf_explore_link *);
/* When the next call is; 0: none is set. */
pf_time pf_explore_link_call_time(const struct pf_explore_link *);
/* What is known of the server: "192.0.2.1:995 TLSv1.3 SCRAM-SHA-256". */
const char *pf_explore_link_server(const struct pf_explore_link *);
const char *pf_explore_link_who(const struct pf_explore_link *);
void pf_explore_link_free(struct pf_explore_link *); /* NULL is allowed */

#endif
