/* postfach-probe: the program behind `postfach probe`. */
#include "tool/probe.h"

#include <signal.h>

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe or socket is an error, not a death */
    return pf_tool_probe(argc, argv);
}
