/* The made-up server of collectrig.h: one turn of it. */
#ifndef POSTFACH_TEST_FAKESERVER_H
#define POSTFACH_TEST_FAKESERVER_H

struct collectrig;
void fake_turn(struct collectrig *);

#endif
