#include "base/words.h"

/* Weak: so there is nothing to be set at the start, and no state that threads would share. */
#pragma weak pf_words_catalogue

const char *pf_words(const char *english)
{
    return pf_words_catalogue ? pf_words_catalogue(english) : english;
}
