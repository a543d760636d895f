/* The settings, for tools that need them: mistakes are told on standard error. */
#ifndef POSTFACH_TOOL_SETTINGS_H
#define POSTFACH_TOOL_SETTINGS_H

#include "conf/conf.h"

/* `file` NULL: /etc/postfach/postfach.conf, or the defaults on a machine that has none. NULL when they cannot
 * be used. */
struct pf_conf *pf_tool_settings(const char *file);

#endif
