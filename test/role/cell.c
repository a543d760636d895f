#include "role/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char jail_mail[64], jail_users[64];

static struct pf_sandbox_path mail = {.path = jail_mail, .write = true}, users = {.path = jail_users};

const struct pf_sandbox jail_gate = {.role = PF_SANDBOX_GATE};
const struct pf_sandbox jail_auth = {.role = PF_SANDBOX_AUTH, .paths = &users, .count = 1};
const struct pf_sandbox jail_auth_network = {.role = PF_SANDBOX_AUTH, .paths = &users, .count = 1, .network = true};
const struct pf_sandbox jail_store = {.role = PF_SANDBOX_STORE, .paths = &mail, .count = 1};
const struct pf_sandbox jail_keeper = {.role = PF_SANDBOX_KEEPER};

static void folder(char *path, size_t cap, const char *name)
{
    const char *tmp = getenv("TMPDIR");
    char file[128];
    int fd;

    snprintf(path, cap, "%.30s/pf-%s.XXXXXX", tmp && strlen(tmp) < 30 ? tmp : "/tmp", name);
    if (!mkdtemp(path) || chmod(path, 0777) != 0)
        abort();
    snprintf(file, sizeof file, "%s/file", path);
    fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 || fchmod(fd, 0666) != 0 || write(fd, "octets", 6) != 6)
        abort();
    close(fd);
}

void jail_init(void)
{
    folder(jail_mail, sizeof jail_mail, "mail");
    folder(jail_users, sizeof jail_users, "users");
}

static void remove_from(const char *folder_path, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder_path, name);
    unlink(path);
}

void jail_tidy(void)
{
    static const char *const names[] = {"made", "moved", "linked"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        remove_from(jail_mail, names[i]);
        remove_from(jail_users, names[i]);
    }
}

void jail_done(void)
{
    jail_tidy();
    remove_from(jail_mail, "file");
    remove_from(jail_users, "file");
    rmdir(jail_mail);
    rmdir(jail_users);
}

int jail_result(long result)
{
    return result == -1 ? errno : 0;
}

static void be_nobody(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY) != 0 ||
        setresuid(JAIL_NOBODY, JAIL_NOBODY, JAIL_NOBODY) != 0)
        _exit(JAIL_NEVER);
}

static void inside(const struct jail *jail, int (*what)(void *), void *self)
{
    struct pf_sandbox_report report;
    struct pf_err err = {0};

    alarm(20); /* what waits for ever is a fault, and not the end of the test */
    if (jail->nobody && getuid() == 0)
        be_nobody();
    if (jail->sandbox && pf_sandbox_enter(jail->sandbox, &report, &err) != PF_OK) {
        fprintf(stderr, "# %s\n", err.log);
        _exit(JAIL_NEVER);
    }
    _exit(what(self));
}

int jail_run(const struct jail *jail, int (*what)(void *), void *self)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0)
        inside(jail, what, self);
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return WTERMSIG(status) == SIGSYS ? JAIL_KILLED : 1000 + WTERMSIG(status);
}
