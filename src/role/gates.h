/* How many processes speak with clients. */
#ifndef POSTFACH_ROLE_GATES_H
#define POSTFACH_ROLE_GATES_H

#include "conf/conf.h"

/* As the settings say, or one for each processor that this process may use. */
unsigned pf_gates(const struct pf_conf *);

#endif
