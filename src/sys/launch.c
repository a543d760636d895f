#include "sys/launch.h"

#include <signal.h>

static int set(posix_spawnattr_t *attributes, bool group)
{
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, all;
    int sys;

    sigemptyset(&none);
    sigfillset(&all);
    sys = posix_spawnattr_setflags(attributes, group ? (short)(flags | POSIX_SPAWN_SETPGROUP) : flags);
    if (sys == 0)
        sys = posix_spawnattr_setsigmask(attributes, &none);
    return sys ? sys : posix_spawnattr_setsigdefault(attributes, &all);
}

int pf_launch(const struct pf_launch *s, pid_t *out_pid)
{
    posix_spawnattr_t attributes;
    int sys = posix_spawnattr_init(&attributes);

    if (sys)
        return sys;
    sys = set(&attributes, s->group);
    if (sys == 0)
        sys = (s->search ? posix_spawnp : posix_spawn)(out_pid, s->program, s->actions, &attributes,
                                                       s->argv, s->environment);
    posix_spawnattr_destroy(&attributes);
    return sys;
}
