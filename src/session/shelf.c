#include "session/shelf.h"

#include <stdlib.h>

struct pf_shelf_free {
    struct pf_shelf_free *next;
};

static size_t octets(enum pf_shelf_size size)
{
    return size == PF_SHELF_OF_SMALL ? PF_SHELF_SMALL : PF_SHELF_LARGE;
}

unsigned char *pf_shelf_take(struct pf_shelf *shelf, enum pf_shelf_size size)
{
    struct pf_shelf_free *buffer = shelf->free[size];

    if (!buffer)
        return malloc(octets(size));
    shelf->free[size] = buffer->next;
    shelf->kept[size]--;
    return (unsigned char *)buffer;
}

void pf_shelf_give(struct pf_shelf *shelf, enum pf_shelf_size size, unsigned char *at)
{
    struct pf_shelf_free *buffer = (struct pf_shelf_free *)(void *)at;

    if (!buffer)
        return;
    if (shelf->kept[size] == PF_SHELF_KEEP) {
        free(buffer);
        return;
    }
    buffer->next = shelf->free[size];
    shelf->free[size] = buffer;
    shelf->kept[size]++;
}

void pf_shelf_done(struct pf_shelf *shelf)
{
    for (int size = 0; size < PF_SHELF_SIZES; size++)
        while (shelf->free[size]) {
            struct pf_shelf_free *buffer = shelf->free[size];

            shelf->free[size] = buffer->next;
            free(buffer);
        }
}
