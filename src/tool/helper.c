#include "tool/helper.h"

#include <postfach/err.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where this program is; "" when the kernel does not tell. With a final `/`. */
static void own_folder(char folder[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    char *slash;

    folder[len > 0 ? len : 0] = 0;
    slash = strrchr(folder, '/');
    if (slash)
        slash[1] = 0;
}

int pf_tool_helper(const char *program, char **argv)
{
    char folder[PATH_MAX], path[PATH_MAX + 64];

    own_folder(folder);
    snprintf(path, sizeof path, "%spostfach-%s", folder, program);
    if (folder[0])
        execv(path, argv);
    if (!folder[0] || errno == ENOENT) {
        snprintf(path, sizeof path, "%s/postfach-%s", PF_LIBEXECDIR, program);
        execv(path, argv);
    }
    fprintf(stderr, "postfach: %s: %s\n    hint: install Postfach as a whole; that program belongs to it\n", path,
            strerror(errno));
    return pf_verdict(PF_CONFIG)->exit_status;
}
