/* What every shape of the server says to its administrator, and where: at the prompt, in the log, in its files. */
#ifndef POSTFACH_ROLE_SAY_H
#define POSTFACH_ROLE_SAY_H

#include "base/log.h"
#include "conf/conf.h"
#include "role/listeners.h"
#include "sys/tls.h"

/* To stderr; the exit status. */
int pf_say_failure(const struct pf_err *);
/* For pf_conf_read at the prompt. */
void pf_say_mistake(void *self, const struct pf_conf_mistake *);
/* Of settings that are read anew: one event. */
void pf_say_reload_mistake(struct pf_log *, const struct pf_conf_mistake *);
/* One event with its reason. */
void pf_say_event(struct pf_log *, enum pf_event, const struct pf_err *);
/* What was loaded, an event for each certificate; `tls` may be NULL. */
void pf_say_certificates(struct pf_log *, const struct pf_tls *tls);
/* The ports, in the log and in port-file; then that the server is ready. */
enum pf_code pf_say_start(const struct pf_conf *, const struct pf_listeners *, struct pf_log *, struct pf_err *err);
/* pid-file, where there is one. */
enum pf_code pf_say_pid(const struct pf_conf *, struct pf_err *err);

#endif
