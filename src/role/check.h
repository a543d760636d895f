/* `postfachd check`: everything that would fail at start or at the first login, found before. */
#ifndef POSTFACH_ROLE_CHECK_H
#define POSTFACH_ROLE_CHECK_H

/* Prints what it finds; 0 when the server would start and serve. */
int pf_check_run(const char *conf_file);

#endif
