#include "role/check.h"

#include "auth/auth_file.h"
#include "auth/lookup_aliases.h"
#include "base/kind.h"
#include "role/check_places.h"
#include "role/check_users.h"
#include "role/setup.h"
#include "sys/explain.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

int pf_check_say(const struct pf_err *err, const char *hint)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfachd: %s\n    hint: %s\n", pf_explain(err, text, sizeof text), hint);
    return pf_verdict(PF_CONFIG)->exit_status;
}

static int check_tls(const struct pf_conf *conf)
{
    struct pf_tls_tickets *tickets;
    struct pf_tls *tls = NULL;
    struct pf_err err = {0};
    char text[500];
    int status = 0;

    tickets = pf_tls_tickets_new((unsigned)conf->ticket_rotate, &err);
    if (!tickets || pf_setup_tls(conf, tickets, &tls, &err) != PF_OK)
        status = pf_check_say(&err, "look at `tls { … }`; a chain file begins with the server's own certificate");
    for (size_t i = 0; tls && pf_tls_describe(tls, i, text, sizeof text); i++)
        printf("certificate: %s\n", text);
    pf_tls_free(tls);
    if (tickets)
        pf_tls_tickets_free(tickets);
    return status;
}

/* Only what settings alone show: whose maildrop is an mbox, the password file says for each. */
static int check_mboxes(const struct pf_conf *conf)
{
    struct pf_bytes path;
    bool mbox = pf_kind_of(pf_bytes_of(conf->mail_path), &path) == PF_KIND_MBOX;
    struct pf_err err;
    struct stat st;

    if (mbox && (conf->quota_octets || conf->quota_messages))
        puts("warning: mail path is that of an mbox: no quota is kept for it");
    if (!conf->state_folder)
        return 0;
    if (stat(conf->state_folder, &st) != 0)
        pf_fail(&err, PF_CONFIG, errno, "check", "state-folder %s: %s", conf->state_folder, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        pf_fail(&err, PF_CONFIG, 0, "check", "state-folder %s is no folder", conf->state_folder);
    else
        return 0;
    return pf_check_say(&err, "make it, for the user that the server runs as alone");
}

/* One that is missing is made by the server, where its user may. */
static int check_journal(const struct pf_conf *conf)
{
    struct pf_err err;
    struct stat st;

    if (!conf->journal_folder || (stat(conf->journal_folder, &st) != 0 && errno == ENOENT))
        return 0;
    if (stat(conf->journal_folder, &st) != 0)
        pf_fail(&err, PF_CONFIG, errno, "check", "journal folder %s: %s", conf->journal_folder, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        pf_fail(&err, PF_CONFIG, 0, "check", "journal folder %s is no folder", conf->journal_folder);
    else
        return 0;
    return pf_check_say(&err, "make it, for the user that the server runs as alone");
}

static int check_aliases(const struct pf_conf *conf)
{
    struct pf_aliases *aliases = NULL;
    struct pf_auth_stamp stamp;
    struct pf_err err = {0};
    size_t len;
    char *text;

    if (!conf->aliases)
        return 0;
    text = pf_auth_file_read(conf->aliases, &len, &stamp, &err);
    if (text)
        aliases = pf_aliases_parse(conf->aliases, text, len, conf->ignore_case, &err);
    pf_aliases_free(aliases);
    return aliases ? 0 : pf_check_say(&err, "a line is `address: user, user`; see postfach.conf(5)");
}

static int check_listens(const struct pf_conf *conf)
{
    struct pf_err err;

    if (conf->listen_count)
        return 0;
    pf_fail(&err, PF_CONFIG, 0, "check", "there is no `listen`: nobody could connect");
    return pf_check_say(&err, "listen 0.0.0.0:995 { tls implicit }");
}

static int check_user(const char *setting, const char *user)
{
    if (!user || getpwnam(user))
        return 0;
    fprintf(stderr, "postfachd: %s %s: there is no such user\n    hint: adduser --system --group %s\n", setting, user,
            user);
    return pf_verdict(PF_CONFIG)->exit_status;
}

static int check_users_of_processes(const struct pf_conf *conf)
{
    int status = check_user("run-as", conf->run_as);

    status = status ? status : check_user("gate-user", conf->gate_user);
    return status ? status : check_user("auth-user", conf->auth_user);
}

int pf_check_run(const char *conf_file)
{
    struct pf_conf *conf = pf_conf_read(conf_file, print_mistake, NULL);
    static int (*const checks[])(const struct pf_conf *) = {check_listens, check_tls,    pf_check_users,
                                                            check_aliases, check_journal, check_mboxes,
                                                            check_users_of_processes, pf_check_places};
    int worst = 0;

    if (!conf)
        return pf_verdict(PF_CONFIG)->exit_status;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int status = checks[i](conf);

        worst = status ? status : worst;
    }
    pf_conf_free(conf);
    if (!worst)
        printf("%s: good\n", conf_file);
    return worst;
}
