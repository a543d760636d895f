#include "conf/settings.h"

const struct pf_conf_block_row pf_conf_blocks[PF_CONF_BLOCKS] = {
#define PF_BLOCK(id, name, parent, argument, help) {name, PF_CONF_BLOCK_##parent, argument, help},
#include "conf/settings.def"
};

#define FIELD_SIZE(field) sizeof(((struct pf_conf_draft *)NULL)->field)

const struct pf_conf_row pf_conf_rows[PF_CONF_ROWS] = {
#define PF_SETTING(block, name, type, field, initial, min, max, unit, help)                             \
    {PF_CONF_BLOCK_##block,                                                                             \
     name,                                                                                              \
     PF_CONF_##type,                                                                                    \
     offsetof(struct pf_conf_draft, field),                                                             \
     FIELD_SIZE(field),                                                                                 \
     initial,                                                                                           \
     min,                                                                                               \
     max,                                                                                               \
     unit,                                                                                              \
     help},
#include "conf/settings.def"
};

static const struct {
    enum pf_conf_block block;
    const char *name, *text;
} reasons[] = {
#define PF_REASON(block, name, text) {PF_CONF_BLOCK_##block, name, text},
#include "conf/settings.def"
};

const struct pf_conf_row *pf_conf_row_find(enum pf_conf_block block, struct pf_bytes name)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == block && pf_bytes_equal(pf_bytes_of(pf_conf_rows[i].name), name))
            return &pf_conf_rows[i];
    return NULL;
}

const char *pf_conf_row_words(const struct pf_conf_row *row)
{
    const char *words = row->unit;

    for (int64_t i = 0; row->type == PF_CONF_ENUM && i < row->min; i++)
        pf_conf_next_word(&words);
    return words;
}

const struct pf_conf_row *pf_conf_row_source(const struct pf_conf_row *row)
{
    struct pf_bytes name = pf_bytes_skip(pf_bytes_of(row->initial), 1);
    const char *slash = strchr(row->initial, '/');
    enum pf_conf_block block = PF_CONF_BLOCK_top;

    if (row->initial[0] != '=')
        return NULL;
    if (!slash)
        return pf_conf_row_find(row->block, name);
    if (slash > row->initial + 1)
        block = pf_conf_block_find(PF_CONF_BLOCK_top, pf_bytes_head(name, (size_t)(slash - row->initial) - 1));
    return pf_conf_row_find(block, pf_bytes_of(slash + 1));
}

enum pf_conf_block pf_conf_block_find(enum pf_conf_block parent, struct pf_bytes name)
{
    unsigned i = PF_CONF_BLOCK_top + 1;

    while (i < PF_CONF_BLOCKS && (pf_conf_blocks[i].parent != parent ||
                                  !pf_bytes_equal(pf_bytes_of(pf_conf_blocks[i].name), name)))
        i++;
    return (enum pf_conf_block)i;
}

const char *pf_conf_row_reason(const struct pf_conf_row *row)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].block == row->block && strcmp(reasons[i].name, row->name) == 0)
            return reasons[i].text;
    return "";
}

bool pf_conf_is_text(enum pf_conf_type type)
{
    return type <= PF_CONF_TEMPLATE || type == PF_CONF_CHOICE;
}

struct pf_bytes pf_conf_next_word(const char **words)
{
    size_t len = strcspn(*words, "|");
    struct pf_bytes word = pf_bytes_from(*words, len);

    *words += len + ((*words)[len] == '|');
    return word;
}

enum { NAME_MAX_OCTETS = 32 }; /* longer than any name of ours; no question is asked about more */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The classic table of three rows: a swap looks two rows back. */
size_t pf_conf_distance(struct pf_bytes a, struct pf_bytes b)
{
    size_t rows[3][NAME_MAX_OCTETS + 1];

    if (a.len > NAME_MAX_OCTETS || b.len > NAME_MAX_OCTETS)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = a.at[i - 1] == b.at[j - 1];

            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + !same);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                now[j] = least(now[j], earlier[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

bool pf_conf_near(struct pf_bytes name, struct pf_bytes word, size_t *best)
{
    size_t distance = pf_conf_distance(name, word);

    if (distance >= *best || distance > (least(name.len, word.len) + 1) / 3 || distance >= word.len)
        return false;
    *best = distance;
    return true;
}
