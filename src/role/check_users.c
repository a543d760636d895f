#include "role/check_users.h"

#include "auth/auth_file.h"
#include "auth/oauth.h"
#include "auth/tokens.h"
#include "role/check.h"
#include "sys/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATIENCE = 3000,  /* ms for one database: eight of them must not keep who started us for a minute */
    ENTRY = 4096,     /* octets of a line of passwd(5) */
    GROUPS_MAX = 256, /* of the user that the server runs as */
    KEYTAB = 5        /* the first octet of a file of Kerberos keys */
};

static int file_of_users(const char *path, const struct pf_conf *conf, const char *hint)
{
    struct pf_err err = {0};
    char warning[PF_ERR_LOG];

    if (!path)
        return 0;
    if (pf_auth_file_check(path, conf->weak_schemes, warning, &err) != PF_OK)
        return pf_check_say(&err, hint);
    if (warning[0])
        printf("warning: %s\n", warning);
    return 0;
}

static int password_file(const struct pf_conf *conf)
{
    return file_of_users(conf->password_file, conf, "`postfach user add NAME` writes this file; see postfach(1)");
}

static int master_file(const struct pf_conf *conf)
{
    return file_of_users(conf->master_file, conf, "master-file has the form of the password file");
}

static int userdb(const struct pf_conf *conf, size_t index)
{
    struct pf_conf_userdb block = conf->userdbs[index];
    struct pf_err err = {0};
    enum pf_code code;
    char hint[80];

    if (block.kind == PF_CONF_USERDB_FILE)
        return file_of_users(block.path, conf, "a userdb of files has the form of the password file");
    block.timeout = block.timeout < PATIENCE ? block.timeout : PATIENCE;
    block.connections = 1;
    code = pf_auth_source_check(&block, &err);
    if (code == PF_TEMP)
        printf("warning: userdb number %zu gives no answer now: %s\n", index + 1, err.log);
    snprintf(hint, sizeof hint, "look at block number %zu of `userdb`; postfach.conf(5)", index + 1);
    return code == PF_OK || code == PF_TEMP ? 0 : pf_check_say(&err, hint);
}

static int userdbs(const struct pf_conf *conf)
{
    int worst = 0;

    for (size_t i = 0; i < conf->userdb_count; i++) {
        int status = userdb(conf, i);

        worst = status ? status : worst;
    }
    return worst;
}

static int tokens(const struct pf_conf *conf)
{
    struct pf_err err = {0};
    char warning[PF_ERR_LOG];

    if (!conf->tokens)
        return 0;
    if (pf_tokens_check(conf->tokens, warning, &err) != PF_OK)
        return pf_check_say(&err, "`postfach user token` writes this file; see postfach(1)");
    if (warning[0])
        printf("warning: %s\n", warning);
    return 0;
}

static int keytab(const struct pf_conf *conf)
{
    struct pf_err err;
    unsigned char first = 0;
    ssize_t got = -1;
    int fd;

    if (!conf->keytab)
        return 0;
    fd = open(conf->keytab, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0) {
        got = read(fd, &first, 1);
        close(fd);
    }
    if (got == 1 && first == KEYTAB)
        return 0;
    pf_fail(&err, PF_CONFIG, got < 0 ? errno : 0, "check", "keytab %s: %s", conf->keytab,
            got < 0 ? strerror(errno) : "holds no Kerberos keys");
    return pf_check_say(&err, "kadmin: ktadd -k FILE pop/HOSTNAME");
}

/* Read as the server would read it, beside the first certificate. */
static int client_ca(const struct pf_conf *conf)
{
    struct pf_tls_pair pair;
    struct pf_tls_settings settings = {.pairs = &pair, .pair_count = 1, .client_ca = conf->client_ca};
    struct pf_tls_tickets *tickets;
    struct pf_err err = {0};
    struct pf_tls *tls;
    int status = 0;

    if (!conf->client_ca || conf->pair_count == 0)
        return 0;
    pair = (struct pf_tls_pair){conf->pairs[0].certificate, conf->pairs[0].key};
    tickets = pf_tls_tickets_new((unsigned)conf->ticket_rotate, &err);
    tls = tickets ? pf_tls_new(&settings, tickets, &err) : NULL;
    if (!tls)
        status = pf_check_say(&err, "client-ca is a PEM file with the certificates of who signs those of clients");
    pf_tls_free(tls);
    if (tickets)
        pf_tls_tickets_free(tickets);
    return status;
}

static int oauth(const struct pf_conf *conf)
{
    struct pf_err err = {0};
    struct pf_oauth *parts;

    if (!conf->oauth.keys && !conf->oauth.introspect)
        return 0;
    parts = pf_oauth_new(&conf->oauth, &err);
    if (!parts)
        return pf_check_say(&err, "look at `oauth { … }`; postfach.conf(5)");
    pf_oauth_free(parts);
    return 0;
}

/* May that user do there what `bits` (S_IROTH …) say?
 * Who starts the check is root most of the time, who may everywhere. */
static bool may(const struct stat *st, const struct passwd *user, mode_t bits)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    mode_t want = bits;

    if (user->pw_uid == 0)
        return true;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        count = GROUPS_MAX;
    for (int i = 0; i < count; i++)
        if (groups[i] == st->st_gid)
            want = bits << 3;
    if (user->pw_uid == st->st_uid)
        want = bits << 6;
    return (st->st_mode & want) == want;
}

/* The file alone: of the folders above it nothing is said. */
static int auth_reads(const struct pf_conf *conf)
{
    struct passwd entry, *user = NULL;
    char room[ENTRY];
    struct pf_err err;
    struct stat st;

    if (!conf->auth_user || !conf->password_file || stat(conf->password_file, &st) != 0)
        return 0;
    (void)getpwnam_r(conf->auth_user, &entry, room, sizeof room, &user);
    if (!user || may(&st, user, S_IROTH))
        return 0;
    pf_fail(&err, PF_CONFIG, 0, "check", "password-file %s: auth-user %s may not read it", conf->password_file,
            conf->auth_user);
    return pf_check_say(&err, "chgrp it to the group of auth-user, and chmod 640");
}

static int login_record(const struct pf_conf *conf)
{
    const char *name = conf->auth_user ? conf->auth_user : conf->run_as; /* in whose process it is written */
    struct passwd entry, *user = NULL;
    char room[ENTRY];
    char *folder = conf->login_record ? strdup(conf->login_record) : NULL;
    char *slash = folder ? strrchr(folder, '/') : NULL;
    const char *why = NULL;
    struct pf_err err;
    struct stat st;

    if (name)
        (void)getpwnam_r(name, &entry, room, sizeof room, &user);
    if (slash)
        slash[slash == folder] = 0;
    if (slash && stat(folder, &st) != 0)
        why = strerror(errno);
    else if (slash && !S_ISDIR(st.st_mode))
        why = "is no folder";
    else if (slash && !(user ? may(&st, user, S_IWOTH | S_IXOTH) : access(folder, W_OK | X_OK) == 0))
        why = "is not writable for the server";
    if (why)
        pf_fail(&err, PF_CONFIG, 0, "check", "login-record: %s %s", folder, why);
    free(folder);
    return why ? pf_check_say(&err, "make the folder, for the user that auth runs as alone (auth-user or run-as)") : 0;
}

int pf_check_users(const struct pf_conf *conf)
{
    static int (*const checks[])(const struct pf_conf *) = {password_file, userdbs,   master_file, tokens,
                                                            keytab,        client_ca, oauth,       auth_reads,
                                                            login_record};
    int worst = 0;

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int status = checks[i](conf);

        worst = status ? status : worst;
    }
    return worst;
}
