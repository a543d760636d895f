#include "conf/memory.h"

#include "base/text.h"

#include <stdlib.h>

enum {
    CHUNK = 4096, /* all the strings of a common file */
    ALIGN = 16
};

struct pf_conf_memory {
    struct pf_conf_memory *next;
    size_t used, cap;
    _Alignas(ALIGN) unsigned char at[];
};

void *pf_conf_memory_take(struct pf_conf_memory **memory, size_t size)
{
    struct pf_conf_memory *chunk = *memory;
    size_t rounded, whole;
    void *room;

    if (__builtin_add_overflow(size, (size_t)ALIGN - 1, &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGN - 1);
    if (!chunk || chunk->cap - chunk->used < rounded) {
        size_t cap = rounded > CHUNK ? rounded : CHUNK;

        if (__builtin_add_overflow(cap, sizeof *chunk, &whole))
            return NULL;
        chunk = calloc(1, whole);
        if (!chunk)
            return NULL;
        chunk->cap = cap;
        chunk->next = *memory;
        *memory = chunk;
    }
    room = chunk->at + chunk->used;
    chunk->used += rounded;
    return room;
}

char *pf_conf_memory_text(struct pf_conf_memory **memory, struct pf_bytes text)
{
    size_t whole;
    char *room;

    if (__builtin_add_overflow(text.len, (size_t)1, &whole))
        return NULL;
    room = pf_conf_memory_take(memory, whole);
    if (room && text.len)
        memcpy(room, text.at, text.len);
    return room;
}

void pf_conf_memory_free(struct pf_conf_memory *memory)
{
    while (memory) {
        struct pf_conf_memory *next = memory->next;

        pf_wipe(memory->at, memory->used);
        free(memory);
        memory = next;
    }
}

void pf_conf_memory_wipe(struct pf_conf_memory *memory)
{
    for (; memory; memory = memory->next)
        pf_wipe(memory->at, memory->used);
}

struct pf_conf_memory *pf_conf_memory_join(struct pf_conf_memory *one, struct pf_conf_memory *other)
{
    struct pf_conf_memory **end = &one;

    while (*end)
        end = &(*end)->next;
    *end = other;
    return one;
}
