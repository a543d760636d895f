/* Users edit: one change of a password file, as `postfach user` makes it.
 *
 * Locked, changed and saved in one step as edit.h says. A change that would make the file bad for the
 * server is not saved. */
#ifndef POSTFACH_AUTH_USERS_EDIT_H
#define POSTFACH_AUTH_USERS_EDIT_H

#include <postfach/bytes.h>
#include <postfach/err.h>

struct pf_users;

/* Waits for the lock. With `create` a missing file is made, readable by its owner alone; it is removed
 * again when nothing is saved. NULL: err (PF_CONFIG, PF_NO_MEMORY, …). */
struct pf_users *pf_users_open(const char *path, bool create, struct pf_err *err);
/* Gives the lock back; what was not saved is lost. NULL is allowed. */
void pf_users_close(struct pf_users *);

bool pf_users_has(const struct pf_users *, const char *name);
/* A line at the end. `extra` is the eighth field, or "". PF_STATE when the name is there already. */
enum pf_code pf_users_add(struct pf_users *, const char *name, const char *stored, const char *extra,
                          struct pf_err *err);
/* Another password, all other fields stay. PF_NO_USER. */
enum pf_code pf_users_password(struct pf_users *, const char *name, const char *stored,
                               struct pf_err *err);
enum pf_code pf_users_remove(struct pf_users *, const char *name, struct pf_err *err);
enum pf_code pf_users_save(struct pf_users *, struct pf_err *err);

#endif
