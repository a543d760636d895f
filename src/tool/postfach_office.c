/* postfach-office: the program behind the words of who runs a server of ours. */
#include "tool/ctl.h"
#include "tool/top.h"
#include "tool/user.h"
#include "tool/users.h"
#include "tool/why.h"

#include <postfach/err.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    int (*run)(int argc, char **argv);
} words[] = {
    {"user", pf_tool_user}, {"users", pf_tool_users}, {"ctl", pf_tool_ctl},
    {"why", pf_tool_why},   {"top", pf_tool_top},
};

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error that can be told */
    signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe or socket is an error, not a death */
    for (size_t i = 0; argc > 0 && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(argv[0], words[i].word) == 0)
            return words[i].run(argc, argv);
    fputs("postfach-office is started by postfach(1)\n", stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
}
