/* Record file: the record on disk, read and written. For record.c only. */
#ifndef POSTFACH_AUTH_RECORD_FILE_H
#define POSTFACH_AUTH_RECORD_FILE_H

#include "auth/record.h"
#include <stdio.h>

/* A row as a line. False with errno when it cannot be written. */
bool pf_record_put(FILE *to, const struct pf_record_row *);

/* Writes a file anew: what `rows` puts, then to disk, then in the place of the old one, whose mode it keeps. */
enum pf_code pf_record_write(const char *file, bool (*rows)(FILE *to, const void *self), const void *self,
                             struct pf_err *err);

#endif
