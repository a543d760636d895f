#include "tool/safe.h"

#include "conf/utf8.h"

/* U+202A to U+202E and U+2066 to U+2069: they show what follows the other way round. */
static bool turns_round(const unsigned char *c)
{
    if (c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

/* C0 and C1 control characters are what a terminal obeys; C1 comes as C2 80..9F in UTF-8, and as single
 * octets where a terminal is not of UTF-8. */
void pf_tool_print_safe(FILE *to, const char *text, bool lines)
{
    struct pf_bytes rest = pf_bytes_of(text);

    while (rest.len) {
        size_t len = pf_conf_utf8(rest);
        bool line = lines && (rest.at[0] == '\n' || rest.at[0] == '\t');
        bool bad = len == 0 || (pf_conf_is_control(rest) && !line) ||
                   (!lines && len == 3 && turns_round(rest.at));

        if (bad)
            fputc('?', to);
        else
            fwrite(rest.at, 1, len, to);
        rest = pf_bytes_skip(rest, len ? len : 1);
    }
}
