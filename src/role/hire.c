#include "role/hire.h"

#include "role/crew.h"
#include "sys/handed.h"
#include "sys/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a child must not see, each up to its '='. */
static const char *const ours[] = {"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_FDS=", "LISTEN_PID=",
                                   "LISTEN_FDNAMES=", PF_HANDED_VARIABLE "=", PF_HANDED_PLACES "=",
                                   "POSTFACH_READY_FD="};

enum { SHORT_TABLE = 1024 /* where the kernel cannot cover all at once (before Linux 5.11): the usual limit */ };

void pf_hire_cover(void)
{
    if (close_range(PF_CREW_CHANNEL, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = PF_CREW_CHANNEL; fd < SHORT_TABLE; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool is_there(const char *folder, size_t len, const char *name, char *out_path, size_t cap)
{
    int took = snprintf(out_path, cap, "%.*s/%s", (int)len, folder, name);

    return took > 0 && (size_t)took < cap && access(out_path, X_OK) == 0;
}

bool pf_hire_find(const char *beside, const char *name, char *out_path, size_t cap)
{
    static const char elsewhere[] = PF_LIBEXECDIR;
    const char *slash = strrchr(beside, '/');

    return (slash && is_there(beside, (size_t)(slash - beside), name, out_path, cap)) ||
           is_there(elsewhere, sizeof elsewhere - 1, name, out_path, cap);
}

static bool is_ours(const char *variable)
{
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
            return true;
    return false;
}

/* From malloc; the texts stay where they are. */
static char **environment(void)
{
    size_t count = 0, kept = 0;
    char **with;

    while (environ[count])
        count++;
    with = calloc(count + 1, sizeof *with);
    for (size_t i = 0; with && i < count; i++)
        if (!is_ours(environ[i]))
            with[kept++] = environ[i];
    return with;
}

static int spawn(const char *path, char *const argv[], const posix_spawn_file_actions_t *actions, pid_t *out_pid)
{
    char **variables = environment();
    struct pf_launch s = {.program = path, .actions = actions, .argv = argv, .environment = variables};
    int sys = variables ? pf_launch(&s, out_pid) : ENOMEM;

    free(variables);
    return sys;
}

enum pf_code pf_hire_start(const char *path, char *const argv[], int channel, pid_t *out_pid, struct pf_err *err)
{
    posix_spawn_file_actions_t actions;
    int sys = posix_spawn_file_actions_init(&actions);

    if (sys == 0) {
        sys = posix_spawn_file_actions_adddup2(&actions, channel, PF_CREW_CHANNEL); /* not close-on-exec any more */
        sys = sys ? sys : spawn(path, argv, &actions, out_pid);
        posix_spawn_file_actions_destroy(&actions);
    }
    return sys ? pf_fail(err, PF_TEMP, sys, "hire", "%s cannot be started: %s", path, strerror(sys)) : PF_OK;
}
