/* postfach-fetch: what `postfach fetch` starts (tool/helper.h). It lives for days, and small: no HTTP,
 * no database. */
#include "tool/fetch.h"

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
    static const struct rlimit none = {0, 0};

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_CORE, &none); /* there are passwords in memory */
    mallopt(M_ARENA_MAX, 2); /* threads wait here, they do not compute: one arena for each is wasted */
    return pf_tool_fetch(argc, argv);
}
