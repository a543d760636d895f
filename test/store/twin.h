/* Twin: the smallest store that blocks, to be lifted.
 *
 * It keeps mail in lists under one lock. Every other call that may not block
 * is answered with PF_AGAIN, so that both roads of lift.c are walked. */
#ifndef POSTFACH_TEST_STORE_TWIN_H
#define POSTFACH_TEST_STORE_TWIN_H

#include "store/lift.h"

struct pf_twin *twin_new(void);

#endif
