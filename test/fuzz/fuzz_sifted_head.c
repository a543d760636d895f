/* Whose a message is: the same for every cut of it, and what a plainer look at the whole finds. The first octet
 * chooses the cuts. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/sifted_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum pf_sifted look(const char *recipient, struct pf_bytes in, size_t piece)
{
    struct pf_sifted_head *head = malloc(sizeof *head);
    enum pf_sifted found = PF_SIFTED_MORE;

    assert(head);
    pf_sifted_head_begin(head, recipient);
    while (found == PF_SIFTED_MORE && in.len) {
        size_t n = in.len < piece ? in.len : piece;
        unsigned char *copy = malloc(n);

        assert(copy);
        memcpy(copy, in.at, n);
        found = pf_sifted_head_feed(head, pf_bytes_from(copy, n));
        free(copy);
        in = pf_bytes_skip(in, n);
    }
    if (found == PF_SIFTED_MORE)
        found = pf_sifted_head_end(head);
    free(head);
    assert(found != PF_SIFTED_MORE);
    return found;
}

static struct pf_bytes next_line(struct pf_bytes *in)
{
    size_t n = pf_find(*in, '\n');
    struct pf_bytes line = pf_bytes_head(*in, n);

    *in = pf_bytes_skip(*in, n + 1);
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* The value of the first field that counts, unfolded into `out`. */
static bool value_of(struct pf_bytes in, struct pf_span *out)
{
    static const char *const names[] = {"Delivered-To", "X-Original-To", "Envelope-To"};
    bool wanted = false;

    for (bool first = true; in.len; first = false) {
        struct pf_bytes line = next_line(&in);
        size_t name = 0, colon;

        if (!first && line.len && (line.at[0] == ' ' || line.at[0] == '\t')) {
            assert(!wanted || pf_span_put(out, line));
            continue;
        }
        if (wanted || !line.len)
            return wanted;
        while (name < line.len && line.at[name] > ' ' && line.at[name] < 127 && line.at[name] != ':')
            name++;
        for (colon = name; colon < line.len && strchr(" \t", line.at[colon]) && line.at[colon];)
            colon++;
        if (!name || colon == line.len || line.at[colon] != ':') {
            if (!first || (line.len >= 5 && memcmp(line.at, "From ", 5) != 0 && line.at[0] != '>') || line.len < 5)
                return false;
            if (line.at[0] == '>' && (line.len < 6 || memcmp(line.at, ">From ", 6) != 0))
                return false;
            continue;
        }
        for (size_t i = 0; i < 3; i++)
            wanted = wanted || pf_equal_nocase(pf_bytes_head(line, name), pf_bytes_of(names[i]));
        assert(!wanted || pf_span_put(out, pf_bytes_skip(line, colon + 1)));
    }
    return wanted;
}

/* Whether `text` has the octets of `word` somewhere, as far as quotes and brackets do not stand in between. */
static bool holds(struct pf_bytes text, const char *word)
{
    size_t at = 0;

    for (size_t i = 0; i < text.len && word[at]; i++)
        if (pf_lower(text.at[i]) == (unsigned char)word[at])
            at++;
    return !word[at];
}

static bool is_plain(struct pf_bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (strchr("\"\\<>, \t", value.at[i]))
            return false;
    return true;
}

/* Where nothing is quoted, there is one address, and it can be compared as it stands. */
static void check_plain(struct pf_bytes value, enum pf_sifted of_label, enum pf_sifted of_host)
{
    static const char name[] = "anna@thor";
    struct pf_bytes head = pf_bytes_head(value, sizeof name - 1);
    bool label = pf_equal_nocase(head, pf_bytes_of(name)) && (value.len == head.len || value.at[head.len] == '.');
    bool host = pf_equal_nocase(value, PF_LIT("anna@thor.d.example")) ||
                pf_equal_nocase(value, PF_LIT("anna@thor.d.example."));

    /* An @ behind it makes it another address. */
    label = label && pf_find(pf_bytes_skip(value, head.len), '@') == value.len - head.len;
    assert((of_label == PF_SIFTED_MATCH) == label);
    assert((of_host == PF_SIFTED_MATCH) == host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char room[PF_SIFTED_LINE_MAX];
    struct pf_span value = {room, 0, sizeof room};
    struct pf_bytes in = pf_bytes_skip(pf_bytes_from(data, size), 1), text;
    enum pf_sifted of_label, of_host;

    if (size == 0)
        return 0;
    of_label = look("anna@thor", in, SIZE_MAX);
    of_host = look("anna@thor.d.example", in, SIZE_MAX);
    assert(look("anna@thor", in, 1u + data[0]) == of_label);
    assert(look("ANNA@Thor.D.example", in, 1u + data[0]) == of_host);
    if (in.len > sizeof room)
        return 0;
    if (!value_of(in, &value)) {
        assert(of_label == PF_SIFTED_OTHER && of_host == PF_SIFTED_OTHER);
        return 0;
    }
    text = pf_span_bytes(&value);
    assert(of_host == PF_SIFTED_OTHER || of_label == PF_SIFTED_MATCH);
    assert(of_label == PF_SIFTED_OTHER || holds(text, "anna@thor"));
    while (text.len && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = pf_bytes_skip(text, 1);
    if (is_plain(text))
        check_plain(text, of_label, of_host);
    return 0;
}
