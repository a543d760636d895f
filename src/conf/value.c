#include "conf/value.h"

#include "base/kind.h"
#include "base/text.h"
#include "base/words.h"
#include "conf/host.h"
#include "conf/number.h"
#include "conf/utf8.h"

#include <assert.h>

static int64_t get(const struct pf_conf_row *row, const struct pf_conf_draft *draft)
{
    const char *at = (const char *)draft + row->at;
    bool flag;
    int32_t days;
    uint32_t small;
    int64_t large;

    switch (row->size) {
    case sizeof flag:
        return memcpy(&flag, at, sizeof flag), flag;
    case sizeof small:
        if (row->type == PF_CONF_DAYS)
            return memcpy(&days, at, sizeof days), days;
        return memcpy(&small, at, sizeof small), small;
    default:
        assert(row->size == sizeof large);
        return memcpy(&large, at, sizeof large), large;
    }
}

static void set(const struct pf_conf_row *row, struct pf_conf_draft *draft, int64_t value)
{
    char *at = (char *)draft + row->at;
    bool flag = value != 0;
    uint32_t small = (uint32_t)value;

    if (row->size == sizeof flag)
        memcpy(at, &flag, sizeof flag);
    else if (row->size == sizeof small)
        memcpy(at, &small, sizeof small);
    else
        memcpy(at, &value, sizeof value);
}

static const char *get_text(const struct pf_conf_row *row, const struct pf_conf_draft *draft)
{
    const char *text;

    memcpy(&text, (const char *)draft + row->at, sizeof text);
    return text;
}

static void set_text(const struct pf_conf_row *row, struct pf_conf_draft *draft, const char *text)
{
    memcpy((char *)draft + row->at, &text, sizeof text);
}

static bool read_bool(struct pf_bytes word, bool *out_value)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (pf_equal_nocase(pf_bytes_of(words[i]), word))
            return *out_value = i % 2, true;
    return false;
}

/* The index of the word in the row's words; -1 for none. */
static int read_choice(const struct pf_conf_row *row, struct pf_bytes word)
{
    const char *words = row->unit;
    struct pf_bytes one;

    for (int i = 0; (one = pf_conf_next_word(&words)).len; i++)
        if (pf_bytes_equal(one, word))
            return i;
    return -1;
}

static bool is_user(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = name.at[i];

        if (c <= 0x20 || c == 0x7f || c == ':' || c == '/')
            return false;
    }
    return name.at[0] != '-';
}

static bool has_control(struct pf_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    return false;
}

static bool refuse(const struct pf_conf_input *in, const char *text, const char *hint)
{
    struct pf_conf_shown word = pf_conf_shown(in->word);

    pf_conf_hint(pf_conf_wrong(in->mistakes, in->place, "`%s` %s", word.text, pf_words(text)), "%s", pf_words(hint));
    return false;
}

static bool check_template(const struct pf_conf_input *in)
{
    bool names = false;

    for (size_t i = 0; i < in->word.len; i++) {
        unsigned char c = i + 1 < in->word.len ? in->word.at[i + 1] : 0;

        if (in->word.at[i] != '%')
            continue;
        if (!c || !strchr("und%", c))
            return refuse(
                in, "has a `%` that means nothing",
                "%u is the whole name, %n what stands before the @, %d behind it, %% a percent sign");
        names = names || c == 'u' || c == 'n';
        i++;
    }
    return names ||
           refuse(in, "is the same for every user", "put %u or %n where the user's name belongs");
}

static bool check_text(const struct pf_conf_row *row, const struct pf_conf_input *in)
{
    struct pf_bytes path = in->word;

    if (row->type == PF_CONF_CHOICE) /* its words are short */
        return true;
    if (in->word.len > (uint64_t)row->max) {
        pf_conf_wrong(in->mistakes, in->place, "`%s` has at most %d octets, not %zu", row->name,
                      (int)row->max, in->word.len);
        return false;
    }
    if (row->type == PF_CONF_HOST && !pf_conf_is_host(in->word))
        return refuse(in, "is not a host name",
                      "letters, digits, hyphens and dots, as mail.example.org");
    if (row->type == PF_CONF_NAME && !is_user(in->word))
        return refuse(in, "is not a user of this machine", "write its name, as vmail");
    if (row->type == PF_CONF_TEXT && has_control(in->word))
        return refuse(in, "has a control character in it", "");
    if (row->type == PF_CONF_TEMPLATE)
        pf_kind_of(in->word, &path);
    if ((row->type == PF_CONF_PATH || row->type == PF_CONF_TEMPLATE) && (path.len == 0 || path.at[0] != '/'))
        return refuse(in, "is not an absolute path",
                      row->type == PF_CONF_PATH ? "begin with /" : "begin with /, maildir:/ or mbox:/");
    return row->type != PF_CONF_TEMPLATE || check_template(in);
}

static bool read_text(const struct pf_conf_row *row, const struct pf_conf_input *in,
                      struct pf_conf_draft *draft)
{
    const char *text;

    if (!check_text(row, in))
        return false;
    text = pf_conf_memory_text(in->keep, in->word);
    if (!text) {
        pf_conf_no_memory(in->mistakes, in->place);
        return false;
    }
    set_text(row, draft, text);
    return true;
}

/* "none, starttls or implicit" */
static void list_words(const char *words, struct pf_span *out)
{
    struct pf_bytes word = pf_conf_next_word(&words);

    for (bool first = true; word.len; first = false) {
        struct pf_bytes next = pf_conf_next_word(&words);

        if (!first)
            pf_span_put(out, next.len ? PF_LIT(", ") : PF_LIT(" or "));
        pf_span_put(out, word);
        word = next;
    }
}

static bool refuse_word(const struct pf_conf_row *row, const struct pf_conf_input *in)
{
    struct pf_conf_shown word = pf_conf_shown(in->word), near;
    unsigned char room[160]; /* the longest list of settings.def has some hundred */
    struct pf_span list = {room, 0, sizeof room};
    const char *words = pf_conf_row_words(row);
    size_t best = SIZE_MAX;
    struct pf_bytes one;
    struct pf_conf_record *record;

    while ((one = pf_conf_next_word(&words)).len)
        if (pf_conf_near(one, in->word, &best))
            near = pf_conf_shown(one);
    list_words(pf_conf_row_words(row), &list);
    record = pf_conf_wrong(in->mistakes, in->place, "`%s` cannot be `%s`", row->name, word.text);
    if (read_choice(row, in->word) >= 0)
        pf_conf_hint(record, "%s", pf_conf_row_reason(row));
    else if (best != SIZE_MAX)
        pf_conf_hint(record, "did you mean `%s`? It can be %.*s", near.text, (int)list.len,
                     (char *)room);
    else
        pf_conf_hint(record, "it can be %.*s", (int)list.len, (char *)room);
    return false;
}

static bool refuse_number(const struct pf_conf_row *row, const struct pf_conf_input *in,
                          enum pf_conf_number why)
{
    char least[PF_CONF_NUMBER_TEXT], most[PF_CONF_NUMBER_TEXT];
    struct pf_conf_shown word = pf_conf_shown(in->word);
    struct pf_conf_record *record;

    pf_conf_number_text(row, row->type == PF_CONF_DAYS ? 0 : row->min, least);
    pf_conf_number_text(row, row->max, most);
    if (why == PF_CONF_NUMBER_RANGE) {
        record = pf_conf_wrong(in->mistakes, in->place, "`%s` goes from %s to %s%s, not %s", row->name,
                               least, most, row->type == PF_CONF_DAYS ? " or never" : "", word.text);
        pf_conf_hint(record, "%s", pf_conf_row_reason(row));
        return false;
    }
    if (why == PF_CONF_NUMBER_BARE) {
        record = pf_conf_wrong(in->mistakes, in->place, "`%s` has no unit", word.text);
        pf_conf_hint(record, "if these are seconds, write %ss; the units are ms, s, m, h and d",
                     word.text);
        return false;
    }
    if (why == PF_CONF_NUMBER_BROKEN)
        return refuse(in, "is not a whole number of seconds", "");
    if (row->type == PF_CONF_DURATION)
        return refuse(in, "is not a time", "write a whole number and ms, s, m, h or d, as 10m");
    if (row->type == PF_CONF_SIZE)
        return refuse(in, "is not a size", "write octets, or a whole number and k, m or g, as 64k");
    if (row->type == PF_CONF_DAYS)
        return refuse(in, "is not a number of days", "write never, or days as 30d");
    record = pf_conf_wrong(in->mistakes, in->place, "`%s` is not a number", word.text);
    pf_conf_hint(record, "write one from %s to %s", least, most);
    return false;
}

/* The value of what is not kept as text, and the index of a choice; false when a mistake was told. */
static bool read_value(const struct pf_conf_row *row, const struct pf_conf_input *in, int64_t *out_value)
{
    enum pf_conf_number status;
    bool flag;

    if (row->type == PF_CONF_ENUM || row->type == PF_CONF_CHOICE) {
        *out_value = read_choice(row, in->word);
        if (row->type == PF_CONF_ENUM && *out_value < row->min)
            *out_value = -1;
        return *out_value >= 0 || refuse_word(row, in);
    }
    if (row->type == PF_CONF_BOOL) {
        if (!read_bool(in->word, &flag))
            return refuse(in, "is neither yes nor no", "");
        *out_value = flag;
        return true;
    }
    status = pf_conf_number_read(row, in->word, out_value);
    return status == PF_CONF_NUMBER_GOOD || refuse_number(row, in, status);
}

bool pf_conf_value_read(const struct pf_conf_row *row, const struct pf_conf_input *in,
                        struct pf_conf_draft *draft)
{
    int64_t value = 0;

    if (in->word.len == 0) {
        pf_conf_wrong(in->mistakes, in->place, "`%s` must not be empty", row->name);
        return false;
    }
    if ((!pf_conf_is_text(row->type) || row->type == PF_CONF_CHOICE) && !read_value(row, in, &value))
        return false;
    if (pf_conf_is_text(row->type))
        return read_text(row, in, draft);
    set(row, draft, value);
    return true;
}

void pf_conf_default(const struct pf_conf_row *row, struct pf_conf_draft *draft)
{
    struct pf_bytes word = pf_bytes_of(row->initial);
    int64_t value = 0;
    bool flag = false;

    if (row->initial[0] == '=' && pf_conf_is_text(row->type)) {
        set_text(row, draft, get_text(pf_conf_row_source(row), draft));
    } else if (row->initial[0] == '=') {
        set(row, draft, get(pf_conf_row_source(row), draft));
    } else if (pf_conf_is_text(row->type)) {
        set_text(row, draft, word.len ? row->initial : NULL);
    } else if (row->type == PF_CONF_BOOL) {
        read_bool(word, &flag);
        set(row, draft, flag);
    } else if (row->type == PF_CONF_ENUM) {
        set(row, draft, read_choice(row, word));
    } else if (!word.len) {
        set(row, draft, row->min - 1); /* not set */
    } else {
        pf_conf_number_read(row, word, &value);
        set(row, draft, value);
    }
}

bool pf_conf_value_equal(const struct pf_conf_row *row, const struct pf_conf_draft *a,
                         const struct pf_conf_draft *b)
{
    const char *one, *other;

    if (!pf_conf_is_text(row->type))
        return get(row, a) == get(row, b);
    one = get_text(row, a);
    other = get_text(row, b);
    return one == other || (one && other && strcmp(one, other) == 0);
}

bool pf_conf_value_is_set(const struct pf_conf_row *row, const struct pf_conf_draft *draft)
{
    if (pf_conf_is_text(row->type))
        return get_text(row, draft);
    return row->initial[0] || get(row, draft) >= row->min;
}

static bool is_plain(struct pf_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f || strchr("\"#{};\\", text.at[i]))
            return false;
    return text.len > 0;
}

static void print_text(struct pf_bytes text, FILE *to)
{
    if (is_plain(text)) {
        fwrite(text.at, 1, text.len, to);
        return;
    }
    fputc('"', to);
    while (text.len) {
        size_t len = pf_conf_utf8(text);
        bool no_break = len == 2 && text.at[0] == 0xc2 && text.at[1] == 0xa0;

        if (len == 0 || pf_conf_is_control(text) || no_break)
            fprintf(to, "\\x%02x", text.at[0]), len = 1;
        else if (text.at[0] == '"' || text.at[0] == '\\')
            fprintf(to, "\\%c", text.at[0]);
        else
            fwrite(text.at, 1, len, to);
        text = pf_bytes_skip(text, len);
    }
    fputc('"', to);
}

void pf_conf_value_print(const struct pf_conf_row *row, const struct pf_conf_draft *draft, FILE *to)
{
    char number[PF_CONF_NUMBER_TEXT];
    const char *words = row->unit;
    struct pf_bytes word = {0};

    if (pf_conf_is_text(row->type)) {
        print_text(pf_bytes_of(get_text(row, draft)), to);
    } else if (row->type == PF_CONF_BOOL) {
        fputs(get(row, draft) ? "yes" : "no", to);
    } else if (row->type == PF_CONF_ENUM) {
        for (int64_t i = get(row, draft); i >= 0; i--)
            word = pf_conf_next_word(&words);
        fwrite(word.at, 1, word.len, to);
    } else {
        pf_conf_number_text(row, get(row, draft), number);
        fputs(number, to);
    }
}

void pf_conf_text_print(const char *text, FILE *to)
{
    print_text(pf_bytes_of(text), to);
}
