/* Certificates for tests of calls: ca; signed by it good, other (other names), old, young, and anna for
 * a client; self. */
#ifndef POSTFACH_TEST_CALLCERTS_H
#define POSTFACH_TEST_CALLCERTS_H

struct pf_tls;

void certs_up(void);
void certs_down(void);
const char *certs_path(const char *name); /* valid for eight calls */
struct pf_tls *certs_tls(const char *pair);

#endif
