/* The maildrop on a screen, until the person leaves it. */
#ifndef POSTFACH_TOOL_EXPLORE_LIVE_H
#define POSTFACH_TOOL_EXPLORE_LIVE_H

#include "tool/client.h"
#include "tool/explore_list.h"

struct pf_explore_settings {
    struct pf_client *client;
    const struct pf_account *account;
    pf_time keep_alive; /* ms between two words to an idle server; 0: it is left alone */
    enum pf_explore_sort sort;
};

/* Everything is told; the exit status. */
int pf_explore_live(const struct pf_explore_settings *);

#endif
