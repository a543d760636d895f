/* The blocks `domain`, sorted by name without regard to case, as maildrop.c looks them up. */
#ifndef POSTFACH_CONF_DOMAINS_H
#define POSTFACH_CONF_DOMAINS_H

/* For qsort and bsearch over struct pf_conf_domain. */
int pf_conf_domains_order(const void *a, const void *b);

#endif
