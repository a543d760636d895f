/* The sheet: settings in force, written down in memory for another process.
 *
 * A file without a name (memfd), sealed, in the grammar of the settings file with every value written out, so that
 * whoever reads it has the same settings, whatever has become of the files they were read from. A gate reads it, and
 * then forgets what it must not know (pf_conf_blind). */
#ifndef POSTFACH_ROLE_SHEET_H
#define POSTFACH_ROLE_SHEET_H

#include "conf/conf.h"

/* A descriptor, close-on-exec; -1 on failure. */
int pf_sheet_write(const struct pf_conf *, struct pf_err *err);
/* NULL on failure; `fd` stays the caller's. */
struct pf_conf *pf_sheet_read(int fd, struct pf_err *err);

#endif
