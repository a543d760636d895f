#include "auth/auth_look.h"

static bool missing(const struct pf_auth_stamps *stamps)
{
    for (size_t i = 0; i < PF_AUTH_FILES; i++)
        if (!stamps->of[i].there)
            return true;
    return false;
}

static enum pf_look_verdict read_anew(struct pf_auth_look *look, bool forced)
{
    look->fresh = pf_auth_tables_open(pf_auth_tables_settings(look->tables), &look->err);
    if (!look->fresh)
        return look->err.code == PF_AGAIN && !forced ? PF_LOOK_BUSY : PF_LOOK_BAD;
    if (pf_auth_tables_count(look->fresh) == 0 && pf_auth_tables_count(look->tables) > 0) {
        pf_auth_tables_drop(look->fresh);
        look->fresh = NULL;
        pf_fail(&look->err, PF_CONFIG, 0, "auth",
                "the password file has no users any more: the old ones stay until a reload");
        return PF_LOOK_BAD;
    }
    look->now = *pf_auth_tables_stamps(look->fresh);
    return PF_LOOK_NEW;
}

void pf_auth_look_work(struct pf_job *job)
{
    struct pf_auth_look *look = (struct pf_auth_look *)job;
    bool forced = look->flux >= PF_LOOK_RESTLESS;

    pf_auth_tables_stamps_now(pf_auth_tables_settings(look->tables), &look->now);
    if (pf_auth_stamps_equal(&look->now, &look->judged)) {
        look->verdict = PF_LOOK_SAME;
        return;
    }
    if (missing(&look->now))
        forced = look->flux >= PF_LOOK_MISSING;
    look->verdict = forced || pf_auth_stamps_quiet(&look->now) ? read_anew(look, forced) : PF_LOOK_BUSY;
}
