/* Roots: the folders that all maildrops lie below, as far as the settings can say.
 *
 * They are the part of each template (`mail path`, and that of each domain) before the first % that stands for
 * something, cut at a slash, and the words of `mail roots`. A store in a process of its own may reach mail there and
 * nowhere else, so a maildrop that a user data base names must lie there too. */
#ifndef POSTFACH_CONF_ROOTS_H
#define POSTFACH_CONF_ROOTS_H

#include "conf/conf.h"

enum { PF_CONF_ROOT_MAX = 1025 }; /* a path of 1,024 octets and its NUL */

/* The next one, absolute and without slashes at its end ("/" alone has one); *at is 0 before the first call. False:
 * there are no more. The same one may come twice. */
bool pf_conf_root_next(const struct pf_conf *, size_t *at, char out_root[PF_CONF_ROOT_MAX]);
/* A list of them for who outlives the settings: each with a NUL behind it, and one more behind the last. From malloc;
 * NULL without memory. */
char *pf_conf_roots_list(const struct pf_conf *);
/* Whether the absolute path (without its kind) lies below one of them, by its words alone: no link is followed, and a
 * path with `..` never does. */
bool pf_conf_roots_hold(const char *list, const char *path);
/* What is wrong with a value of `mail roots`, or NULL; the word is told. */
const char *pf_conf_roots_wrong(const char *roots, struct pf_bytes *out_word);

#endif
