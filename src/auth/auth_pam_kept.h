/* The helper that stays (auth_pam_bench.h), as postfach-pam sees it. */
#ifndef POSTFACH_AUTH_AUTH_PAM_KEPT_H
#define POSTFACH_AUTH_AUTH_PAM_KEPT_H

#include <stdbool.h>

/* Whether the standard input says that it is to stay. */
bool pf_pam_is_kept(void);
/* True in a child, whose input and output are now those of one question; in the parent false, when nobody asks any
 * more. */
bool pf_pam_kept(void);

#endif
