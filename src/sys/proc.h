/* The process: who we are and what we may use. */
#ifndef POSTFACH_SYS_PROC_H
#define POSTFACH_SYS_PROC_H

#include <postfach/err.h>
#include <stddef.h>

/* Becomes `user` for good (groups, gid, uid; checked that there is no way back). Nothing to do
 * when we are that user already. */
enum pf_code pf_proc_become(const char *user, struct pf_err *err);
/* Raises RLIMIT_NOFILE to what `descriptors` needs, as far as allowed; returns what we have now. */
size_t pf_proc_descriptors(size_t descriptors);
/* No core dumps with passwords in them; PR_SET_DUMPABLE off, no new privileges. */
void pf_proc_harden(void);
/* The machine's host name, qualified where the resolver knows it without asking the network. */
void pf_proc_hostname(char *out_name, size_t cap);

#endif
