/* Names and ports of a test of servers: the test's own, so that nobody is asked. The program that uses
 * it is linked with --wrap=getaddrinfo. */
#ifndef POSTFACH_TEST_REACHRIG_H
#define POSTFACH_TEST_REACHRIG_H

#include <stdbool.h>

/* How often a name was looked up; test.example is here, no other is known. */
extern unsigned reach_names_asked;
/* A TCP port of this machine on which somebody listens, or nobody can (`open` false). */
int reach_tcp(unsigned *out_port, bool open);

#endif
