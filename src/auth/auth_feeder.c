#include "auth/auth_feeder.h"

#include <assert.h>
#include <stdlib.h>

struct pf_auth_feeder {
    struct pf_later later; /* the first member */
    struct pf_loop *loop;  /* NULL: given up while queued */
    struct pf_auth_check *first;
};

/* One a turn: an answer may bring the next question. */
static void feed(struct pf_later *turn)
{
    struct pf_auth_feeder *feeder = (struct pf_auth_feeder *)turn;
    struct pf_auth_check *check = feeder->first;

    if (!feeder->loop)
        free(feeder);
    if (!check)
        return;
    feeder->first = check->state;
    if (feeder->first)
        pf_loop_later(feeder->loop, &feeder->later);
    check->state = NULL;
    check->user = (struct pf_user){0};
    check->more = check->spent = false; /* whatever the step before said */
    check->challenge = (struct pf_bytes){0};
    pf_fail(&check->err, PF_TEMP, 0, "auth", "no memory for a login");
    check->done(check);
}

struct pf_auth_feeder *pf_auth_feeder_new(struct pf_loop *loop)
{
    struct pf_auth_feeder *feeder = calloc(1, sizeof *feeder);

    if (feeder)
        *feeder = (struct pf_auth_feeder){.later.run = feed, .loop = loop};
    return feeder;
}

void pf_auth_feeder_free(struct pf_auth_feeder *feeder)
{
    assert(!feeder || !feeder->first);
    if (feeder && feeder->later.queued)
        feeder->loop = NULL;
    else
        free(feeder);
}

void pf_auth_feeder_add(struct pf_auth_feeder *feeder, struct pf_auth_check *check)
{
    check->state = feeder->first;
    feeder->first = check;
    if (!feeder->later.queued)
        pf_loop_later(feeder->loop, &feeder->later);
}

bool pf_auth_feeder_remove(struct pf_auth_feeder *feeder, struct pf_auth_check *check)
{
    struct pf_auth_check *at = feeder->first;

    if (at == check) {
        feeder->first = check->state;
        return true;
    }
    while (at && at->state != check)
        at = at->state;
    if (at)
        at->state = check->state;
    return at != NULL;
}
