/* Setup: from settings to parts. What `postfachd --single` and `postfachd check` both need. */
#ifndef POSTFACH_ROLE_SETUP_H
#define POSTFACH_ROLE_SETUP_H

#include "auth/auth.h"
#include "base/log.h"
#include "conf/conf.h"
#include "store/store.h"
#include "sys/pool.h"
#include "sys/tls.h"

/* The certificates, and the profiles of listeners; *out_tls is NULL with PF_OK when the settings name none. */
enum pf_code pf_setup_tls(const struct pf_conf *, struct pf_tls_tickets *, struct pf_tls **out_tls,
                          struct pf_err *err);
/* The back end: maildrops of every kind (store/kinds.h), lifted into the pool; traced into the log
 * when it wants debug lines, and sifted by recipient with `sdps`. */
struct pf_store *pf_setup_store(const struct pf_conf *, struct pf_loop *, struct pf_pool *,
                                struct pf_log *, struct pf_err *err);
/* True when a store made for `a` does not fit `b`. */
bool pf_setup_store_differs(const struct pf_conf *a, const struct pf_conf *b);
/* Who is a recipient, in `room`; NULL when no listener takes mail. */
const struct pf_lookup_settings *pf_setup_lookup(struct pf_conf *, struct pf_lookup_settings *room);
struct pf_log *pf_setup_log(const struct pf_conf *, struct pf_err *err);
bool pf_setup_log_differs(const struct pf_conf *a, const struct pf_conf *b);

#endif
