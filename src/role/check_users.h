/* What `postfachd check` tries of the sources of users and of all that logins are judged with. */
#ifndef POSTFACH_ROLE_CHECK_USERS_H
#define POSTFACH_ROLE_CHECK_USERS_H

#include "conf/conf.h"

/* Files are read as the server reads them; a database is asked once. One that gives no answer now is a warning, for
 * the server starts without it, too, and a table that is missing may come. The exit status. */
int pf_check_users(const struct pf_conf *);

#endif
