/* The jail: a role's sandbox (sys/sandbox.h) as the settings in force need it.
 *
 * sandbox.h knows calls and paths, and no mail. Here is said which paths that are:
 *
 *   store   the folders above all maildrops: each template of `mail path` and of the domains up to its first %, those
 *           of `mail roots`, and state-folder; to be written to. A maildrop elsewhere, which a user data base may name,
 *           is refused by the kernel, and the error says what to do (store/kinds.c)
 *   auth    the folder of every file that users are read from, since files are replaced by rename; to be written to
 *           only where login-record and SQLite's databases are; and where sources are asked over the network or by the
 *           system's own list of users, /etc and what names and certificates lead to
 *   gate    nothing
 *   keeper  everything; its sandbox has no list of paths
 *
 * The order in which a role starts. What needs root, or anything that a jail forbids, comes before:
 *
 *   1. settings, sockets, keys, certificates, log     (pf_setup_log, before: a gate cannot open a log)
 *   2. auth: pf_auth_preload                          (auth/auth_preload.h: what libraries would else load late)
 *      auth: helpers of PAM                           (auth/auth_pam_bench.h: while it still is root)
 *   3. another user                                   (pf_proc_become)
 *   4. pf_jail_enter                                  (no thread yet)
 *   5. loop, pools, pf_auth_new, pf_setup_store, frames
 *
 * One event `jail` tells the role and what could not be had ("nothing" where all holds), the version of landlock, and
 * which of the folders are not there.
 *
 * A jail does not grow: settings that name other files or folders want new processes of auth and store. */
#ifndef POSTFACH_ROLE_JAIL_H
#define POSTFACH_ROLE_JAIL_H

#include "base/log.h"
#include "conf/conf.h"
#include "sys/sandbox.h"

/* What a role needs beyond what the settings say; all zero: nothing. */
struct pf_jail_needs {
    const struct pf_sandbox_path *paths; /* auth and store alone */
    size_t count;
    const char *name; /* of the role, for the log; NULL: that of its sandbox */
    bool alone;       /* these paths instead of those of the settings */
};

/* Enters for good; `needs` and `log` may be NULL, and conf too for keeper and gate. After PF_OK there is no way back;
 * with anything else the process is to end. PF_CONFIG: a folder that must be there is not, or there are threads. */
enum pf_code pf_jail_enter(enum pf_sandbox_role, const struct pf_conf *, const struct pf_jail_needs *, struct pf_log *,
                           struct pf_err *err);

/* For tests and `postfachd check`: the paths, in memory that pf_jail_paths_free gives back. */
struct pf_jail_paths {
    struct pf_sandbox_path *list;
    size_t count;
    bool network, sockets; /* as in struct pf_sandbox */
    struct pf_jail_text *texts; /* private */
};
enum pf_code pf_jail_paths_of(enum pf_sandbox_role, const struct pf_conf *, struct pf_jail_paths *out,
                              struct pf_err *err);
void pf_jail_paths_free(struct pf_jail_paths *);

#endif
