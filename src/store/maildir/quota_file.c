#include "store/maildir/quota_file.h"

#include "base/text.h"

#include <inttypes.h>

static bool is_white(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static struct pf_bytes without_white(struct pf_bytes b)
{
    while (b.len && is_white(b.at[0]))
        b = pf_bytes_skip(b, 1);
    return b;
}

/* The next word of a line, which is taken off *rest too. */
static struct pf_bytes word(struct pf_bytes *rest)
{
    struct pf_bytes from = without_white(*rest);
    size_t len = 0;

    while (len < from.len && !is_white(from.at[len]))
        len++;
    *rest = pf_bytes_skip(from, len);
    return pf_bytes_head(from, len);
}

static bool number(struct pf_bytes b, int64_t *out_number)
{
    bool negative = b.len && b.at[0] == '-';
    bool sign = negative || (b.len && b.at[0] == '+');
    uint64_t n;

    if (!pf_parse_u64(pf_bytes_skip(b, sign), &n) || n > INT64_MAX)
        return false;
    *out_number = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

void pf_maildir_size_limit(struct pf_bytes line, struct pf_maildir_quota *out_limit)
{
    *out_limit = (struct pf_maildir_quota){0};
    while (line.len) {
        struct pf_bytes one = pf_bytes_head(line, pf_find(line, ','));
        uint64_t n;

        line = pf_bytes_skip(line, one.len + 1);
        if (!one.len || !pf_parse_u64(pf_bytes_head(one, one.len - 1), &n))
            continue;
        if (one.at[one.len - 1] == 'S')
            out_limit->octets = n;
        if (one.at[one.len - 1] == 'C')
            out_limit->messages = n;
    }
}

static bool add_line(struct pf_bytes line, int64_t *octets, int64_t *messages)
{
    int64_t more_octets, more_messages;

    return number(word(&line), &more_octets) && number(word(&line), &more_messages) &&
           !without_white(line).len && !__builtin_add_overflow(*octets, more_octets, octets) &&
           !__builtin_add_overflow(*messages, more_messages, messages);
}

bool pf_maildir_size_parse(struct pf_bytes text, struct pf_maildir_size_file *out_file)
{
    struct pf_bytes first = pf_bytes_head(text, pf_find(text, '\n'));
    struct pf_maildir_size_file file = {.lines = 0};
    int64_t octets = 0, messages = 0;

    pf_maildir_size_limit(first, &file.limit);
    text = pf_bytes_skip(text, first.len + 1);
    while (text.len) {
        struct pf_bytes line = pf_bytes_head(text, pf_find(text, '\n'));

        if (line.len == text.len || !add_line(line, &octets, &messages))
            return false;
        text = pf_bytes_skip(text, line.len + 1);
        file.lines++;
    }
    if (!file.lines || octets < 0 || messages < 0)
        return false;
    file.usage = (struct pf_maildir_usage){(uint64_t)octets, (uint64_t)messages};
    *out_file = file;
    return true;
}

bool pf_maildir_size_put_limit(struct pf_span *to, const struct pf_maildir_quota *q)
{
    if (q->octets && q->messages)
        return pf_span_format(to, "%" PRIu64 "S,%" PRIu64 "C\n", q->octets, q->messages);
    if (q->messages)
        return pf_span_format(to, "%" PRIu64 "C\n", q->messages);
    return pf_span_format(to, "%" PRIu64 "S\n", q->octets);
}

/* 14 columns and the line's end, at least (MP-007). */
bool pf_maildir_size_put(struct pf_span *to, int64_t octets, int64_t messages)
{
    return pf_span_format(to, "%12" PRId64 " %" PRId64 "\n", octets, messages);
}
