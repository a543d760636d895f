/* What a caller of ctl is told: from a request to what is asked of the source, and from its answer to a text. */
#ifndef POSTFACH_SESSION_CTL_ANSWER_H
#define POSTFACH_SESSION_CTL_ANSWER_H

#include "proto/ctl_words.h"
#include "session/ctl_source.h"

/* Fills what is to be asked; false: nothing, and the answer stands in `out` already. */
bool pf_ctl_wish(const struct pf_ctl_request *, struct pf_ctl_ask *, struct pf_ctl_text *out);
/* The answer to a line of the control socket, with its dot. */
void pf_ctl_answer(enum pf_ctl_word, struct pf_ctl_ask *, struct pf_ctl_text *out);
/* The answer to a request for figures; `ask` is NULL when they are not to be told. */
void pf_ctl_answer_http(enum pf_ctl_status, struct pf_ctl_ask *, struct pf_ctl_text *out);

#endif
