#include "auth/auth_work.h"

#include "auth/exchange.h"
#include "auth/password.h"
#include "base/text.h"

#include <stdio.h>

/* As it came first; then, when that is another text, as SASLprep has it. Which of the two are tried
 * depends on the secret alone. */
static enum pf_code compare(struct pf_bytes secret, const char *stored, bool allow_weak,
                            struct pf_err *err)
{
    char prepared[PF_AUTH_SECRET_MAX + 1];
    enum pf_code code = pf_password_check(secret, stored, allow_weak, err);

    if (code != PF_AUTH || !pf_saslprep(secret, prepared, sizeof prepared))
        return code;
    if (prepared[0] && !pf_bytes_equal(secret, pf_bytes_of(prepared)))
        code = pf_password_check(pf_bytes_of(prepared), stored, allow_weak, err);
    pf_wipe(prepared, sizeof prepared);
    return code;
}

/* Why this user gets the stand-in, for the administrator; NULL when he does not. */
static const char *barred(const struct pf_auth_work *work, enum pf_code found,
                          const struct pf_auth_entry *entry)
{
    if (work->refused)
        return "a name or password that nobody can have";
    if (found != PF_OK)
        return "unknown user";
    if (entry->nologin)
        return "this user may not log in (nologin, or a locked password)";
    if (entry->user.needs_tls && !work->tls)
        return "this user may not log in without TLS; the password was not looked at";
    return NULL;
}

static void refuse(struct pf_auth_work *work, const char *why)
{
    struct pf_auth_stamps now;

    if (!work->tls && pf_auth_tables_some_need_tls(work->tables)) {
        pf_fail(&work->err, PF_NEED_TLS, 0, "auth", "%s", why);
        snprintf(work->err.say, sizeof work->err.say,
                 "name or password is wrong, or this name needs TLS (STLS, or port 995)");
    } else {
        pf_fail(&work->err, PF_AUTH, 0, "auth", "%s", why);
    }
    pf_auth_tables_stamps_now(pf_auth_tables_settings(work->tables), &now);
    work->stale = !pf_auth_stamps_equal(&now, &work->judged);
}

void pf_auth_work_run(struct pf_auth_work *work)
{
    struct pf_auth_entry entry = {0};
    struct pf_err err = {0};
    enum pf_code found = PF_NO_USER, code;
    bool allow_weak = pf_auth_tables_settings(work->tables)->allow_weak_schemes;
    const char *why;

    if (!work->refused)
        found = pf_auth_tables_find(work->tables, work->name, &entry, &err);
    if (found != PF_OK && found != PF_NO_USER) {
        work->err = err;
        return;
    }
    why = barred(work, found, &entry);
    code = compare(work->secret, why ? pf_auth_tables_stand_in(work->tables) : entry.stored, allow_weak,
                   &err);
    if (code != PF_OK && code != PF_AUTH) /* no memory: for the stand-in, too */
        work->err = err;
    else if (why)
        refuse(work, why);
    else if (code == PF_AUTH)
        refuse(work, "wrong password");
    else
        work->user = entry.user;
}
