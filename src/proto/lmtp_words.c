#include "proto/lmtp_words.h"

#include "base/text.h"

static const struct pf_lmtp_word words[PF_LMTP_WORDS] = {
#define PF_LMTP_WORD(word, states, arguments, flags, server) \
    {#word, PF_LMTP_WORD_##word##_ID, states, arguments, flags},
#include <postfach/lmtp_words.def>
#undef PF_LMTP_WORD
};

const struct pf_lmtp_word *pf_lmtp_word(enum pf_lmtp_word_id id)
{
    return &words[id];
}

static const struct pf_lmtp_word *find(struct pf_bytes keyword)
{
    for (size_t i = 0; i < PF_LMTP_WORDS; i++)
        if (pf_equal_nocase(keyword, pf_bytes_of(words[i].name)))
            return &words[i];
    return NULL;
}

static bool has_control(struct pf_bytes line)
{
    unsigned hits = 0;

    for (size_t i = 0; i < line.len; i++)
        hits |= (unsigned)(line.at[i] < 0x20) | (unsigned)(line.at[i] == 0x7f);
    return hits;
}

/* White space at the end of a line is no mistake (RFC 5321 section 4.1.1). */
static struct pf_bytes trimmed(struct pf_bytes line)
{
    while (line.len && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
        line.len--;
    return line;
}

void pf_lmtp_line_split(struct pf_bytes line, struct pf_lmtp_line *out_line)
{
    struct pf_bytes body = trimmed(line);
    size_t end = pf_find(body, ' ');
    struct pf_bytes rest = pf_bytes_skip(body, end);

    while (rest.len && rest.at[0] == ' ')
        rest = pf_bytes_skip(rest, 1);
    *out_line = (struct pf_lmtp_line){.word = find(pf_bytes_head(body, end)),
                                      .rest = rest,
                                      .control = has_control(body)};
}
