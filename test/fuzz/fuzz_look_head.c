/* Any octets as a head: what comes of it is UTF-8 without a NUL, no longer than what a field may be, and
 * the same when line ends are CRLF. */
#include "conf/utf8.h"
#include "tool/look_parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void g_mime_init(void); /* GMime's; its headers are for the programs that are linked with it alone */

static void must(bool good)
{
    if (!good)
        abort();
}

static bool is_utf8(const char *text)
{
    struct pf_bytes left = text ? pf_bytes_of(text) : (struct pf_bytes){0};
    size_t n;

    for (; left.len; left = pf_bytes_skip(left, n))
        if ((n = pf_conf_utf8(left)) == 0)
            return false;
    return true;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    struct pf_look_row row = {0}, again = {0};
    uint8_t *crlf;
    size_t len = 0;

    if (!begun)
        g_mime_init();
    begun = true;
    if (size > 8192)
        return 0;
    pf_look_head(pf_bytes_from(data, size), &row);
    must(is_utf8(row.from));
    must(is_utf8(row.subject));
    crlf = malloc(2 * size + 1);
    for (size_t i = 0; crlf && i < size; i++) {
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            crlf[len++] = '\r';
        crlf[len++] = data[i];
    }
    if (crlf)
        pf_look_head(pf_bytes_from(crlf, len), &again);
    must(!crlf ||
         (same(row.from, again.from) && same(row.subject, again.subject) && row.date == again.date));
    pf_look_head_free(&row);
    pf_look_head_free(&again);
    free(crlf);
    return 0;
}
