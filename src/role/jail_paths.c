#include "role/jail.h"

#include "conf/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A path that somebody wrote down, in the list of those that are freed together. */
struct pf_jail_text {
    struct pf_jail_text *next;
    char at[];
};

/* The list while it grows; `full` once there was no memory. */
struct list {
    struct pf_jail_paths *paths;
    bool full;
};

static const char *keep(struct list *list, const char *text, size_t len)
{
    struct pf_jail_text *room = malloc(sizeof *room + len + 1);

    if (!room)
        return NULL;
    memcpy(room->at, text, len);
    room->at[len] = 0;
    room->next = list->paths->texts;
    list->paths->texts = room;
    return room->at;
}

static struct pf_sandbox_path *find(const struct list *list, const char *path, size_t len)
{
    for (size_t i = 0; i < list->paths->count; i++)
        if (strlen(list->paths->list[i].path) == len && memcmp(list->paths->list[i].path, path, len) == 0)
            return &list->paths->list[i];
    return NULL;
}

/* Each path once; who may write somewhere may read there. What is not there when the jail is entered is passed over. */
static void add(struct list *list, const char *path, size_t len, bool write)
{
    struct pf_sandbox_path *known = find(list, path, len), *more;
    const char *text;

    if (known) {
        known->write = known->write || write;
        return;
    }
    more = realloc(list->paths->list, (list->paths->count + 1) * sizeof *more);
    if (more)
        list->paths->list = more;
    text = more ? keep(list, path, len) : NULL;
    if (text)
        list->paths->list[list->paths->count++] =
            (struct pf_sandbox_path){.path = text, .write = write, .optional = true};
    list->full = list->full || !text;
}

static void add_text(struct list *list, const char *path, bool write)
{
    add(list, path, strlen(path), write);
}

/* The folder, since who replaces a file renames another one to its name. In / it is the file alone. */
static void add_folder(struct list *list, const char *file, bool write)
{
    const char *slash = strrchr(file, '/');

    if (slash == file)
        add_text(list, file, write);
    else if (slash)
        add(list, file, (size_t)(slash - file), write);
}

/* Where it lies, and where it leads, which may be another place after each reload of whoever keeps it. */
static void add_file(struct list *list, const char *file, bool write)
{
    char real[PATH_MAX];

    if (!file || file[0] != '/')
        return;
    add_folder(list, file, write);
    if (realpath(file, real))
        add_folder(list, real, write);
}

/* A folder for mail that is not there yet can be made in the nearest one that is; but never in the root, which would
 * open everything for the sake of a mistake. */
static void add_root(struct list *list, const char *root)
{
    size_t len = strlen(root);
    char path[PATH_MAX];

    if (len >= sizeof path)
        return;
    memcpy(path, root, len + 1);
    while (access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');

        if (!slash || slash == path) {
            add_text(list, root, true);
            return;
        }
        *slash = 0;
    }
    add_text(list, path, true);
}

static void of_store(struct list *list, const struct pf_conf *conf)
{
    char root[PF_CONF_ROOT_MAX];
    size_t at = 0;

    while (pf_conf_root_next(conf, &at, root))
        add_root(list, root);
    if (conf->state_folder)
        add_root(list, conf->state_folder);
}

/* Files that a connection string of a library names, as sslrootcert=/path or ?ssl_ca=/path. */
static void of_words(struct list *list, const char *words)
{
    char file[PATH_MAX];

    for (const char *at = words; (at = strchr(at, '=')); at++) {
        const char *from = at + 1 + (at[1] == '\'');
        size_t len = strcspn(from, " \t&'\"");

        if (from[0] != '/' || len >= sizeof file)
            continue;
        memcpy(file, from, len);
        file[len] = 0;
        add_file(list, file, false);
    }
}

/* Whether the data base stands behind a socket of this machine, and nowhere else. */
static bool is_local(const struct pf_conf_userdb *db)
{
    static const char ldapi[] = "ldapi://";
    const char *text = db->connect;

    if (db->kind == PF_CONF_USERDB_POSTGRESQL)
        return (strstr(text, "host=/") || strstr(text, "host='/")) && !strchr(text, ',') && !strstr(text, "hostaddr");
    if (db->kind == PF_CONF_USERDB_MARIADB)
        return strstr(text, "socket=/");
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        if (strncasecmp(text, ldapi, sizeof ldapi - 1) != 0)
            return false;
        text += strcspn(text, " \t");
    }
    return true;
}

static void of_userdb(struct list *list, const struct pf_conf_userdb *db)
{
    struct pf_jail_paths *paths = list->paths;

    switch (db->kind) {
    case PF_CONF_USERDB_FILE:
        add_file(list, db->path, false);
        return;
    case PF_CONF_USERDB_SQLITE: /* it locks, and has files of its own beside */
        add_file(list, db->path, true);
        return;
    case PF_CONF_USERDB_POSTGRESQL:
    case PF_CONF_USERDB_MARIADB:
    case PF_CONF_USERDB_LDAP:
        add_file(list, db->secret_file, false);
        add_file(list, db->ca, false);
        of_words(list, db->connect);
        paths->sockets = true;
        paths->network = paths->network || !is_local(db);
        return;
    case PF_CONF_USERDB_PAM: /* asks for the machine's users, who may be behind a socket too */
        add_text(list, "/etc", false);
        paths->sockets = true;
        return;
    case PF_CONF_USERDB_DOVECOT:
    case PF_CONF_USERDB_SASLAUTHD:
        paths->sockets = true;
        return;
    }
}

/* Replayed tickets are kept in one file, which is made here, so that no folder for everybody's files is opened. */
static void of_replays(struct list *list)
{
    const char *name = secure_getenv("KRB5RCACHENAME"), *folder = secure_getenv("KRB5RCACHEDIR");
    char path[PATH_MAX];
    int fd;

    if (name) {
        add_file(list, strchr(name, '/'), true);
        return;
    }
    if (!folder)
        folder = secure_getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/krb5_%lu.rcache2", folder ? folder : "/var/tmp", (unsigned long)geteuid());
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
    add_text(list, path, true);
}

static void of_kerberos(struct list *list, const struct pf_conf *conf)
{
    const char *config = secure_getenv("KRB5_CONFIG");

    add_file(list, conf->keytab, false);
    add_text(list, "/etc", false);
    add_file(list, config, false);
    of_replays(list);
}

static void of_oauth(struct list *list, const struct pf_conf_oauth *oauth)
{
    add_file(list, oauth->keys, false);
    add_file(list, oauth->client_secret_file, false);
    add_file(list, oauth->ca, false);
    list->paths->network = list->paths->network || (oauth->keys && oauth->keys[0] != '/') || oauth->introspect;
}

/* Names of the network and certificates. What is in /etc is replaced by rename, so it is the folder; owners and modes
 * guard what is secret there. */
static void of_network(struct list *list)
{
    static const char *const paths[] = {"/etc", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
                                        "/usr/lib/ssl", "/var/lib/ca-certificates"};
    static const char *const links[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        add_text(list, paths[i], false);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        add_file(list, links[i], false);
}

static void of_auth(struct list *list, const struct pf_conf *conf)
{
    const char *const files[] = {conf->password_file, conf->aliases, conf->tokens, conf->master_file};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        add_file(list, files[i], false);
    add_file(list, conf->login_record, true);
    for (size_t i = 0; i < conf->userdb_count; i++)
        of_userdb(list, &conf->userdbs[i]);
    of_oauth(list, &conf->oauth);
    if (conf->keytab)
        of_kerberos(list, conf);
    add_text(list, "/etc/machine-id", false);
    add_text(list, "/dev/urandom", false);
    if (list->paths->network)
        of_network(list);
}

enum pf_code pf_jail_paths_of(enum pf_sandbox_role role, const struct pf_conf *conf, struct pf_jail_paths *out,
                              struct pf_err *err)
{
    struct pf_jail_paths paths = {0};
    struct list list = {.paths = &paths};

    if (role == PF_SANDBOX_STORE)
        of_store(&list, conf);
    if (role == PF_SANDBOX_AUTH)
        of_auth(&list, conf);
    if (list.full) {
        pf_jail_paths_free(&paths);
        return pf_fail(err, PF_NO_MEMORY, 0, "jail", "no memory for the paths of a jail");
    }
    *out = paths;
    return PF_OK;
}

void pf_jail_paths_free(struct pf_jail_paths *paths)
{
    for (struct pf_jail_text *text = paths->texts, *next; text; text = next) {
        next = text->next;
        free(text);
    }
    free(paths->list);
    *paths = (struct pf_jail_paths){0};
}
