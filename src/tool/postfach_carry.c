/* postfach-carry: takes fetched mail to a command, an mbox or a mail server; started by who fetches
 * (fetch/carry.h). */
#include "fetch/carry_private.h"

int main(int argc, char **argv)
{
    return pf_carry_main(argc, argv);
}
