/* How many octets a program's own objects have allocated and not freed: for programs linked with --wrap=malloc, calloc,
 * realloc, free, strdup and strndup. It defines them, so one file of a program includes it. */
#ifndef POSTFACH_TEST_HELD_H
#define POSTFACH_TEST_HELD_H

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void __wrap_free(void *at);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);

static atomic_long held;

static void *taken(void *at)
{
    held += (long)malloc_usable_size(at); /* 0 for NULL */
    return at;
}

void *__wrap_malloc(size_t size)
{
    return taken(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return taken(__real_calloc(count, size));
}

void *__wrap_realloc(void *at, size_t size)
{
    long before = (long)malloc_usable_size(at);
    void *now = __real_realloc(at, size);

    if (now || size == 0)
        held -= before;
    return taken(now);
}

void __wrap_free(void *at)
{
    held -= (long)malloc_usable_size(at);
    __real_free(at);
}

char *__wrap_strndup(const char *text, size_t most)
{
    size_t len = strnlen(text, most);
    char *copy = __wrap_malloc(len + 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

#endif
