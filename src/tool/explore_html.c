#include "tool/explore_html.h"

#include "base/text.h"

#include <glib.h>

enum {
    NAME = 16,    /* of an element or an entity, those that are known here */
    ADDRESS = 200 /* octets of a link's address that are shown */
};

struct html {
    GString *out;
    const char *at;
    unsigned pre, breaks; /* breaks: line ends due before the next word */
    bool blank;           /* a blank is due */
    GString *link;        /* the address of the link that is open, "" without */
    size_t link_at;       /* where its words begin */
    unsigned endless;     /* of `hidden`, and a bit for comments: no end of it is ahead */
};

enum { COMMENT = 1 << 30 };

/* What separates elements: 1 a line, 2 a paragraph. */
static const struct {
    const char name[NAME];
    unsigned breaks;
    const char *begin;
} blocks[] = {{"br", 1, ""},      {"p", 2, ""},      {"div", 1, ""},        {"tr", 1, ""},
              {"li", 1, "* "},    {"ul", 1, ""},     {"ol", 1, ""},         {"h1", 2, ""},
              {"h2", 2, ""},      {"h3", 2, ""},     {"h4", 2, ""},         {"h5", 2, ""},
              {"h6", 2, ""},      {"table", 1, ""},  {"blockquote", 2, ""}, {"hr", 1, "----"},
              {"pre", 1, ""},     {"dt", 1, ""},     {"dd", 1, "  "},       {"section", 2, ""},
              {"article", 2, ""}, {"header", 1, ""}, {"footer", 1, ""},     {"center", 1, ""}};

/* What is in them is not for reading. */
static const char *const hidden[] = {"style", "script", "title", "head", "template", "noscript"};

static const struct {
    const char name[NAME];
    gunichar character;
} entities[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
    {"nbsp", 0xa0},    {"auml", 0xe4},    {"ouml", 0xf6},    {"uuml", 0xfc},     {"Auml", 0xc4},
    {"Ouml", 0xd6},    {"Uuml", 0xdc},    {"szlig", 0xdf},   {"eacute", 0xe9},   {"egrave", 0xe8},
    {"agrave", 0xe0},  {"ccedil", 0xe7},  {"ntilde", 0xf1},  {"copy", 0xa9},     {"reg", 0xae},
    {"trade", 0x2122}, {"euro", 0x20ac},  {"pound", 0xa3},   {"hellip", 0x2026}, {"mdash", 0x2014},
    {"ndash", 0x2013}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201c},  {"rdquo", 0x201d},
    {"bdquo", 0x201e}, {"laquo", 0xab},   {"raquo", 0xbb},   {"bull", 0x2022},   {"middot", 0xb7},
    {"sect", 0xa7},    {"deg", 0xb0},     {"times", 0xd7},   {"zwnj", 0x200c},   {"shy", 0xad}};

static void put(struct html *h, const char *text, size_t len)
{
    if (h->breaks && h->out->len)
        for (unsigned i = h->breaks; i > 0; i--)
            g_string_append_c(h->out, '\n');
    else if (h->blank && h->out->len)
        g_string_append_c(h->out, ' ');
    h->breaks = 0;
    h->blank = false;
    g_string_append_len(h->out, text, (gssize)len);
}

static void put_character(struct html *h, gunichar c)
{
    char utf8[6];

    if (c == 0xad || c == 0x200c) /* hints to a typesetter */
        return;
    put(h, utf8, (size_t)g_unichar_to_utf8(c == 0xa0 ? ' ' : c, utf8));
}

/* "&name;" or "&#123;", and where it ends; 0 when it is neither. */
static gunichar entity(const char *at, const char *limit, const char **out_end)
{
    const char *end = memchr(at, ';', strnlen(at, MIN((size_t)(limit - at), NAME)));
    size_t len = end ? (size_t)(end - at) - 1 : 0;

    if (!len)
        return 0;
    *out_end = end + 1;
    if (at[1] == '#') {
        bool hex = at[2] == 'x' || at[2] == 'X';
        char *stop;
        guint64 value = g_ascii_strtoull(at + 2 + hex, &stop, hex ? 16 : 10);

        return stop == end && value <= 0x10ffff && g_unichar_validate((gunichar)value) ? (gunichar)value
                                                                                       : 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(entities); i++)
        if (strlen(entities[i].name) == len && memcmp(entities[i].name, at + 1, len) == 0)
            return entities[i].character;
    return 0;
}

static bool take_entity(struct html *h)
{
    const char *end;
    gunichar c = entity(h->at, h->at + NAME, &end);

    if (!c)
        return false;
    put_character(h, c);
    h->at = end;
    return true;
}

/* The end of a tag, where a quoted '>' is none. */
static const char *tag_end(const char *at)
{
    for (char quote = 0; *at; at++) {
        if (quote)
            quote = *at == quote ? 0 : quote;
        else if ((*at == '"' || *at == '\'') && at[-1] == '=')
            quote = *at;
        else if (*at == '>')
            return at;
    }
    return at;
}

/* The value of an attribute, its entities decoded. */
static void decode(GString *out, const char *at, const char *end)
{
    while (at < end) {
        const char *next;
        gunichar c = *at == '&' ? entity(at, end, &next) : 0;

        if (c)
            g_string_append_unichar(out, c);
        else
            g_string_append_c(out, *at), next = at + 1;
        at = next;
    }
}

/* The value of an attribute in a tag. */
static void attribute(const char *tag, const char *end, const char *name, GString *out)
{
    size_t len = strlen(name);

    g_string_truncate(out, 0);
    for (const char *at = tag + 1; at + len + 1 < end; at++) {
        const char *value = at + len + 1, *stop;
        char quote;

        if (!g_ascii_isspace(at[-1]) || g_ascii_strncasecmp(at, name, len) != 0 || at[len] != '=')
            continue;
        quote = *value == '"' || *value == '\'' ? *value++ : 0;
        for (stop = value; stop < end && (quote ? *stop != quote : !g_ascii_isspace(*stop)); stop++)
            continue;
        decode(out, value, stop);
        return;
    }
}

static void close_link(struct html *h)
{
    const char *words = h->out->str + MIN(h->link_at, h->out->len);
    bool same = h->link->len && strstr(words, h->link->str) != NULL;

    if (h->link->len > 1 && h->link->str[0] != '#' && !same) {
        bool mail = g_ascii_strncasecmp(h->link->str, "mailto:", 7) == 0;

        if (!mail || !strstr(words, h->link->str + 7)) {
            if (h->link->len > ADDRESS) {
                g_string_truncate(h->link, ADDRESS);
                g_string_append(h->link, "...");
            }
            h->blank = true;
            put(h, "<", 1);
            put(h, h->link->str, h->link->len);
            put(h, ">", 1);
        }
    }
    g_string_truncate(h->link, 0);
}

static void open_tag(struct html *h, const char *name, const char *end)
{
    GString *text = g_string_new(NULL);

    if (strcmp(name, "a") == 0) {
        close_link(h);
        attribute(h->at, end, "href", h->link);
        h->link_at = h->out->len;
    } else if (strcmp(name, "img") == 0) {
        attribute(h->at, end, "alt", text);
        if (text->len) {
            put(h, "[", 1);
            put(h, text->str, text->len);
            put(h, "]", 1);
        }
    } else if (strcmp(name, "td") == 0 || strcmp(name, "th") == 0) {
        h->blank = true;
    } else if (strcmp(name, "pre") == 0) {
        h->pre++;
    }
    g_string_free(text, TRUE);
}

/* Past the end of an element whose inside is hidden. */
static const char *skip_hidden(struct html *h, size_t which, const char *end)
{
    const char *name = hidden[which];
    size_t len = strlen(name);
    const char *at = end;

    while (!(h->endless & 1u << which) && (at = strstr(at, "</")) != NULL) {
        if (g_ascii_strncasecmp(at + 2, name, len) == 0 && !g_ascii_isalnum(at[2 + len]))
            return tag_end(at);
        at += 2;
    }
    h->endless |= 1u << which; /* not to be looked for again and again */
    return end;                /* it has no end: then what is behind it is better shown */
}

static void take_tag(struct html *h)
{
    bool closes = h->at[1] == '/';
    const char *end = tag_end(h->at), *from = h->at + 1 + closes;
    char name[NAME];
    size_t len = 0;

    for (; len + 1 < sizeof name && g_ascii_isalnum(from[len]); len++)
        name[len] = (char)pf_lower((unsigned char)from[len]);
    name[len] = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++)
        if (strcmp(blocks[i].name, name) == 0) {
            h->breaks =
                strcmp(name, "br") == 0 ? MIN(h->breaks + 1, 2) : MAX(h->breaks, blocks[i].breaks);
            if (!closes && blocks[i].begin[0])
                put(h, blocks[i].begin, strlen(blocks[i].begin));
        }
    if (!closes)
        open_tag(h, name, end);
    else if (strcmp(name, "a") == 0)
        close_link(h);
    else if (strcmp(name, "pre") == 0 && h->pre)
        h->pre--;
    for (size_t i = 0; !closes && i < G_N_ELEMENTS(hidden); i++)
        if (strcmp(hidden[i], name) == 0)
            end = skip_hidden(h, i, end);
    h->at = *end ? end + 1 : end;
}

static void take_text(struct html *h)
{
    if (h->pre && *h->at == '\n')
        h->breaks++;
    else if (h->pre && *h->at != '\r')
        put(h, h->at, 1);
    else if (g_ascii_isspace(*h->at))
        h->blank = true;
    else
        put(h, h->at, 1);
    h->at++;
}

static void take_comment(struct html *h)
{
    const char *end = h->endless & COMMENT ? NULL : strstr(h->at + 4, "-->");

    if (!end)
        h->endless |= COMMENT;
    h->at = end ? end + 3 : tag_end(h->at + 2);
}

char *pf_explore_html(const char *html)
{
    struct html h = {.out = g_string_new(NULL), .link = g_string_new(NULL), .at = html};

    while (*h.at) {
        if (g_str_has_prefix(h.at, "<!--"))
            take_comment(&h);
        else if (*h.at == '<' &&
                 (g_ascii_isalpha(h.at[1]) || h.at[1] == '/' || h.at[1] == '!' || h.at[1] == '?'))
            take_tag(&h);
        else if (*h.at != '&' || !take_entity(&h))
            take_text(&h);
    }
    close_link(&h);
    g_string_append_c(h.out, '\n');
    g_string_free(h.link, TRUE);
    return g_string_free(h.out, FALSE);
}
