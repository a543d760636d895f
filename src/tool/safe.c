#include "tool/safe.h"

/* C0 and C1 control characters are what a terminal obeys; C1 comes as C2 80..9F in UTF-8. */
void pf_tool_print_safe(FILE *to, const char *text, bool lines)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (lines && (*c == '\n' || *c == '\t'))
            fputc(*c, to);
        else if (*c < 0x20 || *c == 0x7f)
            fputc('?', to);
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            fputc('?', to), c++;
        else
            fputc(*c, to);
    }
}
