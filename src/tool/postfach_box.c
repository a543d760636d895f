/* postfach-box: the program behind `postfach box`. */
#include "tool/box.h"

#include <signal.h>

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe is an error, not a death */
    return pf_tool_box(argc, argv);
}
