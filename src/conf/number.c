#include "conf/number.h"

#include "base/text.h"

#include <inttypes.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, as numbers are printed. */
static const struct unit times[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
static const struct unit sizes[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};
static const struct unit days[] = {{"d", 1}, {"", 1}};
static const struct unit plain[] = {{"", 1}};

static const struct unit *units_of(const struct pf_conf_row *row, size_t *out_count)
{
    if (row->type == PF_CONF_DURATION)
        return *out_count = sizeof times / sizeof times[0], times;
    if (row->type == PF_CONF_SIZE)
        return *out_count = sizeof sizes / sizeof sizes[0], sizes;
    if (row->type == PF_CONF_DAYS)
        return *out_count = sizeof days / sizeof days[0], days;
    return *out_count = 1, plain;
}

/* How much of the units' measure one of the field is: fields in seconds are read in ms. */
static int64_t grain(const struct pf_conf_row *row)
{
    return row->type == PF_CONF_DURATION && strcmp(row->unit, "s") == 0 ? 1000 : 1;
}

enum pf_conf_number pf_conf_number_read(const struct pf_conf_row *row, struct pf_bytes word,
                                        int64_t *out_value)
{
    size_t digits = 0, count;
    const struct unit *units = units_of(row, &count), *unit = NULL;
    struct pf_bytes suffix;
    uint64_t number;
    int64_t value;

    if (row->type == PF_CONF_DAYS && pf_bytes_equal(word, PF_LIT("never")))
        return *out_value = -1, PF_CONF_NUMBER_GOOD;
    while (digits < word.len && pf_is_digit(word.at[digits]))
        digits++;
    suffix = pf_bytes_skip(word, digits);
    for (size_t i = 0; i < count; i++)
        if (pf_bytes_equal(pf_bytes_of(units[i].name), suffix))
            unit = &units[i];
    if (digits == 0 || (!unit && suffix.len))
        return PF_CONF_NUMBER_NONE;
    if (!pf_parse_u64(pf_bytes_head(word, digits), &number) || number > INT64_MAX)
        return PF_CONF_NUMBER_RANGE;
    if (!unit && number)
        return PF_CONF_NUMBER_BARE;
    if (__builtin_mul_overflow((int64_t)number, unit ? unit->factor : 1, &value))
        return PF_CONF_NUMBER_RANGE;
    if (value % grain(row))
        return PF_CONF_NUMBER_BROKEN;
    value /= grain(row);
    if (value < row->min || value > row->max)
        return PF_CONF_NUMBER_RANGE;
    return *out_value = value, PF_CONF_NUMBER_GOOD;
}

void pf_conf_number_text(const struct pf_conf_row *row, int64_t value,
                         char out_text[PF_CONF_NUMBER_TEXT])
{
    size_t count, at = 0;
    const struct unit *units = units_of(row, &count);
    int64_t whole = value * grain(row);

    if (row->type == PF_CONF_DAYS && value < 0) {
        snprintf(out_text, PF_CONF_NUMBER_TEXT, "never");
        return;
    }
    if (value == 0) {
        snprintf(out_text, PF_CONF_NUMBER_TEXT, "0");
        return;
    }
    while (at + 1 < count && whole % units[at].factor)
        at++;
    snprintf(out_text, PF_CONF_NUMBER_TEXT, "%" PRId64 "%s", whole / units[at].factor, units[at].name);
}
