/* postfach-deliver: the program behind `postfach deliver`. */
#include "tool/deliver.h"

#include <signal.h>

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error that can be told, and mail waits */
    signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe or socket is an error, not a death */
    return pf_tool_deliver(argc, argv);
}
