#include "conf/reading.h"

/* The block that has a setting or a block of that name, where it is said for all rather than for a listener;
 * PF_CONF_BLOCKS when none has. */
static enum pf_conf_block home_of(struct pf_bytes name, bool block)
{
    const struct pf_conf_row *at_listener = pf_conf_row_find(PF_CONF_BLOCK_listen, name);

    for (unsigned i = 0; i < PF_CONF_BLOCKS; i++) {
        enum pf_conf_block home = (enum pf_conf_block)i;

        if (!block && home == PF_CONF_BLOCK_listen)
            continue;
        if (block ? pf_conf_block_find(home, name) != PF_CONF_BLOCKS
                  : pf_conf_row_find(home, name) != NULL)
            return home;
    }
    return block || !at_listener ? PF_CONF_BLOCKS : PF_CONF_BLOCK_listen;
}

static const char *nearest(enum pf_conf_block here, struct pf_bytes word)
{
    static const char *const extra[] = {"include", "version"};
    const char *name = NULL;
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == here &&
            pf_conf_near(pf_bytes_of(pf_conf_rows[i].name), word, &best))
            name = pf_conf_rows[i].name;
    for (size_t i = PF_CONF_BLOCK_top + 1; i < PF_CONF_BLOCKS; i++)
        if (pf_conf_blocks[i].parent == here &&
            pf_conf_near(pf_bytes_of(pf_conf_blocks[i].name), word, &best))
            name = pf_conf_blocks[i].name;
    for (size_t i = 0; here == PF_CONF_BLOCK_top && i < sizeof extra / sizeof extra[0]; i++)
        if (pf_conf_near(pf_bytes_of(extra[i]), word, &best))
            name = extra[i];
    return name;
}

/* As many as there is room for. */
static void list_names(enum pf_conf_block here, struct pf_span *out)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        struct pf_bytes name = pf_bytes_of(pf_conf_rows[i].name);

        if (pf_conf_rows[i].block != here)
            continue;
        if (out->cap - out->len < name.len + sizeof ", , and more") {
            pf_span_put(out, PF_LIT(" and more"));
            return;
        }
        if (out->len)
            pf_span_put(out, PF_LIT(", "));
        pf_span_put(out, name);
    }
}

static void give_hint(struct pf_conf_record *record, enum pf_conf_block here, struct pf_bytes word,
                      bool block)
{
    enum pf_conf_block home = home_of(word, block);
    const char *name = nearest(here, word);
    unsigned char room[PF_CONF_MISTAKE_TEXT - 32];
    struct pf_span names = {room, 0, sizeof room};

    if (home == PF_CONF_BLOCK_top) {
        pf_conf_hint(record, "it belongs outside of all blocks");
    } else if (home != PF_CONF_BLOCKS) {
        pf_conf_hint(record, "it belongs in %s { ... }", pf_conf_blocks[home].name);
    } else if (name) {
        pf_conf_hint(record, "did you mean `%s`?", name);
    } else if (here != PF_CONF_BLOCK_top) {
        list_names(here, &names);
        pf_conf_hint(record, "`%s` knows %.*s", pf_conf_blocks[here].name, (int)names.len, (char *)room);
    } else {
        pf_conf_hint(record, "postfach.conf(5) lists all settings");
    }
}

void pf_conf_unknown(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    enum pf_conf_block here = pf_conf_here(r);
    struct pf_conf_shown name = pf_conf_shown(s->words[0].text);
    bool block = s->end.kind == PF_CONF_OPEN;
    const char *kind = block ? "block" : "setting";
    struct pf_conf_record *record;

    if (here == PF_CONF_BLOCK_top)
        record =
            pf_conf_wrong(&r->reader->mistakes, &s->words[0].place, "unknown %s `%s`", kind, name.text);
    else
        record = pf_conf_wrong(&r->reader->mistakes, &s->words[0].place, "unknown %s `%s` in `%s`", kind,
                               name.text, pf_conf_blocks[here].name);
    give_hint(record, here, s->words[0].text, block);
}
