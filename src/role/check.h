/* `postfachd check`: everything that would fail at start or at the first login, found before. */
#ifndef POSTFACH_ROLE_CHECK_H
#define POSTFACH_ROLE_CHECK_H

#include <postfach/err.h>

/* Prints what it finds; 0 when the server would start and serve. */
int pf_check_run(const char *conf_file);
/* Says a mistake with what to do about it, for the files of this subcommand; the exit status. */
int pf_check_say(const struct pf_err *, const char *hint);

#endif
