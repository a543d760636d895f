/* postfach-look: the program behind the words that show a maildrop of somebody's server. */
#include "tool/explore.h"
#include "tool/look.h"

#include <postfach/err.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    int (*run)(int argc, char **argv);
} words[] = {
    {"ls", pf_tool_ls},     {"show", pf_tool_show}, {"save", pf_tool_save},
    {"rm", pf_tool_rm},     {"explore", pf_tool_explore},
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe or socket is an error, not a death */
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error that can be told */
    for (size_t i = 0; argc > 0 && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(argv[0], words[i].word) == 0)
            return words[i].run(argc, argv);
    fputs("postfach-look is started by postfach(1)\n", stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
}
