/* Deadlines. The engine has no clock: every door tells it the time, and only
 * feed acts on it. */
#ifndef POSTFACH_PROTO_SERVER_TIME_H
#define POSTFACH_PROTO_SERVER_TIME_H

#include <postfach/pop3_server.h>

/* The time is `now`: closes when a deadline has passed. */
void pf_server_tick(struct pf_pop3_server *, pf_time now);

#endif
