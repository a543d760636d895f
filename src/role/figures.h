/* A child's answers to the desk (session/desk_serve.h): who is here, and what was counted. */
#ifndef POSTFACH_ROLE_FIGURES_H
#define POSTFACH_ROLE_FIGURES_H

#include "role/child.h"
#include "session/desk_serve.h"

struct pf_figures {
    struct pf_desk_serve_parts parts; /* the role sets what it has beside loop, role and stats */
    struct pf_desk_serve *serve;      /* NULL: no desk has come yet */
};

enum pf_code pf_figures_init(struct pf_figures *, struct pf_child *, struct pf_err *err);
/* A desk; one that was there before is left. fd is taken over. */
void pf_figures_desk(struct pf_figures *, struct pf_child *, int fd);
/* Tells the last ones, before the loop ends. */
void pf_figures_end(struct pf_figures *);
void pf_figures_free(struct pf_figures *);

#endif
