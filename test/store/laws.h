/* The tests of conform.def. */
#ifndef POSTFACH_TEST_STORE_LAWS_H
#define POSTFACH_TEST_STORE_LAWS_H

#define LAW(name) void name(void **state);
#include "store/conform.def"
#undef LAW

#endif
