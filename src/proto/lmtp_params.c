#include "proto/lmtp_params.h"

#include "base/text.h"

enum { SIZE_DIGITS = 20 }; /* RFC 1870 section 3: size-value = 1*20DIGIT */

static const struct pf_lmtp_answer good = {0};
static const struct pf_lmtp_answer twice = {501, "5.5.4", "parameter given twice"};
static const struct pf_lmtp_answer bad_value = {501, "5.5.4", "bad value of a parameter"};

static struct pf_lmtp_answer size(struct pf_lmtp_params *p, struct pf_bytes value, bool valued)
{
    if (p->sized)
        return twice;
    if (!valued || value.len == 0 || value.len > SIZE_DIGITS)
        return bad_value;
    for (size_t i = 0; i < value.len; i++)
        if (!pf_is_digit(value.at[i]))
            return bad_value;
    if (!pf_parse_u64(value, &p->size)) /* twenty digits can say more than 2^64 */
        p->size = UINT64_MAX;
    p->sized = true;
    return good;
}

/* Text goes through as it is in both cases, so the value changes nothing. */
static struct pf_lmtp_answer body(struct pf_lmtp_params *p, struct pf_bytes value, bool valued)
{
    if (p->bodied)
        return twice;
    if (!valued)
        return bad_value;
    if (!pf_equal_nocase(value, PF_LIT("7BIT")) && !pf_equal_nocase(value, PF_LIT("8BITMIME")))
        return (struct pf_lmtp_answer){504, "5.5.4", "BODY is 7BIT or 8BITMIME here"};
    p->bodied = true;
    return good;
}

static struct pf_lmtp_answer smtputf8(struct pf_lmtp_params *p, struct pf_bytes value, bool valued)
{
    (void)value;
    if (p->utf8)
        return twice;
    if (valued)
        return bad_value;
    p->utf8 = true;
    return good;
}

static bool is_name(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = pf_lower(name.at[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && (c != '-' || i == 0))
            return false;
    }
    return name.len > 0;
}

static struct pf_lmtp_answer take(struct pf_lmtp_params *p, struct pf_bytes parameter)
{
    static const struct {
        const char *name;
        struct pf_lmtp_answer (*take)(struct pf_lmtp_params *, struct pf_bytes value, bool valued);
    } table[] = {{"SIZE", size}, {"BODY", body}, {"SMTPUTF8", smtputf8}};
    size_t equals = pf_find(parameter, '=');
    struct pf_bytes name = pf_bytes_head(parameter, equals);

    if (!is_name(name))
        return (struct pf_lmtp_answer){501, "5.5.4", "bad parameter"};
    for (size_t i = 0; p && i < sizeof table / sizeof table[0]; i++)
        if (pf_equal_nocase(name, pf_bytes_of(table[i].name)))
            return table[i].take(p, pf_bytes_skip(parameter, equals + 1), equals < parameter.len);
    return (struct pf_lmtp_answer){555, "5.5.4", "parameter not known or not offered here"};
}

/* `p` is NULL where no parameter is known. */
static struct pf_lmtp_answer each(struct pf_bytes rest, struct pf_lmtp_params *p)
{
    while (rest.len) {
        struct pf_lmtp_answer a;
        size_t n;

        if (rest.at[0] != ' ')
            return (struct pf_lmtp_answer){501, "5.5.4", "space missing behind the address"};
        while (rest.len && rest.at[0] == ' ')
            rest = pf_bytes_skip(rest, 1);
        n = pf_find(rest, ' ');
        a = take(p, pf_bytes_head(rest, n));
        if (a.code)
            return a;
        rest = pf_bytes_skip(rest, n);
    }
    return good;
}

struct pf_lmtp_answer pf_lmtp_params_mail(struct pf_bytes rest, struct pf_lmtp_params *out_params)
{
    *out_params = (struct pf_lmtp_params){0};
    return each(rest, out_params);
}

struct pf_lmtp_answer pf_lmtp_params_rcpt(struct pf_bytes rest)
{
    return each(rest, NULL);
}
