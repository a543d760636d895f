/* postfach: which word is which program. It loads no library for any of them: who fetches mail pays, in memory
 * and in time, for no database, and who delivers for no TLS. */
#include "tool/helper.h"

#include <postfach/err.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: postfach user add|passwd|remove|list|check …  accounts in a password file\n"
    "       postfach user token add|list|remove …         passwords that may do less\n"
    "       postfach users insecure                       who would be shut out by stricter settings\n"
    "       postfach box ls|show|check|quota MAILDROP     a maildrop as POP3 would show it\n"
    "       postfach fetch [ACCOUNT|URL …]                mail of other servers, once each\n"
    "       postfach ls|show|save|rm ACCOUNT …            messages on another server\n"
    "       postfach probe HOST[:PORT]                    what a server is, and what of it is bad\n"
    "       postfach explore [ACCOUNT|URL|ADDRESS]        a maildrop of another server on a screen\n"
    "       postfach bench poll|fetch|idle|…              many clients at once, to measure a server\n"
    "       postfach deliver -d USER …  < MESSAGE         a message into a maildrop, for a mail server\n"
    "       postfach why MESSAGE-ID|UIDL|USER             what became of a mail, of a user's mails\n"
    "       postfach ctl sessions|kick|reload|stats       the running server\n"
    "       postfach top                                  the same as a page that renews itself\n"
    "       postfach --version | --help\n"
    "Each has --help. Manual: postfach(1)\n";

static const struct {
    const char *word, *program; /* postfach-PROGRAM does it */
} tools[] = {
    {"user", "office"}, {"users", "office"}, {"box", "box"},    {"fetch", "fetch"}, {"ls", "look"},
    {"show", "look"},   {"save", "look"},    {"rm", "look"},    {"probe", "probe"}, {"explore", "look"},
    {"bench", "bench"}, {"deliver", "deliver"}, {"ctl", "office"}, {"why", "office"},  {"top", "office"},
};

/* A descriptor of ours in the place of a closed standard one would get what is printed. */
static void stand_on_three(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) != fd) /* inherited by helpers */
            _exit(pf_verdict(PF_IO)->exit_status);
}

int main(int argc, char **argv)
{
    stand_on_three();
    if (argc < 2) {
        fputs(usage, stderr);
        return pf_verdict(PF_SYNTAX)->exit_status;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("postfach %s\n", PF_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
        if (strcmp(argv[1], tools[i].word) == 0)
            return pf_tool_helper(tools[i].program, argv + 1);
    fprintf(stderr, "postfach: what is `%s`?\n%s", argv[1], usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
}
