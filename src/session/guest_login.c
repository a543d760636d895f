#include "session/guest.h"
#include "session/proxied.h"

#include "auth/right.h"
#include "base/text.h"
#include "sys/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BINDING = 64 }; /* octets of channel binding data */

/* From the first question to the verdict; an exchange of many steps keeps it. */
struct pf_guest_login {
    struct pf_guest_session *guest;
    bool checking; /* auth has it */
    bool refused;  /* and that was logged */
    struct pf_auth_check check;
    unsigned char exporter[BINDING], unique[BINDING];
};

static const struct pf_guest_user nobody = {.name = "", .maildrop = "", .recipient = "", .master = "", .token = ""};

void pf_guest_user_init(struct pf_guest_session *g)
{
    g->user = &nobody;
}

static void forget_user(struct pf_guest_session *g)
{
    if (g->user != &nobody)
        free((void *)(uintptr_t)g->user);
    g->user = &nobody;
}

void pf_guest_user_free(struct pf_guest_session *g)
{
    forget_user(g);
    free(g->timestamp);
    g->timestamp = NULL;
}

static const char *put(char **to, const char *text)
{
    size_t octets = strlen(text) + 1;
    char *at = *to;

    memcpy(at, text, octets);
    *to += octets;
    return at;
}

static bool keep_user(struct pf_guest_session *g, const struct pf_user *u, const char *maildrop)
{
    size_t texts = strlen(u->name) + strlen(maildrop) + strlen(u->recipient) + strlen(u->master) + strlen(u->token) + 5;
    struct pf_guest_user *kept = malloc(sizeof *kept + texts);
    char *to;

    forget_user(g);
    if (!kept)
        return false;
    to = kept->texts;
    kept->name = put(&to, u->name);
    kept->maildrop = put(&to, maildrop);
    kept->recipient = put(&to, u->recipient);
    kept->master = put(&to, u->master);
    kept->token = put(&to, u->token);
    kept->pass = u->pass;
    kept->no_delete = u->no_delete;
    kept->read_only = u->read_only;
    g->user = kept;
    return true;
}

const char *pf_guest_name(const struct pf_guest_session *g)
{
    return g->user == &nobody && g->login ? g->login->check.user.name : g->user->name;
}

static void login_free(struct pf_guest_session *g)
{
    if (g->login)
        pf_auth_forget(g->hall->parts.auth, &g->login->check);
    free(g->login);
    g->login = NULL;
}

void pf_guest_drop_login(struct pf_guest_session *g)
{
    if (g->login && g->login->checking)
        pf_auth_abandon(g->hall->parts.auth, &g->login->check);
    login_free(g);
}

/* What auth may know of the connection, but for channel binding. */
static struct pf_auth_link link_of(const struct pf_guest_session *g)
{
    const struct pf_conn_info *info = pf_conn_info(g->conn);

    return (struct pf_auth_link){
        .peer = info->peer,
        .tls = pf_proxied_encrypted(info),
        .tls_version = pf_proxied_version(info),
        .certificate = info->certificate[0] ? info->certificate : NULL,
    };
}

/* Channel binding is computed only where it can serve: most clients show a password. */
static void bind_link(const struct pf_guest_session *g, struct pf_auth_link *link, unsigned char *exporter,
                      unsigned char *unique)
{
    if (!pf_conn_info(g->conn)->tls || !pf_auth_binds(g->hall->parts.auth))
        return;
    if (!g->exporter_spent)
        link->exporter = pf_bytes_from(exporter, pf_conn_binding(g->conn, PF_BINDING_EXPORTER, exporter, BINDING));
    link->unique = pf_bytes_from(unique, pf_conn_binding(g->conn, PF_BINDING_UNIQUE, unique, BINDING));
}

/* RFC 1939 section 7: new for each greeting, and nobody can know it before. */
static void make_timestamp(struct pf_guest_session *g)
{
    uint64_t random[2];
    char stamp[PF_GUEST_STAMP];

    if (pf_random((unsigned char *)random, sizeof random, NULL) != PF_OK)
        return;
    snprintf(stamp, sizeof stamp, "<%llu.%llu@%s>", (unsigned long long)random[0],
                 (unsigned long long)random[1], g->generation->conf->listens[g->listen].hostname);
    g->timestamp = strdup(stamp);
}

void pf_guest_offer(struct pf_guest_session *g, bool greeting)
{
    const struct pf_auth *auth = g->hall->parts.auth;
    unsigned char exporter[BINDING], unique[BINDING];
    struct pf_auth_link link = link_of(g);
    const struct pf_profile *profile = &g->generation->profiles[g->listen];

    bind_link(g, &link, exporter, unique);
    pf_pop3_server_offer(g->engine, pf_auth_offer(auth, &link) & profile->mechanisms);
    if (!greeting || !g->generation->conf->listens[g->listen].apop || !pf_auth_offers_apop(auth))
        return;
    make_timestamp(g);
    if (g->timestamp)
        pf_pop3_server_apop(g->engine, g->timestamp);
}

static void log_master(struct pf_guest_session *g, const struct pf_user *user)
{
    const struct pf_field fields[] = {
        PF_TEXT_FIELD("user", user->name),
        PF_TEXT_FIELD("master", user->master),
        PF_TEXT_FIELD("address", pf_conn_info(g->conn)->peer),
        PF_TEXT_FIELD("mech", g->mechanism),
    };

    pf_log_event(g->hall->parts.log, PF_EVENT_master_login, fields, sizeof fields / sizeof fields[0]);
}

static void tell_verdict(struct pf_guest_session *g, const struct pf_err *err)
{
    struct pf_tell tell = {.kind = PF_TELL_AUTH, .err = *err};

    /* What is known of a good user is asked for when the maildrop is opened, which comes next. */
    if (err->code != PF_OK)
        login_free(g);
    pf_guest_tell(g, &tell);
}

static void tell_challenge(struct pf_guest_session *g, struct pf_bytes challenge)
{
    struct pf_tell tell = {.kind = PF_TELL_CHALLENGE, .challenge = challenge};

    pf_guest_tell(g, &tell);
}

static void take_verdict(struct pf_guest_session *g, const struct pf_auth_check *check)
{
    struct pf_err err = check->err;

    pf_guest_count_login(g, &err);
    if (g->exporter_spent)
        pf_guest_offer(g, false);
    if (err.code != PF_OK && !g->login->refused)
        pf_guest_log_login_failed(g, &err, pf_bytes_of(check->user.name));
    else if (err.code == PF_OK && check->user.master[0])
        log_master(g, &check->user);
    tell_verdict(g, &err);
}

static void checked(struct pf_auth_check *check)
{
    struct pf_guest_login *login =
        (struct pf_guest_login *)(void *)((char *)check - offsetof(struct pf_guest_login, check));
    struct pf_guest_session *g = login->guest;
    struct pf_err trouble;

    login->checking = false;
    g->exporter_spent = g->exporter_spent || check->spent;
    if (pf_auth_trouble(g->hall->parts.auth, &trouble))
        pf_guest_log_trouble(g, "passwords not read anew", &trouble);
    if (check->more && check->err.code != PF_OK) {
        login->refused = true;
        pf_guest_log_login_failed(g, &check->err, pf_bytes_of(check->user.name));
    }
    if (check->more)
        tell_challenge(g, check->challenge);
    else
        take_verdict(g, check);
    pf_guest_turn(g);
}

/* False without memory; that was told then. */
static bool begin(struct pf_guest_session *g, bool first)
{
    struct pf_err err;

    if (first) {
        login_free(g);
        forget_user(g);
        g->login_began = pf_guest_now(g);
    }
    if (!g->login)
        g->login = calloc(1, sizeof *g->login);
    if (!g->login) {
        pf_fail(&err, PF_NO_MEMORY, 0, "login", "no memory for a login");
        tell_verdict(g, &err);
        return false;
    }
    g->login->guest = g;
    g->login->check.done = checked;
    g->login->check.link = link_of(g);
    g->login->check.session = g->id;
    return true;
}

static void check(struct pf_guest_session *g, enum pf_auth_way way)
{
    g->login->check.way = way;
    g->login->checking = true;
    pf_auth_check(g->hall->parts.auth, &g->login->check);
}

static void check_secret(struct pf_guest_session *g, const struct pf_ask *ask, enum pf_auth_way way)
{
    if (!begin(g, true))
        return;
    pf_text_safe(g->login->check.user.name, sizeof g->login->check.user.name, ask->name); /* for the log */
    g->login->check.name = ask->name;
    g->login->check.secret = ask->secret;
    g->login->check.timestamp = g->timestamp;
    check(g, way);
}

void pf_guest_ask_pass(struct pf_guest_session *g, const struct pf_ask *ask)
{
    g->mechanism = "USER";
    check_secret(g, ask, PF_AUTH_BY_PASSWORD);
}

void pf_guest_ask_apop(struct pf_guest_session *g, const struct pf_ask *ask)
{
    g->mechanism = "APOP";
    check_secret(g, ask, PF_AUTH_BY_APOP);
}

void pf_guest_ask_cancel(struct pf_guest_session *g)
{
    pf_guest_drop_login(g);
    if (g->exporter_spent)
        pf_guest_offer(g, false);
}

void pf_guest_ask_sasl(struct pf_guest_session *g, const struct pf_ask *ask)
{
    if (!begin(g, ask->first))
        return;
    if (ask->first) {
        g->mechanism = ask->mechanism;
        bind_link(g, &g->login->check.link, g->login->exporter, g->login->unique);
    }
    g->login->check.mechanism = ask->mechanism;
    g->login->check.response = ask->secret;
    g->login->check.has_response = ask->has_response;
    check(g, PF_AUTH_BY_SASL);
}

void pf_guest_ask_open(struct pf_guest_session *g)
{
    const struct pf_user *user = &g->login->check.user;
    struct pf_right right;
    struct pf_err err = {0};

    if (pf_right_of(g->generation->conf, user, &right, &err) == PF_OK && !keep_user(g, user, right.path))
        pf_fail(&err, PF_NO_MEMORY, 0, "login", "no memory for a session");
    if (err.code != PF_OK)
        pf_guest_refuse_open(g, &err);
    login_free(g);
    if (err.code != PF_OK)
        return;
    g->expire_days = right.expire_days;
    g->login_delay = right.login_delay;
    pf_guest_open_box(g);
}
