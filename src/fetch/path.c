#include "fetch/collect.h"

#include <stdio.h>
#include <string.h>

/* A name as a file may have it: no folder in it, not hidden, not `.` or `..`. */
static bool put_name(char *room, size_t cap, const char *name)
{
    size_t used = 0;

    for (const char *at = name; *at; at++) {
        bool odd = *at == '/' || *at == '%' || (*at == '.' && at == name) || (unsigned char)*at < 0x20;
        int n = snprintf(room + used, cap - used, odd ? "%%%02X" : "%c", (unsigned char)*at);
        if (n < 0 || (size_t)n >= cap - used)
            return false;
        used += (size_t)n;
    }
    return used > 0;
}

enum pf_code pf_collect_ledger_path(const struct pf_account *account, const char *state_home,
                                    const char *home, char *room, size_t cap, struct pf_err *err)
{
    char name[1024];
    bool has_state =
        state_home && state_home[0] == '/'; /* the XDG specification has relative ones ignored */
    int n;

    if (account->state) {
        n = snprintf(room, cap, "%s", account->state);
    } else if (!has_state && (!home || !*home)) {
        return pf_fail(err, PF_CONFIG, 0, "ledger",
                       "neither XDG_STATE_HOME nor HOME says where the record of fetched "
                       "mail is kept; hint: set `state` in the account");
    } else if (!put_name(name, sizeof name, account->name)) {
        return pf_fail(err, PF_CONFIG, 0, "ledger", "the account's name is too long for a file's");
    } else {
        n = snprintf(room, cap, "%s%s/postfach/%s.ledger", has_state ? state_home : home,
                     has_state ? "" : "/.local/state", name);
    }
    if (n < 0 || (size_t)n >= cap)
        return pf_fail(err, PF_CONFIG, 0, "ledger",
                       "the path of the record of fetched mail is too long");
    return PF_OK;
}
