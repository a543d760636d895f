/* Networks in a text: numeric addresses with blanks between them, each perhaps with /PREFIX. IPv4 and IPv6 are
 * kept apart: ::/0 holds no IPv4 address, an IPv4-mapped IPv6 address counts as IPv4. */
#ifndef POSTFACH_CONF_NETWORKS_H
#define POSTFACH_CONF_NETWORKS_H

#include <postfach/bytes.h>

/* The first word that is no network, and why; an empty word when all are. */
struct pf_bytes pf_conf_networks_wrong(const char *networks, const char **out_why);
/* Whether the numeric address is in one of them; what is no address is in none. */
bool pf_conf_networks_hold(const char *networks, const char *address);

#endif
