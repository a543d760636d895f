/* The manual page: prose by hand, settings from the list.
 *
 * postfach.conf.5.in is the prose; where it has a line `@SETTINGS@`, all of settings.def is printed in
 * mdoc. The page that this makes is kept in man/, so that reading it needs no build; a test compares
 * them, and `ninja conf-man-page` makes it anew. */
#ifndef POSTFACH_CONF_MAN_PAGE_H
#define POSTFACH_CONF_MAN_PAGE_H

#include <stdbool.h>
#include <stdio.h>

/* False when reading or writing failed, or there is no line for the settings. */
bool pf_conf_man_page(FILE *prose, FILE *to);

#endif
