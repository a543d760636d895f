/* One step of a mechanism, and what it asks about users (struct pf_exchange_world). */
#ifndef POSTFACH_AUTH_AUTH_SASL_H
#define POSTFACH_AUTH_AUTH_SASL_H

#include "auth/auth_work.h"

/* An exchange from its first step on. NULL without memory. On the loop, like free. */
struct pf_auth_talk *pf_auth_talk_new(struct pf_auth_tables *, const char *mechanism, const struct pf_auth_link *);
struct pf_auth_tables *pf_auth_talk_tables(const struct pf_auth_talk *);
/* An earlier step told the client that the answer is no. */
bool pf_auth_talk_refused(const struct pf_auth_talk *);
const char *pf_auth_talk_mechanism(const struct pf_auth_talk *);
void pf_auth_talk_free(struct pf_auth_talk *); /* NULL is allowed */

enum pf_exchange_step pf_auth_sasl_step(struct pf_auth_work *, struct pf_exchange_told *out_told,
                                        struct pf_err *err);
/* Bits by the index of pf_exchange_mechanisms: those that the settings allow, that some user can use, and that
 * the connection has what they need for. */
uint64_t pf_auth_sasl_offer(const struct pf_auth_tables *, const struct pf_auth_link *);
/* With channel binding data, -PLUS could be offered. */
bool pf_auth_sasl_binds(const struct pf_auth_tables *);
/* Every name in the settings' list is one of a mechanism; else PF_CONFIG. */
enum pf_code pf_auth_sasl_known(const char *list, struct pf_err *err);
/* A step of it neither blocks nor computes. */
bool pf_auth_sasl_light(const char *mechanism);

#endif
