#include "role/jail.h"

#include "sys/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ABSENT_MAX = 400 }; /* octets of the names of folders in a line of the log */

/* Which of the paths are not there, with blanks between. */
static void tell_absent(const struct pf_sandbox *wanted, char out_text[ABSENT_MAX])
{
    size_t len = 0;

    out_text[0] = 0;
    for (size_t i = 0; i < wanted->count; i++)
        if (access(wanted->paths[i].path, F_OK) != 0 && len < ABSENT_MAX - 1)
            len += (size_t)snprintf(out_text + len, ABSENT_MAX - len, "%s%s", len ? " " : "", wanted->paths[i].path);
}

static void tell(struct pf_log *log, const char *role, const struct pf_sandbox_report *report, const char *absent)
{
    const struct pf_field fields[] = {
        PF_TEXT_FIELD("role", role),
        PF_TEXT_FIELD("missing", report->missing[0] ? report->missing : "nothing"),
        PF_NUMBER_FIELD("landlock", (uint64_t)report->landlock),
        PF_TEXT_FIELD("absent", absent[0] ? absent : NULL),
    };

    pf_log_event(log, PF_EVENT_jail, fields, sizeof fields / sizeof *fields);
}

/* Behind the settings' paths those of the role. PF_OK or PF_NO_MEMORY. */
static enum pf_code join(struct pf_jail_paths *paths, const struct pf_jail_needs *needs, struct pf_err *err)
{
    struct pf_sandbox_path *more;

    if (!needs || !needs->count)
        return PF_OK;
    more = realloc(paths->list, (paths->count + needs->count) * sizeof *more);
    if (!more)
        return pf_fail(err, PF_NO_MEMORY, 0, "jail", "no memory for the paths of a jail");
    paths->list = more;
    memcpy(more + paths->count, needs->paths, needs->count * sizeof *more);
    paths->count += needs->count;
    return PF_OK;
}

static enum pf_code enter(enum pf_sandbox_role role, const struct pf_jail_paths *paths, const char *name,
                          struct pf_log *log, struct pf_err *err)
{
    const struct pf_sandbox wanted = {.role = role, .network = paths->network, .paths = paths->list,
                                      .count = paths->count, .sockets = paths->sockets};
    struct pf_sandbox_report report;
    char absent[ABSENT_MAX];
    enum pf_code code;

    tell_absent(&wanted, absent);
    code = pf_sandbox_enter(&wanted, &report, err);
    if (code == PF_OK)
        tell(log, name ? name : pf_sandbox_role_name(role), &report, absent);
    return code;
}

enum pf_code pf_jail_enter(enum pf_sandbox_role role, const struct pf_conf *conf, const struct pf_jail_needs *needs,
                           struct pf_log *log, struct pf_err *err)
{
    struct pf_jail_paths paths = {0};
    enum pf_code code = PF_OK;
    unsigned char octet;

    tzset(); /* reads a file, as does OpenSSL when it is first used */
    (void)pf_random(&octet, 1, NULL);
    if (!needs || !needs->alone)
        code = pf_jail_paths_of(role, conf, &paths, err);
    if (code == PF_OK)
        code = join(&paths, needs, err);
    if (code == PF_OK)
        code = enter(role, &paths, needs ? needs->name : NULL, log, err);
    pf_jail_paths_free(&paths);
    return code;
}
