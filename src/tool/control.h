/* The way to the running server: where its control socket is, and a connection to it. */
#ifndef POSTFACH_TOOL_CONTROL_H
#define POSTFACH_TOOL_CONTROL_H

#include "conf/conf.h"

/* `socket`, or the one of the settings (*conf, which the caller frees with the path). NULL when that was complained
 * about, as the tool `who`. */
const char *pf_control_path(const char *who, const char *socket, const char *conf_file, struct pf_conf **conf);
/* A connection, or -1 and *out_why. It does not block from the start when `now`. */
int pf_control_dial(const char *path, bool now, const char **out_why);

#endif
