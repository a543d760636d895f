#include "conf/lex.h"

#include "base/text.h"
#include "base/words.h"
#include "conf/utf8.h"

static struct pf_conf_place place_at(const struct pf_conf_lex *lex, size_t at)
{
    return (struct pf_conf_place){lex->source, lex->source->base + at, at, lex->line};
}

static struct pf_bytes rest_of_line(const struct pf_conf_lex *lex, size_t at)
{
    return pf_bytes_from(lex->source->text.at + at, lex->line_end - at);
}

/* What is wrong with the character that `b` begins with, and what to do; false when nothing is. */
static bool look_at(struct pf_bytes b, const char **out_text, const char **out_hint)
{
    if (pf_conf_utf8(b) == 0) {
        *out_text = PF_WORDS("this is not UTF-8");
        *out_hint = PF_WORDS("save the file as UTF-8, or write \\xNN in quotes");
    } else if (b.at[0] == 0) {
        *out_text = PF_WORDS("a NUL octet");
        *out_hint = PF_WORDS("is this a text file? UTF-16 has such octets: save it as UTF-8");
    } else if (b.at[0] != '\t' && pf_conf_is_control(b)) {
        *out_text = PF_WORDS("a control character");
        *out_hint = PF_WORDS("remove it, or write \\xNN in quotes");
    } else if (b.len > 1 && b.at[0] == 0xc2 && b.at[1] == 0xa0) {
        *out_text = PF_WORDS("a no-break space, which looks like a space but is none");
        *out_hint = PF_WORDS("write a plain space, or \\xc2\\xa0 in quotes");
    } else {
        return false;
    }
    return true;
}

static void wrong(struct pf_conf_lex *lex, size_t at, const char *text, const char *hint)
{
    struct pf_conf_place place = place_at(lex, at);

    if (lex->mistakes)
        pf_conf_hint(pf_conf_wrong(lex->mistakes, &place, "%s", pf_words(text)), "%s", pf_words(hint));
}

static void begin_line(struct pf_conf_lex *lex)
{
    struct pf_bytes rest = pf_bytes_skip(lex->source->text, lex->at);
    const unsigned char *feed = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
    const char *text, *hint;

    lex->line++;
    lex->leads = true;
    lex->bad_at = SIZE_MAX;
    lex->line_next = feed ? (size_t)(feed - lex->source->text.at) : lex->source->text.len;
    lex->line_end = lex->line_next;
    if (lex->line_end > lex->at && lex->source->text.at[lex->line_end - 1] == '\r')
        lex->line_end--;
    if (lex->line_end - lex->at > PF_CONF_LINE_MAX) {
        lex->line_end = lex->at + PF_CONF_LINE_MAX;
        lex->bad_at = lex->line_end - 1; /* the word that is cut there is bad, too */
        wrong(lex, lex->line_end, "the line is too long", "a line has at most 8192 octets");
    }
    for (size_t at = lex->at; at < lex->line_end;) {
        size_t len = pf_conf_utf8(rest_of_line(lex, at));

        if (look_at(rest_of_line(lex, at), &text, &hint)) {
            /* A character that the limit cuts in two is no mistake of its own. */
            if (lex->bad_at == SIZE_MAX || len || lex->line_end - at > 3)
                wrong(lex, at, text, hint);
            lex->bad_at = at;
            return;
        }
        at += len;
    }
}

void pf_conf_lex_init(struct pf_conf_lex *lex, const struct pf_conf_source *source,
                      struct pf_conf_mistakes *mistakes, struct pf_conf_memory **memory)
{
    *lex = (struct pf_conf_lex){.source = source, .mistakes = mistakes, .memory = memory};
    lex->at = pf_conf_text_begin(source);
    begin_line(lex);
}

static int hex(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the escape that `raw` begins with; returns its octets, or 0 when it is none. */
static size_t escape(struct pf_bytes raw, unsigned char *out_octet)
{
    unsigned char c = raw.len > 1 ? raw.at[1] : 0;

    if (c == '"' || c == '\\' || c == 'n') {
        *out_octet = c == 'n' ? '\n' : c;
        return 2;
    }
    if (c == 'x' && raw.len > 3 && hex(raw.at[2]) >= 0 && hex(raw.at[3]) >= 0) {
        *out_octet = (unsigned char)(hex(raw.at[2]) << 4 | hex(raw.at[3]));
        return 4;
    }
    return 0;
}

/* The string's octets behind its opening quote, up to the closing one or the line's end. */
static size_t string_length(struct pf_bytes raw)
{
    size_t at = 0;

    while (at < raw.len && raw.at[at] != '"')
        at += raw.at[at] == '\\' && at + 1 < raw.len ? 2 : 1;
    return at;
}

static void decode(struct pf_conf_lex *lex, struct pf_conf_token *token, struct pf_bytes raw)
{
    unsigned char *room = pf_conf_memory_take(lex->memory, raw.len + 1);
    size_t used = 0;

    if (!room) {
        pf_conf_no_memory(lex->mistakes, &token->place);
        token->bad = true;
        return;
    }
    while (raw.len) {
        unsigned char octet = raw.at[0];
        size_t len = octet == '\\' ? escape(raw, &octet) : 1;

        if (len == 0 || (octet == 0 && len > 1)) {
            wrong(lex, (size_t)(raw.at - lex->source->text.at),
                  len ? "a value cannot hold a NUL" : "this is no escape",
                  len ? "" : "there are \\\" \\\\ \\n and \\xNN; a backslash itself is \\\\");
            token->bad = true;
            len = len ? len : 1;
        }
        room[used++] = octet;
        raw = pf_bytes_skip(raw, len);
    }
    token->text = pf_bytes_from(room, used);
}

/* The octets at the end of an open string that are most likely meant to close blocks. */
static size_t closing_braces(struct pf_bytes raw)
{
    size_t at = raw.len;

    while (at > 0 && memchr("} \t;", raw.at[at - 1], 4))
        at--;
    return raw.len - at;
}

static bool ends_word(unsigned char c)
{
    return memchr(" \t{};", c, 5) != NULL;
}

static void read_string(struct pf_conf_lex *lex, struct pf_conf_token *token)
{
    struct pf_bytes raw = rest_of_line(lex, lex->at + 1);
    size_t len = string_length(raw);
    bool closed = len < raw.len;

    raw.len = len;
    token->text = raw;
    lex->at += 1 + len + closed;
    if (!closed && lex->bad_at == SIZE_MAX) {
        wrong(lex, token->place.at, "the string has no closing quote", "a string ends on its line");
        lex->bad_at = token->place.at;
        lex->at -= closing_braces(raw);
    } else if (lex->at < lex->bad_at && lex->at < lex->line_end &&
               !ends_word(lex->source->text.at[lex->at])) {
        wrong(lex, lex->at, "a space is missing behind the string", "");
        lex->bad_at = lex->at;
        token->bad = true;
    }
    if (lex->mistakes && closed && pf_find(raw, '\\') < raw.len)
        decode(lex, token, raw);
}

static void read_word(struct pf_conf_lex *lex, struct pf_conf_token *token)
{
    size_t begin = lex->at;

    for (; lex->at < lex->line_end; lex->at++) {
        unsigned char c = lex->source->text.at[lex->at];

        if (ends_word(c))
            break;
        if ((c == '#' || c == '"') && lex->at < lex->bad_at) {
            wrong(lex, lex->at, c == '#' ? "`#` inside of a word" : "a quote inside of a word",
                  c == '#' ? "a comment needs a space before it; a word with `#` needs quotes"
                           : "put the whole word in quotes");
            lex->bad_at = lex->at;
        }
    }
    token->text = pf_bytes_from(lex->source->text.at + begin, lex->at - begin);
}

static struct pf_conf_token line_ends(struct pf_conf_lex *lex)
{
    bool last = lex->line_next == lex->source->text.len;
    struct pf_conf_token token = {.kind = last ? PF_CONF_EOF : PF_CONF_END,
                                  .place = place_at(lex, lex->at)};

    if (!last) {
        lex->at = lex->line_next + 1;
        begin_line(lex);
    }
    return token;
}

struct pf_conf_token pf_conf_lex_next(struct pf_conf_lex *lex)
{
    const unsigned char *text = lex->source->text.at;
    struct pf_conf_token token;

    while (lex->at < lex->line_end && (text[lex->at] == ' ' || text[lex->at] == '\t'))
        lex->at++;
    if (lex->at < lex->line_end && text[lex->at] == '#')
        lex->at = lex->line_end;
    if (lex->at == lex->line_end)
        return line_ends(lex);
    token = (struct pf_conf_token){.place = place_at(lex, lex->at), .leads = lex->leads};
    lex->leads = false;
    if (text[lex->at] == '{' || text[lex->at] == '}' || text[lex->at] == ';') {
        token.kind = text[lex->at] == '{'   ? PF_CONF_OPEN
                     : text[lex->at] == '}' ? PF_CONF_CLOSE
                                            : PF_CONF_END;
        lex->at++;
    } else if (text[lex->at] == '"') {
        read_string(lex, &token);
    } else {
        read_word(lex, &token);
    }
    token.bad = token.bad || lex->at > lex->bad_at;
    return token;
}

long pf_conf_lex_open(const struct pf_conf_source *source)
{
    struct pf_conf_lex lex;
    struct pf_conf_token token;
    long open = 0;

    pf_conf_lex_init(&lex, source, NULL, NULL);
    do {
        token = pf_conf_lex_next(&lex);
        open += (token.kind == PF_CONF_OPEN) - (token.kind == PF_CONF_CLOSE);
    } while (token.kind != PF_CONF_EOF);
    return open;
}
