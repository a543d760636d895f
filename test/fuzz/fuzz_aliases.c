/* Alias files: all or nothing; what is accepted is found again as it was written; what leads from one to the other
 * comes to an end. The first octet says whether case is folded. */
#include "auth/lookup_aliases.h"
#include "base/text.h"

#include <stdlib.h>

enum { NAME_MAX_HERE = 4096 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pf_bytes trim(struct pf_bytes b)
{
    while (b.len && strchr(" \t\r", b.at[0]) && b.at[0])
        b = pf_bytes_skip(b, 1);
    while (b.len && strchr(" \t\r", b.at[b.len - 1]) && b.at[b.len - 1])
        b.len--;
    return b;
}

static const struct pf_alias *find(const struct pf_aliases *all, struct pf_bytes name, bool fold)
{
    static unsigned char folded[NAME_MAX_HERE];

    if (name.len > sizeof folded)
        return NULL;
    if (name.len)
        memcpy(folded, name.at, name.len);
    pf_aliases_fold(folded, name.len, fold);
    return pf_aliases_find(all, pf_bytes_from(folded, name.len));
}

/* How deep it leads; must end, since the file was accepted. Asks the list of names behind each other only. */
static unsigned depth_of(const struct pf_aliases *all, const struct pf_alias *alias, bool fold, unsigned so_far)
{
    unsigned deepest = 0;

    must(so_far <= PF_ALIAS_DEPTH_MAX);
    for (size_t i = 0; i < alias->count && i < 3; i++) {
        const struct pf_alias *next = find(all, alias->targets[i], fold);

        must(pf_aliases_is_itself(all, alias, i) == (next == alias));
        if (next && next != alias) {
            unsigned below = 1 + depth_of(all, next, fold, so_far + 1);

            deepest = below > deepest ? below : deepest;
        }
    }
    return deepest;
}

static void check_alias(const struct pf_aliases *all, struct pf_bytes name, struct pf_bytes rest, bool fold)
{
    const struct pf_alias *alias = find(all, name, fold);
    size_t count = 0;

    must(name.len > NAME_MAX_HERE || alias != NULL);
    if (!alias)
        return;
    must(alias->count >= 1 && alias->count <= PF_ALIAS_TARGETS_MAX);
    for (;;) {
        size_t comma = pf_find(rest, ',');
        struct pf_bytes target = trim(pf_bytes_head(rest, comma));

        must(count < alias->count && pf_bytes_equal(alias->targets[count], target));
        must(target.len && target.at[0] != '@' && target.at[0] != '|' && target.at[0] != '/');
        must(pf_find(target, ' ') == target.len && pf_find(target, 0) == target.len);
        count++;
        if (comma == rest.len)
            break;
        rest = pf_bytes_skip(rest, comma + 1);
    }
    must(count == alias->count);
    must(depth_of(all, alias, fold, 0) <= PF_ALIAS_DEPTH_MAX);
}

static void check_lines(const struct pf_aliases *all, struct pf_bytes text, bool fold)
{
    while (text.len) {
        size_t end = pf_find(text, '\n');
        struct pf_bytes line = trim(pf_bytes_head(text, end));
        size_t colon = pf_find(line, ':');

        if (line.len && line.at[0] != '#') {
            must(colon < line.len && line.len <= PF_ALIAS_LINE_MAX);
            check_alias(all, trim(pf_bytes_head(line, colon)), pf_bytes_skip(line, colon + 1), fold);
        }
        text = pf_bytes_skip(text, end + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_err err = {0};
    struct pf_aliases *all;
    char *copy;
    bool fold;

    if (size == 0)
        return 0;
    fold = data[0] & 1;
    data++, size--;
    copy = malloc(size + 1);
    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    all = pf_aliases_parse("aliases", copy, size, fold, &err);
    must(all ? err.code == PF_OK : err.code == PF_CONFIG && strstr(err.log, "line") != NULL);
    if (!all)
        return 0;
    check_lines(all, pf_bytes_from(data, size), fold);
    must(pf_aliases_find(all, PF_LIT("")) == NULL);
    pf_aliases_free(all);
    return 0;
}
