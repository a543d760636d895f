/* The page that renews itself, and its keys. */
#ifndef POSTFACH_TOOL_TOP_LIVE_H
#define POSTFACH_TOOL_TOP_LIVE_H

#include "tool/top_link.h"
#include "tool/top_view.h"

/* Until it is left; false when there is no terminal that can be used. */
bool pf_top_live(struct pf_top_view *, int *out_status);
/* "2", "0.5": seconds between two looks; false when it is none of 0.2 to 3600. */
bool pf_top_interval(const char *text, double *out_seconds);

#endif
