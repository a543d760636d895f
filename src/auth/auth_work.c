#include "auth/auth_work.h"

#include "auth/password.h"
#include "auth/auth_sasl.h"
#include "auth/tokens.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>

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
static const char *barred(const struct pf_auth_work *work, enum pf_code found)
{
    if (work->refused)
        return "a name or password that nobody can have";
    if (found == PF_NO_USER)
        return "unknown user";
    if (found == PF_OK && work->found.nologin)
        return "this user may not log in (nologin, or a locked password)";
    if (found == PF_OK && work->found.entry.user.needs_tls && !work->tls)
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

static void admit(struct pf_auth_work *work)
{
    work->err = (struct pf_err){0};
    work->user = work->found.entry.user;
}

static enum pf_auth_step refused(struct pf_auth_work *work, const char *why)
{
    refuse(work, why);
    return PF_STEP_DONE;
}

static enum pf_auth_step failed(struct pf_auth_work *work, const struct pf_err *err)
{
    work->err = *err;
    return PF_STEP_DONE;
}

static void note(struct pf_auth_work *work, struct pf_bytes name)
{
    pf_text_safe(work->tried, sizeof work->tried, name);
}

/* A secret that has the form of a token is one, or nothing: it is never compared with a password. */
static enum pf_auth_step token(struct pf_auth_work *work, struct pf_bytes name)
{
    const struct pf_auth_quest quest = {.name = name, .peer = work->peer, .tls = work->tls};
    struct pf_err err = {0};
    enum pf_code code = work->refused ? PF_NO_USER : pf_auth_find(work->tables, &quest, &work->found, &err);
    struct pf_user *user = &work->found.entry.user;
    const struct pf_token *token;
    const char *why = barred(work, code);

    if (code != PF_OK && code != PF_NO_USER)
        return failed(work, &err);
    token = why ? NULL : pf_tokens_find(pf_auth_tables_tokens(work->tables), pf_bytes_of(user->name), work->secret);
    if (!why && !token)
        why = "no such token of this user";
    if (!why && user->master[0])
        why = "a token acts for nobody else";
    if (!why)
        why = pf_token_barred(token, work->peer, (int64_t)time(NULL));
    if (why)
        return refused(work, why);
    user->read_only = user->read_only || token->read_only;
    user->no_delete = user->no_delete || user->read_only || token->no_delete;
    snprintf(user->token, sizeof user->token, "%s", token->id);
    if (token->folder[0])
        snprintf(user->folder, sizeof user->folder, "%s", token->folder);
    work->every = token->every;
    admit(work);
    return PF_STEP_DONE;
}

/* A secret was shown. */
static enum pf_auth_step shown(struct pf_auth_work *work, struct pf_bytes name, struct pf_bytes acts_for)
{
    struct pf_auth_quest quest = {.name = name, .secret = work->secret, .acts_for = acts_for, .peer = work->peer,
                                  .tls = work->tls};
    struct pf_err err = {0};
    enum pf_code code = PF_NO_USER;

    if (pf_auth_tables_tokens(work->tables) && !acts_for.len && pf_token_form(work->secret))
        return token(work, name);
    if (!work->refused)
        code = pf_auth_find(work->tables, &quest, &work->found, &err);
    if (code != PF_OK && code != PF_NO_USER && code != PF_AUTH)
        return failed(work, &err);
    work->why = barred(work, code);
    if (!work->why && code == PF_AUTH) /* and the stand-in is computed, as for names that nobody has */
        work->why = "the source says that the password is wrong";
    work->barred = work->why != NULL;
    if (code == PF_OK && work->found.proved && !work->barred) {
        admit(work);
        return PF_STEP_DONE;
    }
    work->stored = work->barred ? pf_auth_tables_stand_in(work->tables) : work->found.stored;
    work->cache_time = work->found.cache_time;
    return PF_STEP_HASH;
}

/* A mechanism proved the name. */
static enum pf_auth_step proved(struct pf_auth_work *work, const struct pf_exchange_told *told)
{
    struct pf_auth_quest quest = {.name = told->anonymous ? PF_LIT("anonymous") : told->name,
                                  .acts_for = told->acts_for, .peer = work->peer, .tls = work->tls};
    struct pf_err err = {0};
    enum pf_code code = pf_auth_find(work->tables, &quest, &work->found, &err);
    const char *why = barred(work, code);

    if (code != PF_OK && code != PF_NO_USER)
        return failed(work, &err);
    if (why)
        return refused(work, why);
    admit(work);
    work->user.read_only = work->user.no_delete = work->user.read_only || told->anonymous;
    return PF_STEP_DONE;
}

static enum pf_auth_step apop(struct pf_auth_work *work)
{
    struct pf_auth_quest quest = {.name = work->name, .peer = work->peer, .tls = work->tls};
    struct pf_err err = {0};
    char password[PF_AUTH_STORED_MAX + 1];
    enum pf_code code = PF_NO_USER;
    const char *why;
    bool fits;

    if (!work->refused)
        code = pf_auth_find(work->tables, &quest, &work->found, &err);
    if (code != PF_OK && code != PF_NO_USER)
        return failed(work, &err);
    why = barred(work, code);
    if (!why && (!work->found.stored || !pf_password_plain(work->found.stored, password, sizeof password)))
        why = "what is stored of this user cannot be compared with a digest";
    if (why)
        snprintf(password, sizeof password, "%s", pf_auth_tables_stand_in(work->tables));
    fits = pf_exchange_apop(work->timestamp, password, work->secret);
    pf_wipe(password, sizeof password);
    if (why || !fits)
        return refused(work, why ? why : "wrong digest");
    admit(work);
    return PF_STEP_DONE;
}

/* The name that a mechanism ended in, as it will be looked up. */
static bool prepare(struct pf_bytes name, char out[PF_AUTH_NAME_MAX + 1])
{
    return pf_saslprep(name, out, PF_AUTH_NAME_MAX + 1) && pf_auth_name_ok(pf_bytes_of(out));
}

static enum pf_auth_step sasl(struct pf_auth_work *work)
{
    struct pf_exchange_told told = {0};
    struct pf_err err = {0};
    enum pf_exchange_step step = pf_auth_sasl_step(work, &told, &err);

    note(work, told.name);
    work->spent = told.spent;
    if (step == PF_EXCHANGE_CHALLENGE) {
        work->challenge = told.challenge;
        work->refused_early = told.refused;
        if (told.refused)
            work->err = err;
        return PF_STEP_CHALLENGE;
    }
    if (step == PF_EXCHANGE_FAILED && err.code == PF_AUTH)
        return refused(work, err.log);
    if (step == PF_EXCHANGE_FAILED)
        return failed(work, &err);
    work->refused = (!told.anonymous && !prepare(told.name, work->shown)) ||
                    (told.acts_for.len && !prepare(told.acts_for, work->shown_for)) ||
                    told.secret.len > PF_AUTH_SECRET_MAX;
    work->secret = told.secret;
    if (step == PF_EXCHANGE_CHECK)
        return shown(work, pf_bytes_of(work->shown), pf_bytes_of(work->shown_for));
    if (work->refused)
        return refused(work, "a name that nobody can have");
    if (!told.anonymous)
        told.name = pf_bytes_of(work->shown);
    told.acts_for = pf_bytes_of(work->shown_for);
    return proved(work, &told);
}

enum pf_auth_step pf_auth_work_begin(struct pf_auth_work *work)
{
    if (work->way == PF_AUTH_BY_SASL)
        return sasl(work);
    note(work, work->name);
    return work->way == PF_AUTH_BY_APOP ? apop(work) : shown(work, work->name, pf_bytes_of(work->shown_for));
}

bool pf_auth_work_again(struct pf_auth_work *work)
{
    if (work->way == PF_AUTH_BY_SASL) {
        if (!work->secret.len)
            return false;
        work->way = PF_AUTH_BY_PASSWORD;
        work->name = pf_bytes_of(work->shown);
    }
    work->stale = false;
    work->err = (struct pf_err){0};
    pf_wipe(&work->found, sizeof work->found);
    work->found = (struct pf_auth_found){0};
    return true;
}

void pf_auth_work_hash(struct pf_auth_work *work)
{
    bool allow_weak = pf_auth_tables_settings(work->tables)->allow_weak_schemes;
    struct pf_err err = {0};
    enum pf_code code = compare(work->secret, work->stored, allow_weak, &err);

    if (code != PF_OK && code != PF_AUTH) /* no memory: for the stand-in, too */
        work->err = err;
    else if (work->barred)
        refuse(work, work->why);
    else if (code == PF_AUTH)
        refuse(work, "wrong password");
    else
        admit(work);
}

void pf_auth_work_fits(struct pf_auth_work *work)
{
    admit(work);
}

void pf_auth_work_run(struct pf_auth_work *work)
{
    if (pf_auth_work_begin(work) == PF_STEP_HASH)
        pf_auth_work_hash(work);
}
