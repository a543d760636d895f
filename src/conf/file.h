/* Files: the text of a settings file, whole. */
#ifndef POSTFACH_CONF_FILE_H
#define POSTFACH_CONF_FILE_H

#include "conf/memory.h"
#include "conf/mistake.h"

enum { PF_CONF_FILE_MAX = 1 << 20 }; /* a file for people; more is another file named by mistake */

/* Fills source's text, device and inode. Returns 0, ENOMEM, or another errno with *out_why set to words
 * for it. */
int pf_conf_file_read(const char *path, struct pf_conf_source *, struct pf_conf_memory **,
                      const char **out_why);

#endif
