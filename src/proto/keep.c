#include "proto/keep.h"

#include <stdlib.h>

#include "base/text.h"

bool pf_keep_room(struct pf_keep *k, size_t len)
{
    pf_keep_drop(k);
    if (len && !(k->at = malloc(len)))
        return false;
    k->len = len;
    k->set = true;
    return true;
}

bool pf_keep_set(struct pf_keep *k, struct pf_bytes b)
{
    if (!pf_keep_room(k, b.len))
        return false;
    if (b.len)
        memcpy(k->at, b.at, b.len);
    return true;
}

void pf_keep_drop(struct pf_keep *k)
{
    pf_wipe(k->at, k->len);
    free(k->at);
    *k = (struct pf_keep){0};
}
