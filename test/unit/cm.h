/* cmocka with the headers it wants before itself. */
#ifndef POSTFACH_TEST_CM_H
#define POSTFACH_TEST_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define T(name) cmocka_unit_test(name)
#define RUN(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

#endif
