/* Deadlines. The engine has no clock: every door tells it the time, and only feed acts on it. */
#ifndef POSTFACH_PROTO_LMTP_TIME_H
#define POSTFACH_PROTO_LMTP_TIME_H

#include <postfach/lmtp_server.h>

/* The time is `now`: closes when a deadline has passed. */
void pf_lmtp_tick(struct pf_lmtp_server *, pf_time now);

#endif
