/* What `postfachd check` looks at on disk: the folders that the server writes to or expects to be there. */
#ifndef POSTFACH_ROLE_CHECK_PLACES_H
#define POSTFACH_ROLE_CHECK_PLACES_H

#include "conf/conf.h"

/* The folders above the mail, and those of pid-file, port-file, unix sockets and the journal. One that is missing below
 * /run is a warning, for it may come with the start. The exit status. */
int pf_check_places(const struct pf_conf *);

#endif
