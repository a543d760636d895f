#include "auth/quota_words.h"

#include "base/text.h"

/* More than any disk, and it fits where negative numbers have a meaning. */
static const uint64_t most = UINT64_C(1) << 60;

/* The power of 1024 that a letter stands for; -1 for none. */
static int power_of(unsigned char letter)
{
    static const char letters[] = "bkmgt";
    const char *found = letter ? strchr(letters, pf_lower(letter)) : NULL;

    return found ? (int)(found - letters) : -1;
}

/* A number, and perhaps a letter; without one `power` counts. 0 becomes -1. */
static bool read_size(struct pf_bytes text, int power, int64_t *out_size)
{
    uint64_t number;

    if (text.len && power_of(text.at[text.len - 1]) >= 0) {
        power = power_of(text.at[text.len - 1]);
        text.len--;
    }
    if (!pf_parse_u64(text, &number))
        return false;
    for (int i = 0; i < power; i++)
        if (__builtin_mul_overflow(number, 1024, &number))
            return false;
    if (number > most)
        return false;
    *out_size = number ? (int64_t)number : -1;
    return true;
}

static bool read_count(struct pf_bytes text, int64_t *out_count)
{
    return text.len && pf_is_digit(text.at[text.len - 1]) && read_size(text, 0, out_count);
}

bool pf_quota_words(const char *text, int64_t *octets, int64_t *messages)
{
    struct pf_bytes all = pf_bytes_of(text);
    size_t comma = pf_find(all, ',');
    int64_t size, count = *messages;

    if (!read_size(pf_bytes_head(all, comma), 0, &size) ||
        (comma < all.len && !read_count(pf_bytes_skip(all, comma + 1), &count)))
        return false;
    *octets = size;
    *messages = count;
    return true;
}

/* One "name=value" of a rule. */
static bool read_part(struct pf_bytes part, int64_t *octets, int64_t *messages)
{
    size_t equals = pf_find(part, '=');
    struct pf_bytes name = pf_bytes_head(part, equals), value = pf_bytes_skip(part, equals + 1);

    if (pf_equal_nocase(name, PF_LIT("storage")))
        return read_size(value, 1, octets);
    if (pf_equal_nocase(name, PF_LIT("bytes")))
        return read_size(value, 0, octets);
    return pf_equal_nocase(name, PF_LIT("messages")) && read_count(value, messages);
}

bool pf_quota_rule(const char *text, int64_t *octets, int64_t *messages)
{
    struct pf_bytes rest = pf_bytes_of(text);
    size_t colon = pf_find(rest, ':');
    int64_t size = *octets, count = *messages;

    if (colon == rest.len)
        return false;
    if (colon != 1 || rest.at[0] != '*') /* of a folder */
        return true;
    while (colon < rest.len) {
        rest = pf_bytes_skip(rest, colon + 1);
        colon = pf_find(rest, ':');
        if (!read_part(pf_bytes_head(rest, colon), &size, &count))
            return false;
    }
    *octets = size;
    *messages = count;
    return true;
}
