#include "conf/roots.h"

#include "base/kind.h"

#include <stdlib.h>

static const char blanks[] = " \t";

/* The first word from `text` on; empty at the end. */
static struct pf_bytes first_word(const char *text)
{
    text += strspn(text, blanks);
    return pf_bytes_from(text, strcspn(text, blanks));
}

/* The word with that index; empty when there are not so many. */
static struct pf_bytes word_at(const char *words, size_t index)
{
    struct pf_bytes word = first_word(words ? words : "");

    while (index-- && word.len)
        word = first_word((const char *)word.at + word.len);
    return word;
}

static void put(struct pf_bytes path, char out_root[PF_CONF_ROOT_MAX])
{
    size_t len = path.len < PF_CONF_ROOT_MAX ? path.len : PF_CONF_ROOT_MAX - 1;

    while (len > 1 && path.at[len - 1] == '/')
        len--;
    memcpy(out_root, path.at, len);
    out_root[len] = 0;
}

/* Up to the last slash before the first %: %% is one that stands for itself. */
static void put_template(const char *template, char out_root[PF_CONF_ROOT_MAX])
{
    struct pf_bytes path;
    char text[PF_CONF_ROOT_MAX];
    size_t len = 0, slash = 1;

    pf_kind_of(pf_bytes_of(template), &path);
    for (size_t i = 0; i < path.len && len < sizeof text - 1; i++) {
        if (path.at[i] == '%' && (i + 1 == path.len || path.at[++i] != '%'))
            break;
        text[len++] = (char)path.at[i];
        if (path.at[i] == '/')
            slash = len;
    }
    put(pf_bytes_from(text, len < slash ? len : slash), out_root);
}

bool pf_conf_root_next(const struct pf_conf *conf, size_t *at, char out_root[PF_CONF_ROOT_MAX])
{
    const char *template = NULL;
    struct pf_bytes word;

    while (!template && *at <= conf->domain_count) {
        template = *at ? conf->domain_blocks[*at - 1].path : conf->mail_path;
        ++*at;
    }
    if (template) {
        put_template(template, out_root);
        return true;
    }
    word = word_at(conf->mail_roots, *at - conf->domain_count - 1);
    if (!word.len)
        return false;
    ++*at;
    put(word, out_root);
    return true;
}

/* A path that goes up again may end anywhere. */
static bool goes_up(const char *path)
{
    for (const char *at = path; (at = strstr(at, "..")); at += 2)
        if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
            return true;
    return false;
}

static bool is_below(const char *root, const char *path)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

    return path[0] == '/' && strncmp(path, root, len) == 0 && path[len] == '/' && !goes_up(path);
}

char *pf_conf_roots_list(const struct pf_conf *conf)
{
    char root[PF_CONF_ROOT_MAX], *list, *to;
    size_t at = 0, len = 1;

    while (pf_conf_root_next(conf, &at, root))
        len += strlen(root) + 1;
    list = to = calloc(1, len);
    for (at = 0; list && pf_conf_root_next(conf, &at, root); to += strlen(root) + 1)
        memcpy(to, root, strlen(root) + 1);
    return list;
}

bool pf_conf_roots_hold(const char *list, const char *path)
{
    for (; *list; list += strlen(list) + 1)
        if (is_below(list, path))
            return true;
    return false;
}

const char *pf_conf_roots_wrong(const char *roots, struct pf_bytes *out_word)
{
    for (size_t i = 0; (*out_word = word_at(roots, i)).len; i++)
        if (out_word->at[0] != '/')
            return "is no absolute path";
    return NULL;
}
