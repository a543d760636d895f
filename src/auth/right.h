/* The right: which maildrop a user has, and what he may do there, by settings and user database together.
 *
 * One answer for everybody who asks: a session in one process, auth when it writes a ticket for a store in
 * another one, delivery, the tool. A folder of a Maildir is part of the path here. */
#ifndef POSTFACH_AUTH_RIGHT_H
#define POSTFACH_AUTH_RIGHT_H

#include "auth/auth.h"
#include "conf/conf.h"

struct pf_right {
    char path[PF_AUTH_PATH_MAX]; /* absolute, perhaps with its kind (base/kind.h), with the folder */
    int32_t expire_days;         /* PF_EXPIRE_NEVER, or days */
    uint32_t login_delay;        /* seconds */
    uint64_t quota_octets, quota_messages; /* 0: no limit */
};

/* PF_NO_BOX: the settings' template does not fit the name, or the maildrop has no folders. */
enum pf_code pf_right_of(const struct pf_conf *, const struct pf_user *, struct pf_right *out, struct pf_err *err);

#endif
