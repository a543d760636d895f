/* Host names: which there are, and this machine's. */
#ifndef POSTFACH_CONF_HOST_H
#define POSTFACH_CONF_HOST_H

#include <postfach/bytes.h>

enum { PF_CONF_HOST_TEXT = 256 }; /* 255 octets and a NUL (RFC 1035 section 2.3.4) */

/* True when it may be a host name: labels of letters, digits and inner hyphens, 255 octets. */
bool pf_conf_is_host(struct pf_bytes);
/* The machine's name; "localhost" where it has none that a client may see. */
void pf_conf_machine(char out_name[PF_CONF_HOST_TEXT]);

#endif
