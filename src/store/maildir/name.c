#include "store/maildir/name.h"

#include "base/text.h"
#include <postfach/listing.h>

enum {
    TIME_DIGITS = 12, /* seconds up to the year 33658, and no overflow in microseconds */
    SIZE_DIGITS = 18  /* far beyond any file, and no overflow */
};

static bool alnum(unsigned char c)
{
    return pf_is_digit(c) || (pf_lower(c) >= 'a' && pf_lower(c) <= 'z');
}

static size_t digits(struct pf_bytes b)
{
    size_t n = 0;

    while (n < b.len && pf_is_digit(b.at[n]))
        n++;
    return n;
}

/* A plain number of limited length at the head of b. */
static bool number(struct pf_bytes b, size_t most, uint64_t *out_number)
{
    size_t n = digits(b);

    return n && n <= most && pf_parse_u64(pf_bytes_head(b, n), out_number);
}

/* A field of the base name: ",S=123" up to the next ',' or the end. */
static bool field(struct pf_bytes base, unsigned char letter, uint64_t *out_number)
{
    for (size_t i = 0; i + 3 < base.len; i++) {
        struct pf_bytes value = pf_bytes_skip(base, i + 3);

        if (base.at[i] != ',' || base.at[i + 1] != letter || base.at[i + 2] != '=')
            continue;
        value = pf_bytes_head(value, pf_find(value, ','));
        return value.len == digits(value) && number(value, SIZE_DIGITS, out_number);
    }
    return false;
}

/* The part between the dots: letters with numbers, or the process id of old times. */
static bool unique_part(struct pf_bytes part)
{
    bool digit = false;

    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = part.at[i];

        if (!alnum(c) && c != '_' && c != '#' && c != '-')
            return false;
        digit |= pf_is_digit(c);
    }
    return digit;
}

/* time.unique.host; some agents number their messages behind the time: time_3.unique.host. */
static bool form(struct pf_bytes base)
{
    size_t time_len = digits(base);
    struct pf_bytes rest = pf_bytes_skip(base, time_len);
    size_t unique_len;

    if (!time_len || time_len > TIME_DIGITS)
        return false;
    if (rest.len && rest.at[0] == '_') {
        rest = pf_bytes_skip(rest, 1);
        if (!digits(rest))
            return false;
        rest = pf_bytes_skip(rest, digits(rest));
    }
    if (!rest.len || rest.at[0] != '.')
        return false;
    rest = pf_bytes_skip(rest, 1);
    unique_len = pf_find(rest, '.');
    return unique_part(pf_bytes_head(rest, unique_len)) && rest.len > unique_len + 1 &&
           rest.at[unique_len + 1] != ',';
}

static bool legal_uidl(struct pf_bytes base)
{
    if (base.len < 1 || base.len > PF_UIDL_MAX)
        return false;
    for (size_t i = 0; i < base.len; i++)
        if (base.at[i] < 0x21 || base.at[i] > 0x7e)
            return false;
    return true;
}

/* The microseconds that stand behind an M in the unique part. */
static uint64_t micros(struct pf_bytes base)
{
    struct pf_bytes rest = pf_bytes_skip(base, pf_find(base, '.') + 1);
    struct pf_bytes part = pf_bytes_head(rest, pf_find(rest, '.'));
    size_t at = pf_find(part, 'M');
    uint64_t n;

    return at < part.len && number(pf_bytes_skip(part, at + 1), 6, &n) ? n : 0;
}

static void arrival(struct pf_bytes base, struct pf_maildir_name *name)
{
    size_t len = digits(base);
    uint64_t seconds;

    if (len == base.len || (base.at[len] != '.' && base.at[len] != '_') ||
        !number(base, TIME_DIGITS, &seconds))
        return;
    name->has_arrival = true;
    name->arrival = (int64_t)(seconds * 1000000 + micros(base));
}

/* Flags stand between ":2," and the next ','. */
static struct pf_bytes flags(struct pf_bytes info)
{
    if (info.len < 3 || memcmp(info.at, ":2,", 3) != 0)
        return (struct pf_bytes){0};
    info = pf_bytes_skip(info, 3);
    return pf_bytes_head(info, pf_find(info, ','));
}

void pf_maildir_name_parse(struct pf_bytes name, struct pf_maildir_name *out_name)
{
    struct pf_bytes base = pf_bytes_head(name, pf_find(name, ':'));
    struct pf_bytes letters = flags(pf_bytes_skip(name, base.len));

    if (!base.len)
        base = name;
    *out_name = (struct pf_maildir_name){.base_len = base.len};
    out_name->by_form = legal_uidl(base) && form(base);
    out_name->has_size = field(base, 'S', &out_name->size);
    out_name->has_wire = field(base, 'W', &out_name->wire);
    out_name->seen = pf_find(letters, 'S') < letters.len;
    out_name->trashed = pf_find(letters, 'T') < letters.len;
    arrival(base, out_name);
}

bool pf_maildir_name_mark_seen(struct pf_bytes name, struct pf_span *out)
{
    struct pf_bytes base = pf_bytes_head(name, pf_find(name, ':'));
    struct pf_bytes info = pf_bytes_skip(name, base.len);
    struct pf_bytes letters = flags(info);
    struct pf_span made = *out;
    size_t at = 0;
    bool ok;

    if (!base.len || (info.len && (info.len < 3 || memcmp(info.at, ":2,", 3) != 0)) ||
        pf_find(letters, 'S') < letters.len || name.len + 4 > PF_MAILDIR_NAME_MAX)
        return false;
    while (at < letters.len && letters.at[at] < 'S')
        at++;
    ok = pf_span_put(&made, base) && pf_span_put(&made, PF_LIT(":2,")) &&
         pf_span_put(&made, pf_bytes_head(letters, at)) && pf_span_put(&made, PF_LIT("S")) &&
         pf_span_put(&made, pf_bytes_skip(info, info.len ? 3 + at : 0));
    if (ok)
        *out = made;
    return ok;
}

int pf_maildir_name_order(struct pf_bytes a, struct pf_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.at, b.at, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}
