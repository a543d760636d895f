#include "session/guest.h"

#include "base/text.h"

#include <stdio.h>
#include <time.h>

void pf_guest_tell_login(struct pf_guest_session *g, const struct pf_err *err)
{
    struct pf_tell tell = {.kind = PF_TELL_AUTH, .err = *err};

    pf_guest_ask_cancel(g);
    pf_guest_tell(g, &tell);
}

static void checked(struct pf_auth_check *check)
{
    struct pf_guest_session *g =
        (struct pf_guest_session *)(void *)((char *)check - offsetof(struct pf_guest_session, check));
    struct pf_err trouble;

    g->checking = false;
    if (pf_auth_trouble(g->hall->parts.auth, &trouble))
        pf_guest_log_trouble(g, "passwords not read anew", &trouble);
    if (check->err.code == PF_OK)
        g->user = check->user;
    else
        pf_guest_log_login_failed(g, &check->err, pf_bytes_of(g->user.name));
    pf_guest_tell_login(g, &check->err);
    pf_guest_turn(g);
}

static void check(struct pf_guest_session *g, struct pf_bytes name, struct pf_bytes secret)
{
    const struct pf_conn_info *info = pf_conn_info(g->conn);

    /* Until the check ends, user.name is what was tried, for the log. */
    pf_text_safe(g->user.name, sizeof g->user.name, name);
    g->check = (struct pf_auth_check){
        .done = checked, .name = name, .secret = secret, .peer = info->peer, .tls = info->tls};
    g->checking = true;
    pf_auth_check(g->hall->parts.auth, &g->check);
}

void pf_guest_ask_pass(struct pf_guest_session *g, const struct pf_ask *ask)
{
    g->mechanism = "USER";
    check(g, ask->name, ask->secret);
}

void pf_guest_ask_apop(struct pf_guest_session *g, const struct pf_ask *ask)
{
    struct pf_err err;

    g->mechanism = "APOP";
    pf_fail(&err, PF_NO_MECH, 0, "apop", "no stored password can be compared with a digest");
    pf_guest_log_login_failed(g, &err, ask->name);
    pf_guest_tell_login(g, &err);
}

void pf_guest_ask_cancel(struct pf_guest_session *g)
{
    pf_exchange_free(g->exchange);
    g->exchange = NULL;
}

static enum pf_exchange_step step(struct pf_guest_session *g, const struct pf_ask *ask,
                                  struct pf_exchange_told *out_told, struct pf_err *err)
{
    if (ask->first) {
        pf_guest_ask_cancel(g);
        g->mechanism = ask->mechanism;
        g->exchange = pf_exchange_new(&(struct pf_exchange_settings){.mechanism = ask->mechanism}, err);
    }
    if (!g->exchange)
        return PF_EXCHANGE_FAILED;
    return pf_exchange_step(g->exchange, ask->secret, ask->has_response, out_told, err);
}

void pf_guest_ask_sasl(struct pf_guest_session *g, const struct pf_ask *ask)
{
    struct pf_tell tell = {.kind = PF_TELL_CHALLENGE};
    struct pf_exchange_told told = {0};

    switch (step(g, ask, &told, &tell.err)) {
    case PF_EXCHANGE_CHALLENGE:
        tell.challenge = told.challenge;
        pf_guest_tell(g, &tell);
        break;
    case PF_EXCHANGE_CHECK:
        if (told.acts_for.len == 0) {
            check(g, told.name, told.secret);
            break;
        }
        /* fall through */
    case PF_EXCHANGE_PROVED:
        pf_fail(&tell.err, PF_AUTH, 0, "exchange", "nobody acts for another or proves a name himself");
        /* fall through */
    case PF_EXCHANGE_FAILED:
        pf_guest_log_login_failed(g, &tell.err, (struct pf_bytes){0});
        pf_guest_tell_login(g, &tell.err);
        break;
    }
}

void pf_guest_ask_open(struct pf_guest_session *g)
{
    const struct pf_conf *conf = g->generation->conf;
    struct pf_err err;

    g->expire_days = g->user.expire_days == -2 ? conf->expire_days : g->user.expire_days;
    g->login_delay =
        g->user.login_delay == -2 ? conf->login_delay : (uint32_t)g->user.login_delay;
    if (g->user.maildrop[0]) {
        snprintf(g->maildrop, sizeof g->maildrop, "%s", g->user.maildrop);
    } else if (!pf_conf_maildrop(conf, g->user.name, g->maildrop, sizeof g->maildrop)) {
        pf_fail(&err, PF_NO_BOX, 0, "open", "the name %s does not fit the template `mail { path }`",
                g->user.name);
        pf_guest_refuse_open(g, &err);
        return;
    }
    pf_guest_open_box(g);
}
