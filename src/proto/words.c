#include "proto/words.h"

#include "base/text.h"

static const struct pf_word words[PF_WORDS] = {
#define PF_WORD(word, states, min, max, shape, flags, offer, server) \
    {#word, PF_WORD_##word, states, min, max, shape, flags, offer},
#include <postfach/pop3_words.def>
#undef PF_WORD
};

const struct pf_word *pf_word_find(struct pf_bytes keyword)
{
    char name[PF_WORD_LETTERS] = {0};

    if (keyword.len > sizeof name)
        return NULL;
    for (size_t i = 0; i < keyword.len; i++) {
        unsigned char low = pf_lower(keyword.at[i]);

        if (low == 0) /* it would look like the end of a shorter word */
            return NULL;
        name[i] = (char)(low >= 'a' && low <= 'z' ? low - ('a' - 'A') : low);
    }
    for (size_t i = 0; i < PF_WORDS; i++)
        if (memcmp(words[i].name, name, sizeof name) == 0)
            return &words[i];
    return NULL;
}
