/* Marks: how many of a listing's messages are marked. Bits behind the last message mean nothing. */
#ifndef POSTFACH_STORE_MARKS_H
#define POSTFACH_STORE_MARKS_H

#include <postfach/listing.h>

/* NULL has none. */
static inline uint32_t pf_marks_count(const struct pf_marks *m)
{
    size_t words = m ? pf_marks_words(m->count) : 0;
    uint32_t count = 0;

    for (size_t i = 0; i < words; i++) {
        unsigned behind = i + 1 == words ? (unsigned)(words * 64 - m->count) : 0;

        count += (uint32_t)__builtin_popcountll(m->words[i] << behind);
    }
    return count;
}

#endif
