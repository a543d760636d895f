#include "talk.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TEXT_MAX = 4 << 20, /* what one line may unfold to: a mistake in a repeat count ends here */
    DEPTH_MAX = 4
};

struct talk_chunk {
    struct talk_chunk *next;
    max_align_t data[];
};

void *talk_alloc(struct talk_pool *pool, size_t n)
{
    struct talk_chunk *c = calloc(1, sizeof *c + n);

    if (!c)
        abort();
    c->next = pool->chunks;
    pool->chunks = c;
    return c->data;
}

char *talk_keep(struct talk_pool *pool, struct pf_bytes b)
{
    char *copy = talk_alloc(pool, b.len + 1);

    if (b.len)
        memcpy(copy, b.at, b.len);
    return copy;
}

void talk_pool_free(struct talk_pool *pool)
{
    while (pool->chunks) {
        struct talk_chunk *next = pool->chunks->next;

        free(pool->chunks);
        pool->chunks = next;
    }
}

void talk_put(struct talk_buf *b, struct pf_bytes add)
{
    if (add.len > b->cap - b->len) {
        b->cap = (b->len + add.len) * 2;
        b->at = realloc(b->at, b->cap);
        if (!b->at)
            abort();
    }
    if (add.len)
        memcpy(b->at + b->len, add.at, add.len);
    b->len += add.len;
}

void talk_drop(struct talk_buf *b, size_t n)
{
    b->len -= n;
    if (b->len && n)
        memmove(b->at, b->at + n, b->len);
}

void talk_buf_free(struct talk_buf *b)
{
    free(b->at);
    *b = (struct talk_buf){0};
}

/* The unfolding of one text: `in` is what is left to read, `out` what was unfolded. */
struct unfold {
    struct pf_bytes in;
    uint16_t *out;
    size_t len, cap;
    bool wild;
    const struct talk_box *box;
    const char *wrong;
};

static void put_one(struct unfold *u, unsigned token)
{
    if (u->len == u->cap) {
        u->cap = u->cap ? u->cap * 2 : 64;
        u->out = realloc(u->out, u->cap * sizeof *u->out);
        if (!u->out)
            abort();
    }
    if (u->len < TEXT_MAX)
        u->out[u->len++] = (uint16_t)token;
    else
        u->wrong = "text too long";
}

static bool take(struct unfold *u, const char *word)
{
    struct pf_bytes w = pf_bytes_of(word);

    if (!pf_bytes_equal(pf_bytes_head(u->in, w.len), w))
        return false;
    u->in = pf_bytes_skip(u->in, w.len);
    return true;
}

static uint64_t take_number(struct unfold *u)
{
    uint64_t n = 0;

    if (!u->in.len || !isdigit(*u->in.at))
        u->wrong = "a number was expected";
    for (; u->in.len && isdigit(*u->in.at) && n < TEXT_MAX; u->in = pf_bytes_skip(u->in, 1))
        n = n * 10 + (uint64_t)(*u->in.at - '0');
    return n;
}

static void take_hex(struct unfold *u)
{
    char digits[3] = {0};
    char *end;
    unsigned long value;

    if (u->in.len < 2) {
        u->wrong = "\\x wants two hex digits";
        return;
    }
    memcpy(digits, u->in.at, 2);
    value = strtoul(digits, &end, 16);
    if (end != digits + 2)
        u->wrong = "\\x wants two hex digits";
    u->in = pf_bytes_skip(u->in, 2);
    put_one(u, (unsigned)value);
}

static void unfold(struct unfold *u, bool inside, int depth);

static void repeat(struct unfold *u, int depth)
{
    uint64_t times = take_number(u);
    size_t from = u->len, one;

    if (!take(u, ":"))
        u->wrong = "\\{ wants number, colon, text";
    unfold(u, true, depth + 1);
    one = u->len - from;
    if (!times)
        u->len = from;
    for (uint64_t i = 1; i < times && !u->wrong; i++)
        for (size_t k = 0; k < one; k++)
            put_one(u, u->out[from + k]);
}

static void base64(struct unfold *u, int depth)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t from = u->len, n;
    uint16_t *raw;

    unfold(u, true, depth + 1);
    n = u->len - from;
    raw = calloc(n + 3, sizeof *raw);
    if (!raw)
        abort();
    if (n)
        memcpy(raw, u->out + from, n * sizeof *raw);
    u->len = from;
    for (size_t i = 0; i < n; i += 3) {
        unsigned group = (raw[i] & 255u) << 16 | (raw[i + 1] & 255u) << 8 | (raw[i + 2] & 255u);

        put_one(u, (unsigned char)digits[group >> 18]);
        put_one(u, (unsigned char)digits[group >> 12 & 63]);
        put_one(u, i + 1 < n ? (unsigned char)digits[group >> 6 & 63] : '=');
        put_one(u, i + 2 < n ? (unsigned char)digits[group & 63] : '=');
    }
    free(raw);
}

static void uid(struct unfold *u)
{
    uint64_t n = take_number(u);

    if (!take(u, "}") || !u->box || n < 1 || n > u->box->count) {
        u->wrong = "\\uid{n} wants the number of a message of the box";
        return;
    }
    for (const char *c = u->box->messages[n - 1].uid; *c; c++)
        put_one(u, (unsigned char)*c);
}

static void escape(struct unfold *u, int depth)
{
    static const char plain[][2] = {{'r', '\r'}, {'n', '\n'}, {'t', '\t'}, {'0', '\0'},
                                    {'s', ' '},  {'\\', '\\'}, {'*', '*'}, {'}', '}'}};

    if (take(u, "{")) {
        repeat(u, depth);
        return;
    }
    if (take(u, "b64{")) {
        base64(u, depth);
        return;
    }
    if (take(u, "uid{")) {
        uid(u);
        return;
    }
    if (take(u, "x")) {
        take_hex(u);
        return;
    }
    for (size_t i = 0; u->in.len && i < sizeof plain / sizeof plain[0]; i++)
        if (*u->in.at == (unsigned char)plain[i][0]) {
            put_one(u, (unsigned char)plain[i][1]);
            u->in = pf_bytes_skip(u->in, 1);
            return;
        }
    u->wrong = "unknown escape";
}

static void unfold(struct unfold *u, bool inside, int depth)
{
    if (depth > DEPTH_MAX)
        u->wrong = "escapes too deep";
    while (u->in.len && !u->wrong) {
        unsigned char c = *u->in.at;

        u->in = pf_bytes_skip(u->in, 1);
        if (inside && c == '}')
            return;
        if (c == '\\')
            escape(u, depth);
        else
            put_one(u, c == '*' && u->wild ? TALK_WILD : c);
    }
    if (inside && !u->wrong)
        u->wrong = "a brace is not closed";
}

const char *talk_text_read(struct talk_pool *pool, struct pf_bytes from, bool wild,
                           const struct talk_box *box, struct talk_text *out_text)
{
    struct unfold u = {.in = from, .wild = wild, .box = box};

    unfold(&u, false, 0);
    out_text->len = u.len;
    out_text->at = talk_alloc(pool, u.len * sizeof *u.out);
    if (u.len)
        memcpy(out_text->at, u.out, u.len * sizeof *u.out);
    free(u.out);
    return u.wrong;
}

struct pf_bytes talk_text_bytes(struct talk_pool *pool, const struct talk_text *text)
{
    unsigned char *at = talk_alloc(pool, text->len);

    for (size_t i = 0; i < text->len; i++)
        at[i] = (unsigned char)text->at[i];
    return pf_bytes_from(at, text->len);
}

bool talk_text_matches(const struct talk_text *pattern, struct pf_bytes line)
{
    size_t p = 0, i = 0, star = SIZE_MAX, from = 0;

    while (i < line.len) {
        if (p < pattern->len && pattern->at[p] == TALK_WILD) {
            star = p++;
            from = i;
        } else if (p < pattern->len && pattern->at[p] == line.at[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern->len && pattern->at[p] == TALK_WILD)
        p++;
    return p == pattern->len;
}

const char *talk_show(char *to, size_t cap, struct pf_bytes b)
{
    struct pf_span s = {(unsigned char *)to, 0, cap - 4};

    for (size_t i = 0; i < b.len; i++) {
        char one[5];
        unsigned char c = b.at[i];

        snprintf(one, sizeof one, c < 0x20 || c > 0x7e ? "\\x%02x" : "%c", c);
        if (!pf_span_put(&s, pf_bytes_of(one))) {
            memcpy(to + s.len, "...", 3);
            s.len += 3;
            break;
        }
    }
    to[s.len] = '\0';
    return to;
}
