#include "role/check_places.h"

#include "conf/roots.h"
#include "role/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int folder(const char *setting, const char *path, const char *hint)
{
    struct pf_err err;
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOENT && strncmp(path, "/run/", 5) == 0) {
        printf("warning: %s: folder %s is not there now; who starts the server must make it\n", setting, path);
        return 0;
    }
    if (stat(path, &st) != 0)
        pf_fail(&err, PF_CONFIG, errno, "check", "%s: folder %s: %s", setting, path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        pf_fail(&err, PF_CONFIG, 0, "check", "%s: %s is no folder", setting, path);
    else
        return 0;
    return pf_check_say(&err, hint);
}

static int folder_of(const char *setting, const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    char path[PF_CONF_ROOT_MAX];

    if (!slash || slash == file || (size_t)(slash - file) >= sizeof path)
        return 0;
    snprintf(path, sizeof path, "%.*s", (int)(slash - file), file);
    return folder(setting, path, "make that folder, or name a file in one that is there");
}

static int roots(const struct pf_conf *conf)
{
    char root[PF_CONF_ROOT_MAX];
    int worst = 0;

    for (size_t at = 0; pf_conf_root_next(conf, &at, root);) {
        int status = folder("mail", root, "make it, for the user that the mail belongs to");

        worst = status ? status : worst;
    }
    return worst;
}

static int sockets(const struct pf_conf *conf)
{
    int worst = 0;

    for (size_t i = 0; i < conf->listen_count; i++) {
        const char *address = conf->listens[i].address;
        int status = address[0] == '/' ? folder_of("listen", address) : 0;

        worst = status ? status : worst;
    }
    return worst;
}

int pf_check_places(const struct pf_conf *conf)
{
    int found[] = {roots(conf), sockets(conf), folder_of("pid-file", conf->pid_file),
                   folder_of("port-file", conf->port_file), folder_of("journal", conf->journal_folder)};
    int worst = 0;

    if (conf->run_as && strcmp(conf->run_as, "root") == 0)
        puts("warning: run-as root: name a user who owns nothing but the mail");
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++)
        worst = found[i] ? found[i] : worst;
    return worst;
}
