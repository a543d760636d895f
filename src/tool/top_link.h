/* A question of `postfach top` to the server: asked without waiting, since there are keys to be heard meanwhile.
 *
 * Each question has a connection of its own, so that a server that was started
 * again is found by the next one. */
#ifndef POSTFACH_TOOL_TOP_LINK_H
#define POSTFACH_TOOL_TOP_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct pf_top_link { /* .fd = -1: nothing is asked */
    int fd;
    char *text;
    size_t len, room;
};

/* Begins; false and *out_why when nobody can be asked. */
bool pf_top_link_ask(struct pf_top_link *, const char *path, const char *request, const char **out_why);
/* Reads on when the descriptor is readable. True at the end of the answer, which is *out_text then, to be freed, with
 * a NUL behind it; *out_text NULL: it broke off. */
bool pf_top_link_read(struct pf_top_link *, char **out_text, size_t *out_len);
void pf_top_link_drop(struct pf_top_link *);

#endif
