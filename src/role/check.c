#include "role/check.h"

#include "auth/auth_file.h"
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

static int say(const struct pf_err *err, const char *hint)
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
        status = say(&err, "look at `tls { … }`; a chain file begins with the server's own certificate");
    for (size_t i = 0; tls && pf_tls_describe(tls, i, text, sizeof text); i++)
        printf("certificate: %s\n", text);
    pf_tls_free(tls);
    if (tickets)
        pf_tls_tickets_free(tickets);
    return status;
}

static int check_users(const struct pf_conf *conf)
{
    struct pf_err err = {0};
    char warning[PF_ERR_LOG];

    if (pf_auth_file_check(conf->password_file, conf->weak_schemes, warning, &err) != PF_OK)
        return say(&err, "`postfach user add NAME` writes this file; see postfach(1)");
    if (warning[0])
        printf("warning: %s\n", warning);
    return 0;
}

static int check_listens(const struct pf_conf *conf)
{
    struct pf_err err;

    if (conf->listen_count)
        return 0;
    pf_fail(&err, PF_CONFIG, 0, "check", "there is no `listen`: nobody could connect");
    return say(&err, "listen 0.0.0.0:995 { tls implicit }");
}

static int check_run_as(const struct pf_conf *conf)
{
    if (!conf->run_as || getpwnam(conf->run_as))
        return 0;
    fprintf(stderr, "postfachd: run-as %s: there is no such user\n    hint: adduser --system --group %s\n",
            conf->run_as, conf->run_as);
    return pf_verdict(PF_CONFIG)->exit_status;
}

int pf_check_run(const char *conf_file)
{
    struct pf_conf *conf = pf_conf_read(conf_file, print_mistake, NULL);
    int status, worst;

    if (!conf)
        return pf_verdict(PF_CONFIG)->exit_status;
    worst = check_listens(conf);
    status = check_tls(conf);
    worst = status ? status : worst;
    status = check_users(conf);
    worst = status ? status : worst;
    status = check_run_as(conf);
    worst = status ? status : worst;
    pf_conf_free(conf);
    if (!worst)
        printf("%s: good\n", conf_file);
    return worst;
}
