/* Makes the manual page of the settings file: conf_man PROSE PAGE */
#include "conf/man_page.h"

int main(int count, char **words)
{
    FILE *prose = count == 3 ? fopen(words[1], "re") : NULL;
    FILE *page = prose ? fopen(words[2], "we") : NULL;

    if (!page || !pf_conf_man_page(prose, page) || fclose(page) != 0) {
        fprintf(stderr, "usage: conf_man PROSE PAGE\n");
        return 64;
    }
    fclose(prose);
    return 0;
}
