/* A mail as the explorer shows it: whatever it is, what comes out can do nothing to a terminal, fits,
 * and names no folder. */
#include "tool/explore_html.h"
#include "tool/explore_mime.h"
#include "tool/explore_save.h"
#include "tool/explore_text.h"

#include <assert.h>
#include <locale.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(void)
{
    static bool begun;

    if (begun)
        return;
    begun = true;
    setlocale(LC_CTYPE, "C.UTF-8");
    pf_explore_mime_begin();
}

static void is_safe(const char *text)
{
    size_t len;

    for (; text && *text; text += len) {
        const unsigned char *c = (const unsigned char *)text;

        assert((*c >= ' ' || *c == '\n') && *c != 0x7f);
        assert(!(c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f));
        assert(
            !(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae)); /* turns writing round */
        pf_explore_cell(text, &len);
        assert(len > 0 && (*c < 0x80) == (len == 1)); /* no octet that is no character */
    }
}

static void try_lines(const char *text, size_t columns)
{
    struct pf_explore_lines lines = {0};
    size_t at = 0;

    assert(pf_explore_wrap(&lines, text, columns));
    for (size_t i = 0; i < lines.count; i++) {
        const struct pf_explore_piece *piece = &lines.list[i];
        char *line = strndup(text + piece->at, piece->len);

        assert(line && (columns == 1 || pf_explore_width(line) <= columns));
        assert(piece->at >= at && !strchr(line, '\n'));
        for (; at < piece->at; at++)
            assert(text[at] == ' ' || text[at] == '\n'); /* nothing else is left out */
        at = piece->at + piece->len;
        free(line);
    }
    pf_explore_lines_done(&lines);
}

static void try_letter(struct pf_bytes mail)
{
    struct pf_explore_letter *letter = pf_explore_letter_of(mail);
    char name[PF_EXPLORE_NAME];

    if (!letter)
        return;
    is_safe(pf_explore_letter_text(letter));
    try_lines(pf_explore_letter_text(letter), mail.len % 90 + 1);
    for (size_t i = 0; i < pf_explore_letter_parts(letter); i++) {
        is_safe(pf_explore_letter_part_name(letter, i));
        is_safe(pf_explore_letter_part_type(letter, i));
        pf_explore_name(pf_explore_letter_part_name(letter, i), "file", name);
        is_safe(name);
        assert(name[0] && name[0] != '.' && name[0] != '-' && !strpbrk(name, "/\\\n"));
    }
    pf_explore_letter_free(letter);
}

static void try_texts(struct pf_bytes in)
{
    char fit[300], *safe;

    for (unsigned how = PF_EXPLORE_LINE; how <= PF_EXPLORE_RAW; how++) {
        size_t columns = in.len % 80, n;

        safe = pf_explore_clean(in, (enum pf_explore_clean)how, in.len);
        assert(safe && strlen(safe) <= in.len);
        is_safe(safe);
        n = pf_explore_fit(fit, sizeof fit, safe, columns, true);
        assert(n < sizeof fit && pf_explore_width(fit) <= columns);
        free(safe);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes mail = pf_bytes_from(data, size);
    struct pf_explore_mime_head head;

    begin();
    pf_explore_mime_head(mail, &head);
    is_safe(head.from);
    is_safe(head.subject);
    free(head.from);
    free(head.subject);
    try_letter(mail);
    try_texts(mail);
    return 0;
}
