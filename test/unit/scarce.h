/* Memory that runs out once, at the n-th request: for programs linked with --wrap=malloc, calloc and realloc.
 * It defines them, so one file of a program includes it. Only calls from the program's own objects come here. */
#ifndef POSTFACH_TEST_SCARCE_H
#define POSTFACH_TEST_SCARCE_H

#include <stdbool.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static unsigned long countdown, calls; /* countdown 0: nothing fails */
static bool failed;

static bool fails(void)
{
    calls++;
    if (countdown == 0 || --countdown)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}

#endif
